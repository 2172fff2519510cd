"""The database server dies and is started again while people are changed: what was answered is true, and all goes on."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.parts import OwnPostgreSQL
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY
from tests.waiting import until

PEOPLE, RESTARTS = 4, 2


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgreSQL]:
    """A server of the test's own: the run's would die under other tests."""
    with parts.postgresql_of_a_wheel() as server:
        yield server


class Amending:
    """Somebody who changes one delegate again and again, and notes what was answered."""

    def __init__(self, app: RegistrationApp, delegate_id: str) -> None:
        self.app, self.delegate_id = app, delegate_id
        self.answers: Counter[int] = Counter()

    async def amend_until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            change = {"person": {"function": f"Adviser {self.answers.total()}"}}
            answer = await self.app.ask("PATCH", f"/delegates/{self.delegate_id}", json=change)
            self.answers[answer.status_code] += 1
            assert answer.status_code == 200 or answer.headers["retry-after"], answer.text


async def test_every_answer_is_true_though_the_server_dies(server: OwnPostgreSQL, tmp_path: Path) -> None:
    done = asyncio.Event()
    async with registration_running(server.new_database(), TINY, tmp_path) as app:
        ids = [await app.registered(given_name=f"Ada {number}") for number in range(PEOPLE)]
        everybody = [Amending(app, each) for each in ids]

        async def more_is_amended() -> None:
            before = [each.answers[200] for each in everybody]
            await until(
                lambda: all(each.answers[200] > old for each, old in zip(everybody, before, strict=True)),
                "everybody is amended",
            )

        async with asyncio.TaskGroup() as group:
            for each in everybody:
                group.create_task(each.amend_until(done))
            for _ in range(RESTARTS):
                await more_is_amended()
                await asyncio.to_thread(server.crash_and_start)
            await more_is_amended()
            done.set()
        published = app.published()
        stored = {each: app.delegate(each).revision for each in ids}
    assert all(set(each.answers) <= {200, 503} for each in everybody)
    assert any(each.answers[503] for each in everybody), "the server died too quietly to show anything"
    for each in everybody:
        changed = stored[each.delegate_id] - 1
        assert each.answers[200] <= changed <= each.answers.total(), "answered 200 is stored; 503 may be"
        revisions = [event.fact.revision for event in published if event.fact.key == each.delegate_id]
        assert revisions == list(range(1, stored[each.delegate_id] + 1)), "each change is told of once, in order"
