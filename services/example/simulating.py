"""What `lanyard simulate` shows: a bar for each piece of work against a system that is already up."""

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from services.example.simulation import Simulation, SimulationFailed, in_words
from shared.conference_folder import ConferenceFault, load


def run(folder: Path, keys_file: Path, url: str, delegates: int, rate: float | None, seed: int) -> int:
    """Simulate; returns the exit code: 0 done, 1 registration answered otherwise, 2 not begun."""
    console = Console()
    try:
        keys = tomllib.loads(keys_file.read_text(encoding="utf-8"))
        conference = load(folder)
    except OSError as error:
        console.print(f"{error.filename} cannot be read: {error.strerror}. Name the keys' file with --keys.", style="red")
        return 2
    except (tomllib.TOMLDecodeError, ConferenceFault) as fault:
        console.print(str(fault), style="red", highlight=False)
        return 2
    try:
        changed = asyncio.run(_simulate(Simulation(url, keys, conference, seed), console, delegates, rate))
    except (SimulationFailed, ValueError) as fault:
        console.print(str(fault), style="red", highlight=False)
        return 1
    console.print(f"Registered {delegates} delegates; {in_words(changed)}.")
    return 0


async def _simulate(simulation: Simulation, console: Console, delegates: int, rate: float | None) -> list[str]:
    with Progress(console=console) as progress:

        def counted(label: str) -> Callable[[], None]:
            task = progress.add_task(label, total=delegates)
            return lambda: progress.advance(task)

        await simulation.register(delegates, rate, counted("Registering delegates"))
        await simulation.decide(counted("Deciding on accreditation"))
        return await simulation.change_programme()
