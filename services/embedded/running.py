"""What `lanyard run` shows: each step as it is taken, the demonstration's progress, the summary, and what to try next."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from badging import render
from services.embedded.demonstration import Demonstration, Summary
from services.embedded.first_keys import DESK_ACCOUNT, DESK_PASSWORD
from services.embedded.stack import Stack, StackSettings, alone_in
from services.embedded.supervisor import Change, State
from services.example.simulation import Simulation, SimulationFailed
from services.example.simulation import in_words as changes_in_words
from services.faults import CannotStart
from shared.conference_folder import ConferenceFault, load

FAILED, CANNOT_START = 1, 2
COUNTED = ("registered", "accredited", "refused", "withdrawn", "printed", "noticed")
"""What the summary counts, as `Row` has it."""


class Display:
    """The terminal: one line a step, with a bar where the work has a size."""

    def __init__(self) -> None:
        self.console = Console()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
        self._current: TaskID | None = None

    @contextlib.contextmanager
    def shown(self) -> Generator[None]:
        with self._progress:
            yield
            self._finish()

    def step(self, label: str) -> None:
        self.counted(label, 1)

    def counted(self, label: str, total: int) -> Callable[[int], None]:
        self._finish()
        task = self._progress.add_task(label, total=total)
        self._current = task
        return lambda done: self._progress.update(task, completed=done)

    def fetched(self, done: int, total: int) -> None:
        if self._current is not None:
            self._progress.update(self._current, completed=done, total=total)

    def changed(self, change: Change) -> None:
        if said := in_words(change):
            colour = "green" if change.state is State.READY else "yellow"
            self.console.print(f"[{colour}]{datetime.now().astimezone():%H:%M:%S} {said}[/]", highlight=False)

    def _finish(self) -> None:
        if self._current is not None:
            task = next(each for each in self._progress.tasks if each.id == self._current)
            self._progress.update(self._current, completed=task.total)
            self._current = None


def in_words(change: Change) -> str:
    """What is worth saying of a change; empty where nothing is."""
    match change:
        case Change(state=State.DIED, exit_code=int(code)):
            how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
            again = "" if change.again_in is None else f"; it is started again in {change.again_in:.1f} s"
            return f"{change.child} {how}{again}"
        case Change(state=State.READY, away_for=float(seconds)):
            return f"{change.child} is ready again after {seconds:.1f} s"
        case Change(state=State.KILLED):
            return f"{change.child} did not stop in time and was killed"
        case _:
            return ""


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


async def run(settings: StackSettings) -> int:
    """Start the stack, do the main job on the conference once, show what came of it, and stay up. Returns the exit code."""
    display = Display()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        with alone_in(settings.var):
            async with Stack(settings, display.step, display.changed) as stack:
                working = asyncio.create_task(_work(settings, stack, display))
                stopped = asyncio.create_task(stop.wait())
                await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
                if not working.done():
                    working.cancel()
                    await asyncio.gather(working, return_exceptions=True)
                exit_code = FAILED if working.cancelled() else working.result()
                if not settings.once and exit_code != CANNOT_START and not stopped.done():
                    display.console.print("\nEverything stays up until [bold]Ctrl-C[/].")
                    await stopped
                    display.console.print("Stopping every process.")
    except (CannotStart, ConferenceFault) as fault:
        display.console.print(f"[red]{fault}[/]", highlight=False, soft_wrap=True)
        return CANNOT_START
    if stopped.done():
        again = f"Stopped. Run it again with [bold]{command(settings)}[/]: it keeps what it has."
        display.console.print(again, highlight=False)
    return exit_code


def command(settings: StackSettings) -> str:
    """What was typed to start this stack."""
    port = "" if settings.port == StackSettings.model_fields["port"].default else f" PORT={settings.port}"
    var = "" if settings.var == StackSettings.model_fields["var"].default else f" VAR={settings.var}"
    return f"make run{port}{var}"


async def _work(settings: StackSettings, stack: Stack, display: Display) -> int:
    conference = await asyncio.to_thread(load, settings.conference_folder, render.layouts())
    kept = summary = Summary.kept(settings.var)
    try:
        with display.shown():
            await stack.start(display.fetched)
            if summary is None:
                simulation = Simulation(settings.url("registration"), stack.keys, conference)
                summary = await Demonstration(settings, stack.kafka, simulation, display.counted).run()
    except SimulationFailed as fault:
        display.console.print(f"[red]{fault}[/]", highlight=False, soft_wrap=True)
        return FAILED
    if not summary.wrong:
        summary.keep(settings.var)
    _show(display.console, settings, stack, summary)
    if kept is not None:
        display.console.print("\nThis is the summary of the first run in this folder; nobody was registered again.")
    return FAILED if summary.wrong else 0


_HEADINGS = ("Regis-\ntered", "Accre-\ndited", "Re-\nfused", "With-\ndrawn", "Prin-\nted", "Told", "Median\nms", "p99\nms")
"""In two lines, so that all fit a terminal of 80 columns: a heading cut short says nothing."""


def _show(console: Console, settings: StackSettings, stack: Stack, summary: Summary) -> None:
    table = Table(
        title="From a form's post to the printed badge and the mail",
        caption="Printed counts all whose badge was printed, also those who were refused or withdrew after that: their badges "
        "are void, and listed to be destroyed. Median and p99: from the post until the print job can be read, where no "
        "decision lies between.",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
    )
    table.add_column("Category", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in summary.rows:
        times = [f"{each:.0f}" if each is not None else "–" for each in (row.median_ms, row.p99_ms)]
        table.add_row(row.category, *(str(getattr(row, name)) for name in COUNTED), *times)
    totals = [sum(getattr(row, name) for row in summary.rows) for name in COUNTED]
    table.add_section()
    table.add_row("All", *map(str, totals), "", "")
    console.print(table)
    console.print(f"Then {changes_in_words(summary.changed_sessions)}: {summary.notices} mails in all.")
    for each in summary.wrong:
        console.print(f"[red]Wrong: {each}.[/]")
    _show_places(console, settings, stack, summary)


def _count(folder: Path, files: str) -> int:
    return sum(1 for _ in folder.glob(files))


def _show_places(console: Console, settings: StackSettings, stack: Stack, summary: Summary) -> None:
    places = Table.grid(padding=(0, 2))
    places.add_row("front door", f"{settings.url('registration')}/")
    for name in ("registration", "badging", "notifications"):
        places.add_row(name, f"{settings.url(name)}/openapi.json")
    places.add_row("Apache Kafka", stack.kafka.kafka_bootstrap_servers)
    places.add_row("keys", f"{settings.var / 'keys.toml'} (form, accreditation, programme, badging, operations, read-only)")
    places.add_row(
        "desk", f"{settings.url('registration')}/en/desk (account {DESK_ACCOUNT}, its {DESK_PASSWORD} is among the keys)"
    )
    places.add_row("badges", f"{settings.printed_folder} ({_count(settings.printed_folder, '*.pdf')} PDF files)")
    places.add_row("mails", f"{settings.mail_folder} ({_count(settings.mail_folder, '*.eml')} .eml files)")
    places.add_row("logs", str(settings.log_folder))
    console.print(places, highlight=False)
    var = "" if str(settings.var) == "var" else f" --var {settings.var}"
    key = f'$(grep ^operations {settings.var}/keys.toml | cut -d\\" -f2)'
    console.print("\nTry next:")
    for command in (
        f".venv/bin/lanyard logs{var} --no-follow --delegate {summary.example_delegate}",
        f".venv/bin/lanyard status{var}",
        f'curl -s -H "Authorization: Bearer {key}" "{settings.url("badging")}/badges?delegate={summary.example_delegate}"',
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
