"""`python -m bench`: every measurement, or those named, as one table. Exit code 1 where a goal is missed."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from bench import drain, intake, latency, pages, recovery
from bench.measures import Measure, table
from bench.stand import Spoilt, Stand
from services.faults import CannotStart

MEASUREMENTS: dict[str, Callable[[Stand, int], Awaitable[list[Measure]]]] = {
    "intake": intake.measure,
    "latency": latency.measure,
    "drain": drain.measure,
    "pages": pages.measure,
    "recovery": recovery.measure,
}


async def _measured(names: list[str], rounds: int, console: Console) -> list[Measure]:
    """Each on a stand of its own: none finds another's records or processes."""
    measures: list[Measure] = []
    for name in names:
        with (
            console.status(f"Measuring {name}, {rounds} rounds"),
            tempfile.TemporaryDirectory(prefix="lanyard-bench-") as folder,
        ):
            async with Stand(Path(folder)) as stand:
                measures += await MEASUREMENTS[name](stand, rounds)
    return measures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the main paths, each beside its limit.")
    # Without `choices`: argparse before Python 3.12 checks an empty list against them.
    parser.add_argument("measurements", nargs="*", help=f"of {', '.join(MEASUREMENTS)}; all, where none is named")
    parser.add_argument("--rounds", type=int, default=3, help="how often ours and the limit take turns")
    given = parser.parse_args()
    if unknown := set(given.measurements) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}: choose of {', '.join(MEASUREMENTS)}")
    console = Console()
    try:
        measures = asyncio.run(_measured(given.measurements or list(MEASUREMENTS), given.rounds, console))
    except (CannotStart, Spoilt) as fault:
        console.print(f"[red]{fault}[/]", highlight=False)
        return 2
    console.print(table(measures))
    return 0 if all(each.met for each in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
