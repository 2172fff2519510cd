"""The accreditation desk: who waits for a decision, one person's page, and decisions, one by one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from uuid import UUID

import orjson
from markupsafe import Markup
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries, service, store
from registration.decisions import correcting
from registration.decisions.service import CorrectionDecision, Decide, DecideCorrection, Decision
from registration.decisions.staging import Staged
from registration.delegate import Registration
from registration.intake.answers import Idempotency
from registration.intake.group import Part, Submission
from registration.kept import Kept
from registration.pages.desk_reading import PersonRead, Standing, read_person, standing_of
from registration.pages.focal_point import no_such_page
from registration.pages.letters import letter_shown
from registration.pages.marks import status_name
from registration.pages.options import Option, Options
from registration.pages.people import PersonShown, choices_for, facts_of, past_of, person_shown
from registration.pages.site import PageRoutes
from registration.pages.staff import AT_DESK, StaffDesk, Visit
from registration.pages.why import proposed_why, reason_options, why
from registration.staff.search import AWAITING, Found, Lacking, Sought, find_people, next_awaiting
from shared.clock import utc_now
from shared.database import NUL
from shared.events import Language, Status
from shared.http import traceparent_of
from shared.keys import Role
from shared.problems import Problem, faults_of, invalid_body

DESK = "/{language:language}/desk"
DECIDES = frozenset({Role.ACCREDITATION})
SHOWN_STATUSES = (Status.SUBMITTED, Status.UNDER_REVIEW, Status.ACCREDITED, Status.REFUSED, Status.WITHDRAWN)
SAID = ("reason", "reason_code", "note")
CORRECTIONS = "corrections"
"""What the queue is asked for, in place of a status, for those of whom a correction waits."""
UNENDORSED = "endorsement"
"""Likewise, for those whom their focal point has yet to endorse."""
LACKING: Mapping[str, Lacking] = {each: each for each in get_args(Lacking)}
"""Likewise, for those who cannot be accredited before it is there."""
_SCRIPT = (Path(__file__).parent.parent / "static" / "desk.js").read_bytes()
SCRIPT = f"/static/{hashlib.sha256(_SCRIPT).hexdigest()[:12]}.js"


@dataclass(frozen=True, slots=True)
class QueueShown:
    """Who is found, and what else waits for whoever looks."""

    people: Markup | None
    count: int
    next_after: UUID | None
    staged: Sequence[Staged]
    corrections: int


class AccreditationDesk:
    """What the desk's pages share."""

    def __init__(self, staff: StaffDesk) -> None:
        self.staff = staff
        self.site = staff.site
        self._queues = Kept[QueueShown](staff.site.database)
        self._people = Kept[PersonRead | None](staff.site.database)

    async def page(
        self, request: Request, language: Language, template: str, visit: Visit, status: int = 200, **values: object
    ) -> Response:
        """A page that may run the desk's one script."""
        page = await self.staff.page(request, language, template, visit, status, script=SCRIPT, **values)
        page.headers["Content-Security-Policy"] += "; script-src 'self'; connect-src 'self'"
        return page

    async def queue(
        self, request: Request, language: Language, visit: Visit, status: int = 200, faults: Sequence[str] = ()
    ) -> Response:
        """Who is looked for; `faults` is what was wrong with decisions on several of them."""
        sought, said, conference = sought_by(request.query_params), self.site.languages[language], self.site.conference
        found = await self._queues.thing((language, visit.account, sought), lambda: self._found(sought, language, visit))
        return await self.page(
            request,
            language,
            "desk.html",
            visit,
            status,
            found=found,
            sought=sought,
            chosen_status=request.query_params.get("status", ""),
            statuses=Options(Option(each.value, status_name(each, said)) for each in SHOWN_STATUSES),
            categories=Options(Option(each.slug, said.plain(each.names)) for each in conference.categories),
            delegations=self.site.delegations(said, conference.kind),
            reasons=reason_options(conference, language),
            faults=faults,
            decided=await self._decided(request, language, visit),
        )

    async def _found(self, sought: Sought, language: Language, visit: Visit) -> QueueShown:
        may_know, now = visit.caller.may_read_protected_names, utc_now()

        def read(tx: Connection) -> tuple[Found, Standing, list[Staged], int]:
            found = find_people(tx, sought, self.site.conference, now, with_protected_names=may_know)
            staged, corrections = store.staging.waiting(tx, visit.account.name), store.corrections.count_waiting(tx)
            return found, standing_of(tx, found.people, now), staged, corrections

        found, standing, staged, corrections = await self.site.database.read(read)
        people = self.lines(found.people, standing, language, visit)
        lines = self.site.languages[language].part("desk_people.html", people=people, sought=sought, visit=visit)
        return QueueShown(lines if people else None, found.count, found.next_after, staged, corrections)

    async def person(
        self, request: Request, language: Language, visit: Visit, delegate_id: UUID, status: int = 200, fault: str = ""
    ) -> Response:
        read = await self._people.thing(delegate_id, lambda: self._read(delegate_id))
        if read is None:
            raise no_such_page()
        found, letters = read.registration, read.standing.letters
        said, conference = self.site.languages[language], self.site.conference
        letter, may_know = letters.get(found.delegation), visit.caller.may_read_protected_names
        return await self.page(
            request,
            language,
            "desk_person.html",
            visit,
            status,
            person=self.lines([found], read.standing, language, visit)[0],
            facts=facts_of(found, conference, said, whole=may_know),
            reason=why(found, conference, language, whole=may_know),
            note=found.note if visit.may_decide else None,
            proposed_reason=found.proposed and proposed_why(found.proposed, conference, language),
            reasons=reason_options(conference, language),
            choices=choices_for(found, conference, letters, read.without) if visit.may_decide else [],
            delegation=found.delegation,
            letter=letter_shown(letter, found.delegation, read.focal_points, conference, said),
            asks_letter=letter is not None or conference.needs_letter(found.category, found.delegation),
            past=past_of(read.entries, found, read.correction, conference, said, whole=may_know),
            next_id=read.next_id,
            fault=fault,
            decided=await self._decided(request, language, visit),
        )

    async def _read(self, delegate_id: UUID) -> PersonRead | None:
        """All that is known, whoever asks: what they may see of it is decided when it is shown."""
        return await self.site.database.read(lambda tx: read_person(tx, delegate_id, utc_now()))

    async def _decided(self, request: Request, language: Language, visit: Visit) -> object:
        """Whom the page before decided on, as they stand now."""
        try:
            delegate_id = UUID(request.query_params.get("decided", ""))
        except ValueError:
            return None
        found = await self.site.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        if found is None or found.person is None:
            return None
        return (await self.shown([found], language, visit))[0]

    async def shown(self, people: Sequence[Registration], language: Language, visit: Visit) -> list[PersonShown]:
        """People as a list has them."""
        standing = await self.site.database.read(lambda tx: standing_of(tx, people, utc_now()))
        return self.lines(people, standing, language, visit)

    def lines(self, people: Sequence[Registration], standing: Standing, language: Language, visit: Visit) -> list[PersonShown]:
        """The same, of what was read already."""
        said, may_know = self.site.languages[language], visit.caller.may_read_protected_names
        return [
            person_shown(
                each,
                self.site.conference,
                said,
                standing.letters,
                standing.corrections.get(each.delegate_id),
                with_protected_name=may_know,
                badge=standing.badges.get(each.delegate_id),
                without=standing.without.get(each.delegate_id),
            )
            for each in people
        ]


def sought_by(parameters: Mapping[str, str]) -> Sought:
    """Who is looked for, by the address; what makes no sense there does not matter."""
    status = parameters.get("status", "")
    statuses = tuple(each for each in SHOWN_STATUSES if each.value == status) or (() if status == "all" else AWAITING)
    try:
        after = UUID(parameters.get("after", ""))
    except ValueError:
        after = None
    category, delegation = (parameters.get(each, "").replace(NUL, "") for each in ("category", "delegation"))
    unendorsed = True if status == UNENDORSED else None if statuses != AWAITING else False
    return Sought(
        statuses,
        category,
        delegation,
        parameters.get("q", "")[:200],
        after,
        corrected=status == CORRECTIONS,
        lacking=LACKING.get(status),
        unendorsed=None if status in LACKING else unendorsed,
    )


def decision_of(answers: Mapping[str, Sequence[str]]) -> Decision | CorrectionDecision:
    """What was chosen, as the API would be sent it; raises 422."""
    decision = "".join(answers.get("decision", []))
    kind = CorrectionDecision if decision in get_args(correcting.Verdict) else Decision
    seen = {name: int(given) for name in ("revision", "number") if (given := _number(answers.get(name, []))) is not None}
    said = {name: given for name in SAID if (given := "".join(answers.get(name, [])).strip())}
    own = {name: value for name, value in {**seen, **said}.items() if name in kind.model_fields}
    body = {"decision": decision, **own}
    try:
        return kind.model_validate_json(orjson.dumps(body), strict=True)
    except ValidationError as error:
        raise invalid_body(faults_of(error)) from None


def _number(given: Sequence[str]) -> str | None:
    written = "".join(given)
    return written if written.isdecimal() and len(written) < 10 else None


def desk_routes(desk: AccreditationDesk) -> PageRoutes:
    routes = PageRoutes(desk.site)

    @routes.get(SCRIPT)
    async def script() -> Response:
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(_SCRIPT, media_type="text/javascript", headers=headers)

    @routes.get(DESK)
    async def queue(request: Request, language: Language) -> Response:
        return await desk.queue(request, language, await desk.staff.visit(request, language, AT_DESK))

    @routes.get(f"{DESK}/people/{{delegate_id:uuid}}")
    async def person(request: Request, language: Language, delegate_id: UUID) -> Response:
        return await desk.person(request, language, await desk.staff.visit(request, language, AT_DESK), delegate_id)

    @routes.post(f"{DESK}/people/{{delegate_id:uuid}}")
    async def decide(request: Request, language: Language, delegate_id: UUID) -> Response:
        visit = await desk.staff.visit(request, language, DECIDES)
        answers, form_name = await desk.staff.answers(request, visit)
        try:
            use_case = _use_case(visit, delegate_id, answers)
            once = Idempotency.of(visit.caller.scope, form_name, orjson.dumps(sorted(answers.items())))
            await desk.site.intake.submit(Submission([Part(use_case, once)], traceparent_of(request)))
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            return await desk.person(request, language, visit, delegate_id, problem.status, problem.said.in_language(language))
        corrected = isinstance(use_case, DecideCorrection)
        now = utc_now()
        following = await desk.site.database.read(lambda tx: next_awaiting(tx, delegate_id, now, corrected=corrected))
        there = f"/{language}/desk/people/{following}" if following else f"/{language}/desk"
        return RedirectResponse(f"{there}?decided={delegate_id}", 303)

    return routes


def _use_case(visit: Visit, delegate_id: UUID, answers: Mapping[str, Sequence[str]]) -> service.UseCase:
    if answers.get("decision") == ["withdraw"]:
        return service.Withdraw(delegate_id, visit.caller)
    match decision_of(answers):
        case CorrectionDecision() as decision:
            return DecideCorrection(delegate_id, decision, visit.caller)
        case decision:
            return Decide(delegate_id, decision, visit.caller)
