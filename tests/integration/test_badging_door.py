"""What a gate is told of a credential."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from badging.door import Door
from shared.clock import ConferenceClock
from tests.badging_app import NAME, Badging, badging_app
from tests.badging_examples import CONFERENCE, NOON, session


@pytest.fixture
def with_tables_of() -> str:
    return "badging"


@pytest.fixture
async def badging(database_url: str, tmp_path: Path) -> AsyncIterator[Badging]:
    async with badging_app(database_url, tmp_path) as badging:
        yield badging


async def verify(badging: Badging, credential: str, **parameters: str) -> dict[str, Any]:
    answer = await badging.get("/badges/verify", credential=credential, **parameters)
    assert answer.status_code == 200, answer.text
    assert NAME not in answer.text
    return answer.json()


async def test_a_valid_credential_is_admitted_without_a_name(badging: Badging):
    job = badging.issue()
    assert await verify(badging, job.credential) == {
        "admitted": True,
        "refusal": None,
        "badge_id": str(job.badge_id),
        "serial": job.serial,
        "category": "member",
        "zones": ["H"],
    }


async def test_a_guessed_or_foreign_credential_is_not(badging: Badging):
    job = badging.issue()
    guessed = job.credential[:-1] + ("0" if job.credential[-1] != "0" else "1")
    for credential in (guessed, job.serial, "LY1.HD26-00000-00000.0", f"LY2{job.credential[3:]}", "é"):
        answer = await verify(badging, credential)
        assert (answer["admitted"], answer["refusal"], answer["serial"]) == (False, "unknown-credential", None)


async def test_a_superseded_badge_is_not(badging: Badging):
    job = badging.issue()
    await badging.reprint(job.badge_id, {"reason": "stolen"})
    answer = await verify(badging, job.credential)
    assert (answer["admitted"], answer["refusal"]) == (False, "void-badge")


async def test_a_pass_is_for_its_days_at_the_venue(badging: Badging):
    today, yesterday = NOON.date(), NOON.date() - timedelta(days=1)
    assert (await verify(badging, badging.issue(pass_days=[today]).credential))["admitted"]
    answer = await verify(badging, badging.issue(pass_days=[yesterday]).credential)
    assert (answer["admitted"], answer["refusal"]) == (False, "not-valid-today")


async def test_a_day_begins_at_the_venues_midnight(badging: Badging):
    job = badging.issue(pass_days=[NOON.date()])
    after_midnight_in_paris = ConferenceClock(NOON.replace(hour=22, minute=30) - timedelta(days=1))
    door = Door(CONFERENCE, after_midnight_in_paris)
    assert (await badging.database.read(lambda tx: door.check(tx, job.credential))).admitted


async def test_a_session_admits_its_audience_as_it_is_now(badging: Badging):
    job = badging.issue()
    badging.handle(badging.desk.keep_sessions, session())
    assert (await verify(badging, job.credential, session="pilots"))["admitted"]
    badging.handle(badging.desk.keep_sessions, session(revision=2, audience=["guest"]))
    answer = await verify(badging, job.credential, session="pilots")
    assert (answer["admitted"], answer["refusal"]) == (False, "category-not-in-audience")
    assert (await badging.get("/badges/verify", credential=job.credential, session="regatta")).status_code == 404
