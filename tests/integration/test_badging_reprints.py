"""The badging desk reprints over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from badging import store
from shared.keys import Role
from tests.badging_app import NAME, Badging, authorization, badging_app


@pytest.fixture
def with_tables_of() -> str:
    return "badging"


@pytest.fixture
async def badging(database_url: str, tmp_path: Path) -> AsyncIterator[Badging]:
    async with badging_app(database_url, tmp_path) as badging:
        yield badging


async def test_a_reprint_answers_with_the_new_badge_on_the_callers_trace(badging: Badging):
    job = badging.issue()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with capture_logs() as logs:
        answer = await badging.reprint(
            job.badge_id, {"reason": "illegible", "station": "gate-2", "priority": "urgent"}, traceparent=trace
        )
    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/badges/{new['badge_id']}"
    assert (new["reason"], new["supersedes"], new["station"]) == ("illegible", str(job.badge_id), "gate-2")
    assert new["serial"] != job.serial
    assert [line["event"] for line in logs] == ["badge_voided", "badge_issued"]
    assert {line["trace_id"] for line in logs} == {trace[3:35]}
    assert NAME not in str(logs)
    with badging.database.connect() as tx:
        table = store.outbox.table
        assert tx.execute(table.select().order_by(table.c.seq.desc())).first().topic == "badge-queue.gate-2.urgent"


async def test_a_reprint_under_one_key_is_made_once(badging: Badging):
    job = badging.issue()
    key = {"Idempotency-Key": "desk-1-0001"}
    first, again = [await badging.reprint(job.badge_id, {"reason": "lost"}, **key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await badging.reprint(job.badge_id, {"reason": "stolen"}, **key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:lanyard:problem:key-reused")
    assert len(await badging.listed(delegate=job.delegate_id)) == 2


async def test_a_refused_reprint_leaves_its_key_free(badging: Badging):
    job = badging.issue()
    key = {"Idempotency-Key": "desk-1-0002"}
    assert (await badging.reprint(job.badge_id, {"reason": "lost", "station": "moon"}, **key)).status_code == 422
    assert (await badging.reprint(job.badge_id, {"reason": "lost", "station": "main"}, **key)).status_code == 201


async def test_a_badge_that_is_not_valid_says_which_one_is(badging: Badging):
    job = badging.issue()
    new = (await badging.reprint(job.badge_id, {"reason": "lost"})).json()
    answer = await badging.reprint(job.badge_id, {"reason": "lost"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:lanyard:problem:badge-not-valid")
    assert new["badge_id"] in answer.json()["detail"]


async def test_every_fault_of_a_reprint_is_named_at_once(badging: Badging):
    answer = await badging.reprint(badging.issue().badge_id, {"reason": "bored", "priority": "now", "printer": "p1"})
    assert answer.status_code == 422
    assert sorted(fault["pointer"] for fault in answer.json()["errors"]) == ["/printer", "/priority", "/reason"]


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [("text/plain", b"{}", 415), ("application/json", b"{", 400), ("application/json", b" " * 300_000, 413)],
)
async def test_a_body_that_is_no_reprint_is_refused(badging: Badging, media_type: str, body: bytes, status: int):
    headers = {**authorization(Role.BADGING), "Content-Type": media_type}
    url = f"/badges/{badging.issue().badge_id}/reprint"
    assert (await badging.http.post(url, content=body, headers=headers)).status_code == status
