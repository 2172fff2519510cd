"""The routes of a delegation's pages: its focal points list, add, amend, replace and withdraw people by the API's use cases."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from registration import service
from registration.delegate import Registration, printed_name
from registration.delegations.roster import delegation_state, keep_order
from registration.delegations.service import Replace
from registration.intake.answers import Idempotency
from registration.intake.group import Part
from registration.kept import Kept
from registration.pages.amending import amending_routes
from registration.pages.delegation import DelegationShown, delegation_shown, order_given
from registration.pages.endorsing import endorsing_routes
from registration.pages.enrolling import enrolling_routes
from registration.pages.focal_point import FocalDesk, Visit, no_such_page
from registration.pages.nomination import NominationForm
from registration.pages.nomination_desk import (
    HERE,
    OWN,
    PERSON,
    delegation_of,
    done,
    form_of,
    form_shown,
    person_of,
    refusal,
    submit,
    submitted,
)
from registration.pages.posts import posted_answers
from registration.pages.site import Elsewhere, PageRoutes
from registration.service import NotFound
from shared.events import Language

Lists = Kept[tuple[DelegationShown, Markup]]
"""Delegations as their pages show them, and the lines of their people."""


def delegation_routes(desk: FocalDesk) -> PageRoutes:
    routes = PageRoutes(desk.site)
    lists: Lists = Kept(desk.site.database)
    _listing(routes, desk, lists)
    _ordering(routes, desk, lists)
    _adding(routes, desk)
    amending_routes(routes, desk)
    _replacing(routes, desk)
    _withdrawing(routes, desk)
    endorsing_routes(routes, desk)
    enrolling_routes(routes, desk)
    return routes


def _listing(routes: PageRoutes, desk: FocalDesk, lists: Lists) -> None:
    site = desk.site

    @routes.get(HERE)
    async def delegations(request: Request, language: Language) -> Response:
        said = site.languages[language]
        visit = await desk.visit(request, said)
        own = sorted(visit.who.delegations & site.conference.delegation.keys())
        if len(own) == 1:
            raise Elsewhere(f"/{language}/delegation/{own[0]}")
        listed = [site.conference.delegation[each] for each in own]
        return await desk.page(request, said, "delegations.html", visit, delegations=listed)

    @routes.get(OWN)
    async def people(request: Request, language: Language, code: str) -> Response:
        said = site.languages[language]
        visit = await desk.visit_of(request, said, code)
        shown, lines = await lists.thing((language, code), lambda: _people_of(desk, language, code))
        asked = request.query_params.get("done", "")
        return await desk.page(request, said, "delegation.html", visit, delegation=shown, people=lines, done=asked)


async def _people_of(desk: FocalDesk, language: Language, code: str) -> tuple[DelegationShown, Markup]:
    """A delegation, and the lines of its people."""
    said = desk.site.languages[language]
    state = await desk.site.database.read(lambda tx: delegation_state(tx, code))
    shown = delegation_shown(delegation_of(desk, code), state, desk.site.conference, said)
    return shown, said.part("delegation_people.html", delegation=shown)


def _ordering(routes: PageRoutes, desk: FocalDesk, lists: Lists) -> None:
    site = desk.site

    async def shown(request: Request, visit: Visit, language: Language, code: str, status: int = 200) -> Response:
        delegation, _ = await lists.thing((language, code), lambda: _people_of(desk, language, code))
        return await desk.page(request, site.languages[language], "delegation_order.html", visit, status, delegation=delegation)

    @routes.get(f"{OWN}/order")
    async def order(request: Request, language: Language, code: str) -> Response:
        visit = await desk.visit_of(request, site.languages[language], code)
        return await shown(request, visit, language, code)

    @routes.post(f"{OWN}/order")
    async def keep(request: Request, language: Language, code: str) -> Response:
        visit = await desk.visit_of(request, site.languages[language], code)
        order = order_given(await desk.answers(request, visit))
        if order is None:
            return await shown(request, visit, language, code, 422)
        try:
            await site.database.write(lambda tx: keep_order(tx, code, order), announce=False)
        except NotFound:
            raise no_such_page() from None
        return done(language, code, "ordered")


def _adding(routes: PageRoutes, desk: FocalDesk) -> None:
    site = desk.site

    async def blank(request: Request, language: Language, code: str, category: str) -> tuple[Visit, NominationForm]:
        visit = await desk.visit_of(request, site.languages[language], code)
        found, delegation = site.conference.category.get(category), delegation_of(desk, code)
        if found is None or delegation.kind not in found.open_to:
            raise no_such_page()
        return visit, await form_of(desk, language, found, delegation)

    @routes.get(f"{OWN}/add/{{category}}")
    async def form(request: Request, language: Language, code: str, category: str) -> Response:
        visit, form = await blank(request, language, code, category)
        return await form_shown(request, desk, visit, form, "add")

    @routes.post(f"{OWN}/add/{{category}}")
    async def add(request: Request, language: Language, code: str, category: str) -> Response:
        visit, form = await blank(request, language, code, category)
        form = replace(form, answers=await posted_answers(request))

        def parts(name: str) -> Sequence[Part]:
            nominated, body = submitted(form)
            once = Idempotency.of(visit.caller.scope, name, body)
            return [Part(service.RegisterDelegate(nominated, visit.caller), once)]

        return await refusal(request, desk, visit, form, "add", parts) or done(language, code, "added")


def _replacing(routes: PageRoutes, desk: FocalDesk) -> None:
    async def empty(
        request: Request, language: Language, code: str, delegate_id: UUID
    ) -> tuple[Visit, NominationForm, Registration]:
        visit, person = await person_of(request, desk, language, code, delegate_id)
        category = desk.site.conference.category[person.category]
        form = await form_of(desk, language, category, delegation_of(desk, code))
        held = [each.session_id for each in person.enrolments if person.is_enrolled_in(each.session_id)]
        # Their places are free for the other, also in a session that is full.
        entries = [(session, enrolled - (session.session_id in held)) for session, enrolled in form.entries]
        return visit, replace(form, wished=held, entries=entries), person

    @routes.get(f"{PERSON}/replace")
    async def form(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, form, person = await empty(request, language, code, delegate_id)
        return await form_shown(request, desk, visit, form, "replace", former=person)

    @routes.post(f"{PERSON}/replace")
    async def replaced(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, form, person = await empty(request, language, code, delegate_id)
        form = replace(form, answers=await posted_answers(request))

        def parts(name: str) -> Sequence[Part]:
            nominated, body = submitted(form)
            once = Idempotency.of(visit.caller.scope, name, delegate_id.bytes, body)
            return [Part(Replace(delegate_id, nominated, visit.caller), once)]

        answer = await refusal(request, desk, visit, form, "replace", parts, former=person)
        return answer or done(language, code, "replaced")


def _withdrawing(routes: PageRoutes, desk: FocalDesk) -> None:
    @routes.get(f"{PERSON}/withdraw")
    async def ask(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, person = await person_of(request, desk, language, code, delegate_id)
        assert person.person is not None
        said, name = desk.site.languages[language], printed_name(person.person)
        delegation = delegation_of(desk, code)
        return await desk.page(request, said, "withdrawal.html", visit, delegation=delegation, name=name, person=person)

    @routes.post(f"{PERSON}/withdraw")
    async def withdraw(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, _ = await person_of(request, desk, language, code, delegate_id, also_ended=True)
        await desk.answers(request, visit)
        await submit(request, desk, [Part(service.Withdraw(delegate_id, visit.caller))])
        return done(language, code, "withdrawn")
