"""Processes killed in the middle of their work: nothing is lost, and nothing but the same comes twice."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import islice
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import pytest
import pytest_asyncio

from services.example import generator
from services.example.letters import senders
from shared.events import RegistrationSubmitted, Status
from tests.integration.histories import newest
from tests.integration.killing import (
    AfterABatch,
    Killing,
    WhileMailing,
    WhileNothingIsSent,
    WhilePrinting,
    WithinABatch,
    killed_in_the_middle,
)
from tests.integration.live_stack import LiveStack, live_stack
from tests.integration.truth import violations

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.thorough]
ORDERLY = pytest.param(SIGTERM, marks=pytest.mark.endurance, id="SIGTERM")

DELEGATES = 120
MORE = 60
AT_ONCE = 32
MOVED = "financing-of-terrorism"


@dataclass
class Crowd:
    """The delegates of the stack, as registration answered for each of them."""

    live: LiveStack
    accepted: dict[str, Status] = field(default_factory=dict)
    waves: int = 0
    amended: Sequence[str] = ()
    """Those who were called something else in the last wave."""

    @property
    def active(self) -> list[str]:
        return [each for each, status in self.accepted.items() if status is Status.ACCREDITED]

    @property
    def function(self) -> str:
        """What everybody last asked to be called."""
        return f"Special envoy {self.waves}"

    async def grow(self, by: int) -> None:
        """Register more people and decide on them: most are accredited."""
        conference, known = self.live.conference, len(self.accepted)
        if not known:
            await self.live.simulation.give_letters(senders(conference))
        people = islice(generator.delegates(conference, known + by), known, None)

        async def register(number: int, person: RegistrationSubmitted) -> None:
            answer = await self.live.ask("form", "POST", "/delegates", person.model_dump(mode="json", exclude_none=True))
            delegate = f"/delegates/{answer['delegate_id']}"
            match generator.ends_as(number, conference.category[person.category]):
                case Status.WITHDRAWN:
                    answer = await self.live.ask("form", "POST", f"{delegate}/withdrawal")
                case Status.REFUSED:
                    refusal = {"decision": "refuse", "reason": "The letter of credentials could not be verified"}
                    answer = await self.live.ask("accreditation", "POST", f"{delegate}/decision", refusal)
                case _:
                    answer = await self.live.ask("accreditation", "POST", f"{delegate}/decision", {"decision": "accredit"})
            self.accepted[answer["delegate_id"]] = Status(answer["status"])

        await at_most(AT_ONCE, [register(number, person) for number, person in enumerate(people, start=known)])

    async def amend(self) -> None:
        """Everybody's function is another, and one session is in another room: a new badge and a notice for each."""
        self.waves += 1
        room = self.live.conference.rooms[self.waves % 2].names
        await self.live.ask("programme", "PATCH", f"/sessions/{MOVED}", {"room": room})
        self.amended = self.active
        change = {"person": {"function": self.function}}
        await at_most(AT_ONCE, [self.live.ask("accreditation", "PATCH", f"/delegates/{each}", change) for each in self.amended])


async def at_most(at_once: int, works: Sequence[Coroutine[Any, Any, object]]) -> None:
    turns = asyncio.Semaphore(at_once)

    async def take_turn(work: Coroutine[Any, Any, object]) -> None:
        async with turns:
            await work

    await asyncio.gather(*map(take_turn, works))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    async with live_stack(tmp_path_factory.mktemp("kills")) as live:
        await live.stack.start_printers()
        crowd = Crowd(live)
        await crowd.grow(DELEGATES)
        await live.settled()
        yield crowd


@pytest.mark.parametrize(
    ("with_signal", "killings"),
    [
        (SIGKILL, [WithinABatch("badging"), AfterABatch("notifications")]),
        pytest.param(SIGTERM, [AfterABatch("badging"), WithinABatch("notifications")], marks=pytest.mark.endurance),
    ],
    ids=["SIGKILL", "SIGTERM"],
)
async def test_nothing_is_lost_where_agents_die(crowd: Crowd, with_signal: Signals, killings: list[Killing]) -> None:
    await killed_in_the_middle(crowd.live, killings, with_signal, crowd.amend, len(crowd.active))
    await all_is_well(crowd)


@pytest.mark.parametrize("with_signal", [SIGKILL, ORDERLY], ids=lambda each: each.name)
async def test_nothing_is_lost_where_mailing_and_printing_end_halfway(crowd: Crowd, with_signal: Signals) -> None:
    killings = [WhileMailing(), WhilePrinting("printer-1")]
    await killed_in_the_middle(crowd.live, killings, with_signal, crowd.amend, len(crowd.active))
    await all_is_well(crowd)


@pytest.mark.parametrize("with_signal", [SIGKILL, ORDERLY], ids=lambda each: each.name)
async def test_nobody_is_lost_or_registered_twice_where_intake_dies(crowd: Crowd, with_signal: Signals) -> None:
    await killed_in_the_middle(crowd.live, [WhileNothingIsSent()], with_signal, lambda: crowd.grow(MORE), MORE)
    await all_is_well(crowd)


async def all_is_well(crowd: Crowd) -> None:
    await crowd.live.settled()
    found = await crowd.live.evidence()
    wrong = violations(found, repeats=True)
    assert not wrong, "\n".join(wrong)
    registrations = newest(found.registrations)
    assert {key: each.status for key, each in registrations.items()} == crowd.accepted
    amended = {key for key, each in registrations.items() if each.person and each.person.function == crowd.function}
    assert amended == set(crowd.amended)
