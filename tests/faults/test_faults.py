"""A short, fixed selection of faults; `make faults` does them all, mixed, for as long as one likes."""

from pathlib import Path

import pytest

from tests.faults.trial import Plan, tried

SEED = 7
RATE = 25.0
ENOUGH = 100
"""Changes accepted."""
SHORT = ("die-at-before-intake-commit-registration", "die-at-after-commit-badging", "poison")
SQLITE = (
    "die-at-before-intake-commit-registration",
    "die-at-after-commit-badging",
    "raise-once-badging",
    "broker-killed",
    "poison",
    "die-at-after-mail-notifications",
)
POSTGRESQL = (
    "die-at-after-send-registration",
    "second-replica-badging",
    "database-restarted",
    "replayed-from-zero-badging",
)
LONG = [pytest.mark.thorough, pytest.mark.endurance]


@pytest.mark.parametrize(
    ("postgresql", "faults"),
    [
        pytest.param(False, SHORT, id="short"),
        pytest.param(False, SQLITE, id="sqlite", marks=LONG),
        pytest.param(True, POSTGRESQL, id="postgresql", marks=LONG),
    ],
)
async def test_what_was_promised_holds_whatever_breaks(tmp_path: Path, postgresql: bool, faults: tuple[str, ...]) -> None:
    trial = await tried(Plan(SEED, postgresql, RATE, None, faults, accepted_at_least=ENOUGH), tmp_path)
    broken = {name: breaches for name, breaches in trial.verdict.broken.items() if breaches}
    assert not broken, broken
    assert trial.verdict.counted["changes accepted"] >= ENOUGH
    assert len(trial.not_possible) < len(faults) / 2, trial.not_possible
