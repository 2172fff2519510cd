"""The page on which a focal point endorses or declines whoever registered themselves for their delegation."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from registration.delegate import Registration
from registration.delegations.endorsing import is_declined
from registration.delegations.roster import delegation_state
from registration.delegations.service import Endorse, EndorsementDecision
from registration.intake.group import Part
from registration.pages.delegation import delegation_shown
from registration.pages.focal_point import FocalDesk, Visit
from registration.pages.nomination_desk import OUR_RULES, PERSON, delegation_of, done, person_of, submit
from registration.pages.people import facts_of
from registration.pages.site import Elsewhere, PageRoutes
from registration.pages.why import reason_options
from shared.events import Language, Status
from shared.problems import Problem, faults_of, invalid_body

DONE = {"endorse": "endorsed", "decline": "declined"}


def endorsing_routes(routes: PageRoutes, desk: FocalDesk) -> None:
    @routes.get(f"{PERSON}/endorsement")
    async def ask(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, person = await person_of(request, desk, language, code, delegate_id, also_ended=True)
        if not _may_be_endorsed(person):
            raise Elsewhere(f"/{language}/delegation/{code}")
        return await _shown(request, desk, visit, language, person)

    @routes.post(f"{PERSON}/endorsement")
    async def decide(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, _ = await person_of(request, desk, language, code, delegate_id, also_ended=True)
        answers = await desk.answers(request, visit)
        try:
            decision = _decision_of(answers)
            await submit(request, desk, [Part(Endorse(delegate_id, decision, visit.caller))])
        except Problem as problem:
            _, person = await person_of(request, desk, language, code, delegate_id, also_ended=True)
            if problem.status not in OUR_RULES or not _may_be_endorsed(person):
                raise
            fault = problem.said.in_language(language)
            return await _shown(request, desk, visit, language, person, problem.status, fault, answers)
        return done(language, code, DONE[decision.decision])


def _may_be_endorsed(person: Registration) -> bool:
    return person.lacks_endorsement and (person.status is Status.SUBMITTED or is_declined(person))


def _decision_of(answers: Mapping[str, Sequence[str]]) -> EndorsementDecision:
    """What was chosen, as the API would be sent it; raises 422."""
    given = {name: "".join(answers.get(name, [])).strip() for name in ("decision", "reason", "reason_code", "revision")}
    asked: dict[str, object] = {name: value for name, value in given.items() if value and name != "revision"}
    if given["revision"].isdecimal() and len(given["revision"]) < 10:
        asked["revision"] = int(given["revision"])
    try:
        return EndorsementDecision.model_validate_json(orjson.dumps(asked), strict=True)
    except ValidationError as error:
        raise invalid_body(faults_of(error)) from None


async def _shown(
    request: Request,
    desk: FocalDesk,
    visit: Visit,
    language: Language,
    person: Registration,
    status: int = 200,
    fault: str = "",
    answers: Mapping[str, Sequence[str]] = {},
) -> Response:
    site, said = desk.site, desk.site.languages[language]
    state = await site.database.read(lambda tx: delegation_state(tx, person.delegation))
    delegation = delegation_shown(delegation_of(desk, person.delegation), state, site.conference, said)
    everybody = [*delegation.waiting, *delegation.people, *delegation.others]
    return await desk.page(
        request,
        said,
        "endorsement.html",
        visit,
        status,
        delegation=delegation,
        person=next(each for each in everybody if each.delegate_id == str(person.delegate_id)),
        facts=facts_of(person, site.conference, said, whole=True),
        fault=fault,
        reason="".join(answers.get("reason", [])),
        reason_code="".join(answers.get("reason_code", [])),
        reasons=reason_options(site.conference, language),
    )
