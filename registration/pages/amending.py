"""How a focal point corrects somebody: at once, or, of the accredited, as a correction that waits for the desk."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from registration import service, store
from registration.amendment import Amendment, Correction
from registration.decisions.correcting import waits_for_decision
from registration.delegate import Registration
from registration.intake.group import Part
from registration.pages.focal_point import FocalDesk, Visit, no_such_page
from registration.pages.nomination import NominationForm, answers_of
from registration.pages.nomination_desk import (
    PERSON,
    delegation_of,
    done,
    form_of,
    form_shown,
    invalid,
    person_of,
    refusal,
)
from registration.pages.posts import posted_answers
from registration.pages.site import PageRoutes
from shared.conference import Category
from shared.events import Language
from shared.problems import faults_of


def amending_routes(routes: PageRoutes, desk: FocalDesk) -> None:
    @routes.get(f"{PERSON}/amend")
    @routes.get(f"{PERSON}/amend/{{category}}")
    async def form(request: Request, language: Language, code: str, delegate_id: UUID, category: str = "") -> Response:
        visit, form = await _filled(request, desk, language, code, delegate_id, category)
        return await form_shown(request, desk, visit, form, "amend")

    @routes.post(f"{PERSON}/amend")
    @routes.post(f"{PERSON}/amend/{{category}}")
    async def amend(request: Request, language: Language, code: str, delegate_id: UUID, category: str = "") -> Response:
        visit, form = await _filled(request, desk, language, code, delegate_id, category)
        form = replace(form, answers=await posted_answers(request))

        def parts(_: str) -> Sequence[Part]:
            try:
                asked: dict[str, Any] = {**form.amendment(), "category": form.category.slug}
                if form.moves_from is not None:
                    asked.setdefault("pass_days", [])
                change = Amendment.model_validate_json(orjson.dumps(asked), strict=True)
            except ValidationError as error:
                raise invalid(faults_of(error)) from None
            return [Part(service.Amend(delegate_id, change, visit.caller))]

        refused = await refusal(request, desk, visit, form, "amend", parts)
        if refused is not None:
            return refused
        correction = await _correction(desk, delegate_id)
        return done(language, code, "proposed" if correction is not None and correction.waits else "amended")


async def _filled(
    request: Request, desk: FocalDesk, language: Language, code: str, delegate_id: UUID, category: str
) -> tuple[Visit, NominationForm]:
    """The form with what is said of the person, and what waits to be said, in the category that it is to be or is."""
    visit, person = await person_of(request, desk, language, code, delegate_id)
    correction = await _correction(desk, delegate_id)
    into = _category(desk, code, category) if category else desk.site.conference.category[_said_category(person, correction)]
    form = await form_of(desk, language, into, delegation_of(desk, code))
    standing = form.conference.category[person.category]
    return visit, replace(
        form,
        answers=answers_of(person, correction),
        decided=waits_for_decision(person, into, form.conference),
        moves_from=None if into is standing else standing,
        person=person,
        asks_sessions=False,
    )


def _said_category(person: Registration, correction: Correction | None) -> str:
    said = None if correction is None or not correction.waits else correction.change.category
    return said or person.category


def _category(desk: FocalDesk, code: str, slug: str) -> Category:
    found = desk.site.conference.category.get(slug)
    if found is None or delegation_of(desk, code).kind not in found.open_to:
        raise no_such_page()
    return found


async def _correction(desk: FocalDesk, delegate_id: UUID) -> Correction | None:
    return (await desk.site.database.read(lambda tx: store.corrections.of(tx, [delegate_id]))).get(delegate_id)
