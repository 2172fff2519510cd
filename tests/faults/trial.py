"""One trial: a load on a faulty stack while the nemesis works, then healing, then the verdict and its report."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
from sqlalchemy import select

from registration.store import delegates
from services.example.letters import senders
from shared.database import Database
from tests.faults.breakage import heal
from tests.faults.checker import Verdict, verdict
from tests.faults.history import History, Told
from tests.faults.load import Load
from tests.faults.nemesis import Nemesis
from tests.faults.records import Poison
from tests.faults.running import Faulty, faulty_stack
from tests.integration.invariants import DONE

SETTLED_WITHIN_SECONDS = 120.0
"""How long nothing may be done of what there is to do: printing goes on long after many thousand changes."""
WARM_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """What is tried; the same plan breaks the same things in the same order."""

    seed: int
    postgresql: bool
    rate: float = 50.0
    """Changes a second."""
    seconds: float | None = None
    """How long the nemesis works; each of `faults` once, one after another, where it is left out."""
    faults: Sequence[str] | None = None
    """Their names; all there are, where it is left out."""
    mutation: str | None = None
    accepted_at_least: int = 0
    """Changes: the load goes on until then, also when the nemesis is done, for a verdict that means something."""


@dataclass
class Trial:
    plan: Plan
    verdict: Verdict
    inflicted: Mapping[str, int]
    """By kind of fault."""
    not_possible: Mapping[str, str]
    """Faults that never struck, and why."""
    longest_stall: float
    """Seconds without a change accepted."""
    settled_after: float
    """Seconds from the healing to the last work done."""
    loaded_for: float
    """Seconds."""

    @property
    def accepted_a_second(self) -> float:
        return self.verdict.counted["changes accepted"] / self.loaded_for


async def tried(plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Trial:
    """Do it in `folder`, an empty one, where the history is left; `tell` is told of each step."""
    async with faulty_stack(folder / "var", postgresql=plan.postgresql, mutation=plan.mutation) as faulty:
        load, nemesis = Load(faulty.live, plan.rate, plan.seed), Nemesis(faulty, plan.seed, plan.faults, tell)
        await faulty.live.simulation.give_letters(senders(faulty.live.conference))
        loading = asyncio.create_task(load.run())
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            await (nemesis.run_once() if plan.seconds is None else nemesis.run_for(plan.seconds))
            await load.reaches(plan.accepted_at_least)
        finally:
            loaded_for = load.now()
            load.stop()
            tell("healing")
            await heal(faulty)
            await loading
        healed = monotonic()
        tell("waiting until all work is done")
        undone = await _undone(faulty)
        settled_after = monotonic() - healed
        judged = await _judged(faulty, load.history, nemesis.poison)
        judged.broken.setdefault(DONE, []).extend([*nemesis.unhealed, *undone])
        load.history.write(folder / "history.jsonl", nemesis.noted)
        stall = load.history.longest_stall()
        return Trial(plan, judged, nemesis.inflicted, nemesis.not_possible, stall, settled_after, loaded_for)


async def _judged(faulty: Faulty, history: History, poison: Poison) -> Verdict:
    stored = await asyncio.to_thread(_stored, faulty.live.settings.database("registration"))
    try:
        return verdict(history, await faulty.live.evidence(), stored, poison.places)
    except httpx.TransportError as error:  # a service that ends again and again cannot be asked what it has
        never = f"a service never answered again ({type(error).__name__})"
        return Verdict({DONE: [never]}, {"changes accepted": history.counted(Told.ACCEPTED)})


async def _undone(faulty: Faulty) -> list[str]:
    """What was still to do, with nothing done any more for a long time, after all was healed."""
    before: dict[str, object] = {}
    while True:
        try:
            await faulty.live.settled(within=SETTLED_WITHIN_SECONDS)
        except (AssertionError, httpx.HTTPError) as error:
            told = {each: await faulty.live.waiting(each) for each in ("registration", "badging", "notifications")}
            if told == before:
                return [f"{error or type(error).__name__}: {told}"]
            before = dict(told)
        else:
            return []


def _stored(url: str) -> dict[str, tuple[int, str]]:
    database = Database(url, "registration")
    c = delegates.c
    try:
        with database.connect() as connection:
            rows = connection.execute(select(c.delegate_id, c.revision, c.status))
            return {str(delegate_id): (revision, status) for delegate_id, revision, status in rows}
    finally:
        database.close()
