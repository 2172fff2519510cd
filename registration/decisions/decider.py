"""Takes staged decisions when their time has come: each in one transaction, as one submission to the intake, or not at all."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import cast

from registration import store
from registration.callers.caller import Caller
from registration.decisions.service import AnyVerdict, use_case
from registration.decisions.staging import Staged, State
from registration.intake.answers import Idempotency
from registration.intake.group import Part, Submission
from registration.intake.group_commit import Intake
from shared.clock import utc_now
from shared.database import Database
from shared.faults import PASSING
from shared.keys import Role
from shared.logs import get_log
from shared.problems import Problem
from shared.tracing import new_traceparent

log = get_log()

CHECK_SECONDS = 30.0
"""How often it is looked for what other replicas staged and left."""
RETRY_SECONDS = 2.0


def submission(staged: Staged, caller: Caller, *, dry_run: bool = False) -> Submission:
    """All of the staged decisions: as `caller`, each at the revision at which the person was chosen, once."""
    parts: list[Part] = []
    for delegate_id, number in staged.delegates:
        decided = use_case(delegate_id, cast(AnyVerdict, staged.decision), staged.reason, number, caller)
        once = None if dry_run else Idempotency.of(f"staged {staged.staged_id}", str(delegate_id), staged.decision.encode())
        parts.append(Part(decided, once, f"/{delegate_id}"))
    return Submission(parts, new_traceparent(), dry_run)


def faults_of(problem: Problem) -> list[tuple[str, str]]:
    """What stands against it: the delegate's id, or nothing, and the fault's code."""
    if not problem.faults:
        return [("", problem.code)]
    return [(fault.pointer.split("/")[1] if "/" in fault.pointer else "", fault.code) for fault in problem.faults]


class Decider:
    """Waits for the next that is due; `wake` has it look anew."""

    def __init__(self, database: Database, intake: Intake) -> None:
        self._database = database
        self._intake = intake
        self._looks = asyncio.Event()
        self._closing = False

    def wake(self) -> None:
        self._looks.set()

    def close(self) -> None:
        """Let `run` end after the decisions it is at."""
        self._closing = True
        self._looks.set()

    async def run(self) -> None:
        """Decide what is due, also what was staged before a restart, until closed. A database that is away is waited for."""
        while not self._closing:
            self._looks.clear()
            try:
                wait = await self._decided_due()
            except PASSING as error:
                log.warning("decider_waiting", error=type(error).__name__)
                wait = RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._looks.wait()

    async def _decided_due(self) -> float:
        """How long it is until there may be more, in seconds."""
        due = await self._database.read(store.staging.next_due)
        now = utc_now()
        if due is not None and due <= now:
            for staged in await self._database.write(lambda tx: store.staging.claim(tx, utc_now()), announce=False):
                await self._decide(staged)
            return 0.0
        return CHECK_SECONDS if due is None else min(CHECK_SECONDS, (due - now).total_seconds())

    async def _decide(self, staged: Staged) -> None:
        account = await self._database.read(lambda tx: store.accounts.find(tx, staged.account))
        if account is None or account[0].role is not Role.ACCREDITATION:  # no more
            await self._end(staged, "failed", [("", "account-closed")])
            return
        caller = Caller(scope=f"account {staged.account}", staff=account[0])
        try:
            await self._intake.submit(submission(staged, caller))
        except Problem as problem:
            if problem.status >= 500:
                log.warning("staged_decision_waiting", staged_id=str(staged.staged_id), error=problem.code)
                return  # tried again: it is claimed for a while only
            await self._end(staged, "failed", faults_of(problem))
        else:
            await self._end(staged, "decided", [])

    async def _end(self, staged: Staged, state: State, faults: Sequence[tuple[str, str]]) -> None:
        await self._database.write(lambda tx: store.staging.end(tx, staged.staged_id, state, faults), announce=False)
        log.info("staged_decision_ended", staged_id=str(staged.staged_id), state=state, people=len(staged.delegates))
