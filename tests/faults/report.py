"""The report of a trial: Markdown for a person, and one line for whoever waits for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.faults.trial import Trial

MOST_BREACHES = 20


def summary(trial: Trial) -> str:
    broken = [name for name, breaches in trial.verdict.broken.items() if breaches]
    accepted, faults = trial.verdict.counted["changes accepted"], sum(trial.inflicted.values())
    said = f"{accepted} changes accepted, {faults} faults: "
    return said + (f"BROKEN: {'; '.join(broken)}" if broken else "every invariant holds")


def write(trial: Trial, folder: Path) -> Path:
    """Write `report.md` beside the history; returns where."""
    file = folder / "report.md"
    file.write_text("\n".join(_lines(trial)) + "\n", encoding="utf-8")
    return file


def _lines(trial: Trial) -> Iterator[str]:
    plan = trial.plan
    yield f"# Faults with seed {plan.seed} on {'PostgreSQL' if plan.postgresql else 'SQLite'}"
    yield ""
    yield f"{summary(trial)}. {trial.accepted_a_second:.1f} changes a second were accepted, {plan.rate:g} were meant."
    yield f"Longest time without an accepted change: {trial.longest_stall:.1f} s."
    yield f"All work was done {trial.settled_after:.1f} s after everything was healed."
    if plan.mutation:
        yield f"The code was broken on purpose: {plan.mutation}."
    yield from _table("Invariant", "Breaches", {name: len(each) for name, each in trial.verdict.broken.items()})
    yield from _table("Counted", "Number", trial.verdict.counted)
    yield from _table("Fault", "Struck", trial.inflicted)
    for name, why in trial.not_possible.items():
        yield f"- {name}: not run: {why}"
    for name, breaches in trial.verdict.broken.items():
        if breaches:
            yield f"\n## Broken: {name}\n"
            yield from (f"- {each}" for each in breaches[:MOST_BREACHES])
            if len(breaches) > MOST_BREACHES:
                yield f"- and {len(breaches) - MOST_BREACHES} more"


def _table(what: str, number: str, rows: Mapping[str, int]) -> Iterator[str]:
    yield ""
    yield f"| {what} | {number} |"
    yield "|---|---:|"
    for name, value in rows.items():
        yield f"| {name} | {value} |"
    yield ""
