"""What the routes call: who asks, and having decided what they ask, once, or as a dry run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from registration import service
from registration.audit.head import HeadSigner
from registration.callers.caller import Caller, Callers
from registration.checks import unknown_party_faults
from registration.decisions.decider import Decider
from registration.decisions.service import DecisionOnMany
from registration.intake.answers import Idempotency
from registration.intake.group import Part, Submission
from registration.intake.group_commit import Intake
from registration.intake.posted import Posted
from registration.pages.focal_point import FocalDesk
from registration.pages.public_form import PublicDesk
from registration.photos.portraits import NotAPicture, Portrait
from registration.programme.service import ChangeSession
from registration.staff.provider import Provider
from shared.conference import Conference
from shared.database import Database
from shared.events import ProgrammeChange, RegistrationSubmitted, SessionChangeRequested
from shared.http import json_response, parse, read_body, read_json, refuse_unknown_parameters, require_json, traceparent_of
from shared.keys import Role
from shared.problems import Problem, invalid_body
from shared.said import FieldFault, say

READERS = frozenset(Role)
ACCREDITATION = frozenset({Role.ACCREDITATION})
PROGRAMME = frozenset({Role.PROGRAMME})
MAX_KEY_LENGTH = 256
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """What the routes call."""

    intake: Intake
    callers: Callers
    database: Database
    conference: Conference
    public_desk: PublicDesk
    focal_desk: FocalDesk
    decider: Decider
    head_signer: HeadSigner
    own_url: str
    provider: Provider | None = None
    """Whom staff may sign in with, beside their passwords."""

    async def staff(self, request: Request, roles: Collection[Role]) -> Caller:
        return await self.callers.require(request.headers, staff=roles)

    async def staff_json(self, request: Request, roles: Collection[Role]) -> tuple[Caller, bytes]:
        """Who of the staff asks, and the JSON that they sent."""
        caller = await self.staff(request, roles)
        require_json(request)
        return caller, await read_body(request)

    async def reader(self, request: Request) -> Caller:
        """Who may read; no form that signs: what is signed does not say what it asks for, so it must be taken once."""
        caller = await self.callers.require(request.headers, staff=READERS, forms=True)
        if caller.signing_secret is not None:
            detail = say("Read with a key that does not sign.")
            raise Problem(403, "key-reads-nothing", say("A key that signs reads nothing."), detail)
        return caller

    async def registering(self, request: Request, staff: Collection[Role]) -> Caller:
        """Who registers, having yet to prove what they send by `Caller.proved`."""
        return await self.callers.require(request.headers, staff=staff, forms=True, registers=True)

    async def changing(self, request: Request) -> tuple[Caller, bytes]:
        """Who changes what is registered, and what they sent, if anything."""
        caller = await self.callers.require(request.headers, staff=ACCREDITATION, forms=True)
        body = await read_body(request)
        return caller.proved(request.headers, body), body

    def submitted(self, body: bytes) -> RegistrationSubmitted:
        """What asks to register one person; raises 422 with every fault that can be told before the rules are asked."""
        try:
            return parse(RegistrationSubmitted, body)
        except Problem as problem:
            told = {each.pointer for each in problem.faults}
            unknown = [each for each in unknown_party_faults(read_json(body), self.conference) if each.pointer not in told]
            if not unknown:
                raise
            raise invalid_body([*unknown, *problem.faults]) from None

    async def portrait(self, photo: bytes | None, under: str = "") -> Portrait | None:
        """Made of the photo that a request to register brings, if any; raises 422 where it is none."""
        try:
            return None if photo is None else await self.public_desk.site.studio.portrait(photo)
        except NotAPicture as error:
            raise invalid_body([error.fault(f"{under}/photo")]) from None

    async def _with_portrait(self, use_case: service.UseCase, under: str) -> service.UseCase:
        if not isinstance(use_case, service.RegisterDelegate):
            return use_case
        return replace(use_case, portrait=await self.portrait(use_case.request.photo, under))

    async def submit(self, request: Request, use_case: service.UseCase, caller: Caller, body: bytes = b"") -> Response:
        """Have one use case decided, once per `Idempotency-Key`."""
        dry_run = caller.tests or dry_run_asked(request)
        return await self._submit(request, Part(use_case, None if dry_run else _idempotency(request, caller, body)), dry_run)

    async def erase(self, request: Request, delegate_id: UUID, caller: Caller) -> Response:
        """Have a delegate erased: idempotent by itself, so that no answer about them need be kept."""
        return await self._submit(request, Part(service.Erase(delegate_id, caller)), dry_run_asked(request))

    async def _submit(self, request: Request, part: Part, dry_run: bool) -> Response:
        traceparent = traceparent_of(request)
        [answer] = await self.intake.submit(Submission([part], traceparent, dry_run))
        return _answered(answer.body, answer.status, traceparent, dry_run)

    async def change_programme(self, request: Request, asked: ProgrammeChange, caller: Caller, body: bytes) -> Response:
        """Have several sessions changed, all or none, once per `Idempotency-Key`."""
        use_cases = [ChangeSession(each.session_id, each, caller) for each in asked.changes]
        return await self._submit_all(request, use_cases, "/changes", "sessions", caller, body)

    async def decide_on_many(self, request: Request, asked: DecisionOnMany, caller: Caller, body: bytes) -> Response:
        """Have one decision taken on many, on all or none, once per `Idempotency-Key`."""
        return await self._submit_all(request, asked.use_cases(caller), "/delegates", "delegates", caller, body)

    async def _submit_all(
        self, request: Request, use_cases: Sequence[service.UseCase], under: str, told_as: str, caller: Caller, body: bytes
    ) -> Response:
        """Have all decided, or none; `under` is where they stand in the body, `told_as` what the list of answers is called."""
        traceparent, dry_run = traceparent_of(request), dry_run_asked(request)
        once = None if dry_run else _idempotency(request, caller, body)
        parts = [Part(each, once and once.of_part(index), f"{under}/{index}") for index, each in enumerate(use_cases)]
        answers = await self.intake.submit(Submission(parts, traceparent, dry_run))
        return _answered({told_as: [each.body for each in answers]}, 200, traceparent, dry_run)

    async def submit_events(self, request: Request, posted: Sequence[Posted], caller: Caller, *, as_list: bool) -> Response:
        """Have posted events decided, all or none, each once per `source` and `id`."""
        dry_run = caller.tests or dry_run_asked(request)
        use_cases = [
            await self._with_portrait(use_case, each.data_at)
            for each, use_case in zip(posted, _use_cases(posted, caller), strict=True)
        ]
        parts = [
            Part(use_case, None if dry_run else Idempotency.of(f"{caller.scope} event", each.name, each.content), each.data_at)
            for each, use_case in zip(posted, use_cases, strict=True)
        ]
        traceparent = traceparent_of(request)
        answers = await self.intake.submit(Submission(parts, traceparent, dry_run))
        if not as_list:
            return _answered(answers[0].body, answers[0].status, traceparent, dry_run)
        results = [
            {"source": each.event.source, "id": each.event.id, "status": answer.status, "answer": answer.body}
            for each, answer in zip(posted, answers, strict=True)
        ]
        return _answered({"results": results}, 200, traceparent, dry_run)


def _answered(body: Mapping[str, object], status: int, traceparent: str, dry_run: bool) -> Response:
    headers = {"traceparent": traceparent}
    return json_response({**body, "dry_run": True}, 200, headers) if dry_run else json_response(body, status, headers)


def dry_run_asked(request: Request) -> bool:
    """Whether it is only to be said what would be answered.

    Raises 422 where `dry_run` is neither yes nor no, and where it may have been meant by what is no parameter here.
    """
    if not request.scope["query_string"]:
        return False
    refuse_unknown_parameters(request, "dry_run")
    if "dry_run" not in request.query_params:
        return False
    asked = request.query_params["dry_run"].lower()
    if asked not in (*_TRUE, *_FALSE):
        raise invalid_body([FieldFault("dry_run", "bool-parsing", say("Give 1 or leave it out."))])
    return asked in _TRUE


def _idempotency(request: Request, caller: Caller, body: bytes) -> Idempotency | None:
    key = caller.message_id or request.headers.get("idempotency-key", "").strip().strip('"')
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        detail = say("It may have {most} characters.", most=MAX_KEY_LENGTH)
        raise Problem(400, "key-too-long", say("The Idempotency-Key is too long."), detail)
    return Idempotency.of(caller.scope, key, request.method.encode(), request.scope["path"].encode(), body)


def _use_cases(posted: Sequence[Posted], caller: Caller) -> list[service.UseCase]:
    use_cases: list[service.UseCase] = []
    faults: list[FieldFault] = []
    for each in posted:
        match each.request:
            case SessionChangeRequested() as change:
                use_cases.append(ChangeSession(change.session_id, change, caller))
                if not caller.may_change_programme:
                    faults.append(FieldFault(each.type_at, "key-of-wrong-kind", say("It needs a programme key.")))
            case RegistrationSubmitted() as submitted:
                use_cases.append(service.RegisterDelegate(submitted, caller))
            case _:
                raise AssertionError(each.event.type)
    if faults:
        raise Problem(403, "key-of-wrong-kind", say("This key may not change the programme."), faults=faults)
    return use_cases
