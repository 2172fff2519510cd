"""`make faults`: faults on purpose for some minutes, and a report. Exit code 0 only if every invariant held.

make faults MINUTES=30 SEED=7 DATABASE=sqlite|postgresql RATE=50
make faults MUTATION=list
make faults MUTATION=name      breaks the code on purpose; must end with an exit code other than 0
"""

import argparse
import asyncio
import faulthandler
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.faults import report
from tests.faults.breakage import FAULTS
from tests.faults.mutations import MUTATIONS
from tests.faults.trial import Plan, tried


def main() -> int:
    faulthandler.register(signal.SIGUSR1)
    given = _arguments()
    console = Console()
    if given.mutation == "list":
        for name, mutation in MUTATIONS.items():
            console.print(f"[bold]{name}[/]: {mutation.broken}; caught by: {' or '.join(mutation.caught_by)}")
        return 0
    if given.mutation and given.mutation not in MUTATIONS:
        console.print(f"There is no mutation {given.mutation}: MUTATION=list names those there are.")
        return 2
    plan = _plan(given)
    # Not in the folder of the report: the history of an earlier trial must not be taken for this one's.
    folder = Path(tempfile.mkdtemp(prefix="lanyard-faults-"))
    with console.status(f"Breaking things with seed {plan.seed}"):
        trial = asyncio.run(tried(plan, folder, lambda step: console.print(step, highlight=False)))
    report.write(trial, folder)
    given.to.mkdir(parents=True, exist_ok=True)
    for name in ("report.md", "history.jsonl"):
        shutil.copy(folder / name, given.to / name)
    console.print((given.to / "report.md").read_text(), markup=False, highlight=False)
    console.print(f"{report.summary(trial)}. The report and the history are in {given.to}.", highlight=False)
    if trial.verdict.holds:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    console.print(f"Databases, topics, logs, sheets and mails were kept in {folder}.", highlight=False)
    return 1


def _plan(given: argparse.Namespace) -> Plan:
    postgresql = given.database == "postgresql"
    if given.mutation:
        faults = MUTATIONS[given.mutation].faults
        return Plan(given.seed, postgresql, given.rate, None, faults, given.mutation)
    return Plan(given.seed, postgresql, given.rate, given.minutes * 60, given.fault or None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description="Faults on purpose, and what was promised checked.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=7, help="the same seed breaks the same things in the same order")
    parser.add_argument("--rate", type=float, default=50.0, help="changes asked for a second")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--mutation", default="", help="the code broken on purpose; `list` names the ways")
    parser.add_argument(
        "--fault", action="append", choices=sorted(FAULTS), metavar="FAULT", help="only this one; again for more"
    )
    parser.add_argument("--to", type=Path, default=Path("var/faults"), help="the folder of the report")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
