"""What every page that changes a delegation's people does: find the person, show the form, have what it posts decided."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries
from registration.delegate import Registration, printed_name
from registration.intake.group import Part, Submission
from registration.pages.focal_point import FocalDesk, Visit, no_such_page
from registration.pages.nomination import NominationForm
from registration.pages.site import Elsewhere
from shared.conference import Category, Delegation
from shared.events import ENDED, Language, RegistrationSubmitted, Status
from shared.http import traceparent_of
from shared.problems import Problem, faults_of
from shared.said import FieldFault, say

HERE = "/{language:language}/delegation"
OWN = f"{HERE}/{{code}}"
PERSON = f"{OWN}/people/{{delegate_id:uuid}}"
OUR_RULES = (409, 422)
"""The statuses of what is wrong with what was answered: the form is shown again, with the faults."""


def delegation_of(desk: FocalDesk, code: str) -> Delegation:
    found = desk.site.conference.delegation.get(code)
    if found is None:
        raise no_such_page()
    return found


async def person_of(
    request: Request, desk: FocalDesk, language: Language, code: str, delegate_id: UUID, *, also_ended: bool = False
) -> tuple[Visit, Registration]:
    """Who asks, and the person they ask about; raises 404 where that person is not of the delegation, or is erased.

    Raises `Elsewhere`, to the delegation's page, where the registration has ended, unless `also_ended`.
    """
    visit = await desk.visit_of(request, desk.site.languages[language], code)
    found = await desk.site.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
    if found is None or found.delegation != code or found.status is Status.ERASED:
        raise no_such_page()
    if found.status in ENDED and not also_ended:
        raise Elsewhere(f"/{language}/delegation/{code}")
    return visit, found


async def form_of(desk: FocalDesk, language: Language, category: Category, delegation: Delegation) -> NominationForm:
    site = desk.site
    entries = await site.entries()
    said, now = site.languages[language], site.clock.now()
    return NominationForm(category, site.conference, said, entries, now, delegation=delegation)


async def form_shown(
    request: Request,
    desk: FocalDesk,
    visit: Visit,
    form: NominationForm,
    purpose: str,
    *,
    former: Registration | None = None,
    status: int = 200,
    said: str = "",
) -> Response:
    """The form as a page; `purpose` is `add`, `amend` or `replace`, `former` who is replaced."""
    return await desk.page(
        request,
        form.language,
        "nomination.html",
        visit,
        status,
        form=form,
        questions=form.questions,
        other_faults=form.other_faults,
        purpose=purpose,
        former="" if former is None or former.person is None else printed_name(former.person),
        said=said,
    )


async def refusal(
    request: Request,
    desk: FocalDesk,
    visit: Visit,
    form: NominationForm,
    purpose: str,
    parts: Callable[[str], Sequence[Part]],
    *,
    former: Registration | None = None,
) -> Response | None:
    """Have decided what the form's answers are, as parts under the form's name. The form again where it is refused."""

    async def again(form: NominationForm, status: int, said: str = "") -> Response:
        return await form_shown(request, desk, visit, form, purpose, former=former, status=status, said=said)

    gettext = form.language.gettext
    name = await desk.form_name(form.answers, visit.session)
    if name is None:
        stale = gettext("This form was open for too long, or cookies are off. Nothing is lost: check it and send it again.")
        return await again(form, 403, stale)
    try:
        await submit(request, desk, parts(name))
    except Problem as problem:
        if problem.status not in OUR_RULES:
            raise
        said = "" if problem.faults or problem.detail is None else problem.detail.in_language(form.language.code)
        if problem.code == "key-reused":
            said = gettext("This form was sent already, with other answers. Check them and send it again.")
        return await again(replace(form, faults=problem.faults), problem.status, said)
    return None


async def submit(request: Request, desk: FocalDesk, parts: Sequence[Part]) -> None:
    """Have the parts decided, all or none. Raises `Problem`."""
    await desk.site.intake.submit(Submission(parts, traceparent_of(request)))


def submitted(form: NominationForm) -> tuple[RegistrationSubmitted, bytes]:
    """The request that the answers are, and its body. Raises `Problem` with every fault, also of what was left open."""
    body = orjson.dumps(form.request())
    try:
        return RegistrationSubmitted.model_validate_json(body, strict=True), body
    except ValidationError as error:
        found = faults_of(error)
        places = {each.pointer for each in found}
        raise invalid([*found, *(each for each in form.unanswered if each.pointer not in places)]) from None


def invalid(faults: Sequence[FieldFault]) -> Problem:
    return Problem(422, "invalid", say("The request is not valid."), faults=faults)


def done(language: Language, code: str, what: str) -> Response:
    """To the delegation's page, which says `what` was done."""
    return RedirectResponse(f"/{language}/delegation/{code}?done={what}", 303)
