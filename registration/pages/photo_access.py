"""Who gives whose photo on the pages: a focal point their people's, who registered themselves their own, the desk anybody's."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from registration import queries
from registration.delegate import Registration
from registration.pages.desk import DECIDES, AccreditationDesk
from registration.pages.focal_point import FocalDesk, no_such_page
from registration.pages.form_page import form_cookie, form_page
from registration.pages.nomination_desk import person_of
from registration.pages.photo import Access, Giving, waits_at_desk
from registration.pages.public_form import PublicDesk, public_caller
from registration.pages.site import Site
from registration.pages.staff import AT_DESK
from registration.pages.tokens import Receipt
from registration.photos.service import GivePhoto
from shared.events import Language, Status

OF_DELEGATION = "/{language:language}/delegation/{code}/people/{delegate_id:uuid}/photo"
OWN = "/{language:language}/photo/{link}"
AT_THE_DESK = "/{language:language}/desk/people/{delegate_id:uuid}/photo"


def by_focal_point(desk: FocalDesk) -> Access:
    async def access(request: Request) -> Giving:
        language, code, delegate_id = _language(request), request.path_params["code"], request.path_params["delegate_id"]
        visit, person = await person_of(request, desk, language, code, delegate_id, also_ended=True)
        said, back = desk.site.languages[language], f"/{language}/delegation/{code}"

        async def show(template: str, status: int, **values: object) -> Response:
            return await desk.page(request, said, template, visit, status, **values)

        async def form_name(answers: Mapping[str, Sequence[str]]) -> str | None:
            return await desk.form_name(answers, visit.session)

        async def done(answer: Mapping[str, object]) -> str:
            return f"{back}?done={'proposed' if waits_at_desk(answer) else 'photo'}"

        return Giving(
            registration=person,
            language=said,
            address=f"{back}/people/{delegate_id}/photo",
            back=back,
            show=show,
            form_name=form_name,
            use_case=lambda portrait: GivePhoto(delegate_id, portrait, visit.caller),
            done=done,
        )

    return access


def by_themselves(desk: PublicDesk) -> Access:
    async def access(request: Request) -> Giving:
        language, link, tokens = _language(request), request.path_params["link"], await desk.tokens()
        delegate_id = tokens.read_photo_link(link)
        person = None if delegate_id is None else await _person(desk.site, delegate_id)
        if delegate_id is None or person is None:
            raise no_such_page()
        said = desk.site.languages[language]
        if request.method == "POST":
            desk.slow_down(request)

        async def show(template: str, status: int, **values: object) -> Response:
            return form_page(request, desk.site, tokens, said, template, status, **values)

        async def form_name(answers: Mapping[str, Sequence[str]]) -> str | None:
            return tokens.form_name("".join(answers.get("token", [])), form_cookie(request))

        async def done(answer: Mapping[str, object]) -> str:
            return f"/{language}/registered?receipt={tokens.receipt(Receipt(str(delegate_id), str(answer['status'])))}"

        return Giving(
            registration=person,
            language=said,
            address=f"/{language}/photo/{link}",
            back="",
            show=show,
            form_name=form_name,
            use_case=lambda portrait: GivePhoto(delegate_id, portrait, public_caller([person.category])),
            done=done,
        )

    return access


def by_staff(desk: AccreditationDesk) -> Access:
    async def access(request: Request) -> Giving:
        language, delegate_id = _language(request), request.path_params["delegate_id"]
        visit = await desk.staff.visit(request, language, AT_DESK if request.method == "GET" else DECIDES)
        person = await _person(desk.site, delegate_id)
        if person is None or (person.protected and not visit.caller.may_read_protected_names):
            raise no_such_page()
        back = f"/{language}/desk/people/{delegate_id}"

        async def show(template: str, status: int, **values: object) -> Response:
            return await desk.staff.page(request, language, template, visit, status, **values)

        async def form_name(answers: Mapping[str, Sequence[str]]) -> str | None:
            return await desk.staff.form_name(answers, visit.session)

        async def done(_: Mapping[str, object]) -> str:
            return back

        return Giving(
            registration=person,
            language=desk.site.languages[language],
            address=f"{back}/photo",
            back=back,
            show=show,
            form_name=form_name,
            use_case=lambda portrait: GivePhoto(delegate_id, portrait, visit.caller),
            done=done,
            may_change=visit.may_decide,
        )

    return access


async def _person(site: Site, delegate_id: UUID) -> Registration | None:
    found = await site.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
    return None if found is None or found.status is Status.ERASED else found


def _language(request: Request) -> Language:
    return request.path_params["language"]
