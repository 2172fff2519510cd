"""The routes of the public form: who may, registers themselves, by the same use case as the API's callers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

import orjson
from markupsafe import Markup
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries, service
from registration.callers.caller import Caller
from registration.callers.form_keys import FormKey
from registration.intake.answers import Idempotency
from registration.intake.group import Part, Submission
from registration.kept import Kept
from registration.needs import needs_of
from registration.pages.form import PublicForm
from registration.pages.form_page import form_cookie, form_page
from registration.pages.language import PageLanguage
from registration.pages.posts import HourlyLimit, client_of, posted_answers
from registration.pages.site import HERE, PageRoutes, Site
from registration.pages.tokens import Receipt, Tokens
from shared.conference import Category
from shared.events import ENDED, Language, RegistrationSubmitted, Status
from shared.http import traceparent_of
from shared.problems import Problem, faults_of
from shared.said import say


class PublicDesk:
    """Takes what the public form posts."""

    def __init__(self, site: Site, posts_an_hour: int) -> None:
        self.site = site
        self.categories = {each.slug: each for each in site.conference.categories if each.self_registration}
        self.caller = public_caller(self.categories)
        self._posts = HourlyLimit(posts_an_hour)
        self._tokens: Tokens | None = None
        self._unanswered = Kept[tuple[PublicForm, Markup]](site.database)

    async def tokens(self) -> Tokens:
        if self._tokens is None:
            self._tokens = await Tokens.of(self.site.database)
        return self._tokens

    def slow_down(self, request: Request) -> None:
        """Count a post of this address; raises 429 where there were too many within the hour."""
        title = say("Too many registrations came from your address.")
        self._posts.count(client_of(request), title, say("Wait an hour, or ask the conference's accreditation desk."))

    async def form(self, category: Category, language: PageLanguage, answers: Mapping[str, list[str]]) -> PublicForm:
        entries = await self.site.entries()
        delegations = self.site.delegations(language, category.open_to)
        now = self.site.clock.now()
        return PublicForm(category, self.site.conference, language, entries, now, answers, delegations=delegations)

    async def unanswered(self, category: Category, language: PageLanguage) -> tuple[PublicForm, Markup]:
        """The form as everybody finds it, and its questions."""

        async def made() -> tuple[PublicForm, Markup]:
            form = await self.form(category, language, {})
            return form, _questions_of(form)

        return await self._unanswered.thing((category.slug, language.code), made)

    async def register(self, request: Request, form: PublicForm, form_name: str) -> Receipt:
        """Have the answers registered, once per form. Raises `Problem`."""
        body = orjson.dumps(form.request())
        try:
            submitted = RegistrationSubmitted.model_validate_json(body, strict=True)
        except ValidationError as error:
            found = faults_of(error)
            places = {each.pointer for each in found}
            found += [each for each in form.unanswered if each.pointer not in places]
            raise Problem(422, "invalid", say("The request is not valid."), faults=found) from None
        use_case = service.RegisterDelegate(submitted, self.caller)
        once = Idempotency.of(self.caller.scope, form_name, body)
        [answer] = await self.site.intake.submit(Submission([Part(use_case, once)], traceparent_of(request)))
        return Receipt(str(answer.body["delegate_id"]), str(answer.body["status"]))


def public_caller(categories: Iterable[str]) -> Caller:
    """Who registers on the pages, or gives their own photo: a form like any other, for these categories."""
    return Caller(scope="public form", form=FormKey("public form", frozenset(categories), None))


def form_routes(desk: PublicDesk) -> PageRoutes:
    """Choosing a category, the form, what comes after it, in every language."""
    routes = PageRoutes(desk.site)
    _choice(routes, desk)
    _form(routes, desk)
    return routes


def _choice(routes: PageRoutes, desk: PublicDesk) -> None:
    site = desk.site

    @routes.get(f"{HERE}/register")
    async def choice(request: Request, language: Language) -> Response:
        others = [each for each in site.conference.categories if not each.self_registration]
        categories = list(desk.categories.values())
        return site.page(request, site.languages[language], "register.html", categories=categories, others=others)

    @routes.get(f"{HERE}/registered")
    async def registered(request: Request, language: Language) -> Response:
        tokens, said = await desk.tokens(), site.languages[language]
        receipt = tokens.read_receipt(request.query_params.get("receipt", ""))
        if receipt is None:
            return site.no_such_page(request, said)
        delegate_id = UUID(receipt.delegate_id)
        found = await site.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        needs_photo = found is not None and found.status not in ENDED and "photo" in needs_of(found, site.conference, ())
        photo = f"/{language}/photo/{tokens.photo_link(delegate_id)}" if needs_photo else ""
        unendorsed = found is not None and found.status is Status.SUBMITTED and found.lacks_endorsement
        return site.page(request, said, "registered.html", receipt=receipt, photo=photo, unendorsed=unendorsed)


def _form(routes: PageRoutes, desk: PublicDesk) -> None:
    address, site = f"{HERE}/register/{{category}}", desk.site

    @routes.get(address)
    async def form(request: Request, language: Language, category: str) -> Response:
        found, said = desk.categories.get(category), site.languages[language]
        if found is None:
            return site.no_such_page(request, said)
        return await _shown(request, desk, *(await desk.unanswered(found, said)))

    @routes.post(address)
    async def post(request: Request, language: Language, category: str) -> Response:
        found, said = desk.categories.get(category), site.languages[language]
        if found is None:
            return site.no_such_page(request, said)
        answers = await posted_answers(request)
        asked = await desk.form(found, said, answers)
        name = (await desk.tokens()).form_name("".join(answers.get("token", [])), form_cookie(request))
        if name is None:
            return await _shown(request, desk, asked, _questions_of(asked), 403, _stale(said))
        desk.slow_down(request)
        try:
            receipt = await desk.register(request, asked, name)
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            faulty = replace(asked, faults=problem.faults)
            return await _shown(request, desk, faulty, _questions_of(faulty), problem.status, _heading(problem, said))
        token = (await desk.tokens()).receipt(receipt)
        return RedirectResponse(f"/{language}/registered?receipt={token}", 303)


def _stale(language: PageLanguage) -> str:
    return language.gettext("This form was open for too long, or cookies are off. Nothing is lost: check it and send it again.")


def _heading(problem: Problem, language: PageLanguage) -> str:
    if problem.faults:
        return ""
    return language.gettext("This form was sent already, with other answers. Check them and send it again.")


def _questions_of(form: PublicForm) -> Markup:
    return form.language.part("form_questions.html", questions=form.questions)


async def _shown(
    request: Request, desk: PublicDesk, form: PublicForm, asked: Markup, status: int = 200, said: str = ""
) -> Response:
    return form_page(
        request,
        desk.site,
        await desk.tokens(),
        form.language,
        "form.html",
        status,
        form=form,
        asked=asked,
        faulty=[each for each in form.questions if each.faults] if form.faults else [],
        said=said,
        other_faults=form.other_faults,
    )
