"""The programme desk: sessions are changed together, shown who will be told of what, and published at once or not at all."""

from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlencode

import orjson
from markupsafe import Markup
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries
from registration.intake.answers import Idempotency
from registration.intake.group import Part, Submission
from registration.kept import Kept
from registration.pages.focal_point import no_such_page, stale
from registration.pages.programme import Entry, days_shown, session_shown
from registration.pages.session_form import Answers, SessionForm, as_answers
from registration.pages.site import PageRoutes
from registration.pages.staff import StaffDesk, Visit
from registration.programme import changes
from registration.programme.service import ChangeSession
from shared.events import Language, SessionChanged, SessionChangeRequested
from shared.http import traceparent_of
from shared.keys import Role
from shared.problems import Problem, faults_of, invalid_body
from shared.said import FieldFault, say

DESK = "/{language:language}/programme-desk"
CHANGES = frozenset({Role.PROGRAMME})
MOST = 20
"""How many are changed together on a page."""


class ProgrammeDesk:
    """What the desk's pages share."""

    def __init__(self, staff: StaffDesk) -> None:
        self.staff = staff
        self._programmes = Kept[tuple[list[Entry], Markup]](staff.site.database)

    async def programme(self, request: Request, language: Language, visit: Visit, fault: str = "") -> Response:
        site = self.staff.site
        said, conference = site.languages[language], site.conference
        chosen, changed = (request.query_params.getlist(each) for each in ("session", "changed"))
        entries, days = await self._programmes.thing((language, *chosen), lambda: self._days(language, chosen))
        return await self.staff.page(
            request,
            language,
            "programme_desk.html",
            visit,
            422 if fault else 200,
            days=days,
            changed=[session_shown(each, conference, said) for each in entries if each[0].session_id in changed],
            fault=fault,
        )

    async def _days(self, language: Language, chosen: Sequence[str]) -> tuple[list[Entry], Markup]:
        """The programme, and its lines to choose from."""
        site, said = self.staff.site, self.staff.site.languages[language]
        entries = await site.entries()
        days = days_shown(entries, site.conference, said)
        enrolled = {session.session_id: count for session, count in entries}
        return entries, said.part("programme_desk_days.html", days=days, enrolled=enrolled, chosen=chosen)

    async def forms(
        self, language: Language, session_ids: Sequence[str], answers: Answers, faults: Sequence[FieldFault] = ()
    ) -> list[SessionForm]:
        """The forms of these sessions, answered, and as they stand now; raises 404, and 403 for answers to no form of ours."""
        site = self.staff.site
        forms: list[SessionForm] = []
        for session_id in dict.fromkeys(session_ids):
            found = await site.database.read(lambda tx, wanted=session_id: queries.find_session(tx, wanted))
            if found is None:
                raise no_such_page()
            seen, current = found[0], found[0]
            if answers:
                revision = "".join(answers.get(f"{session_id}/revision", []))
                history = await site.database.read(lambda tx, wanted=session_id: queries.session_history(tx, wanted))
                seen = next((each for each in history if str(each.revision) == revision), None)
                if seen is None:
                    raise stale()
            own = [each for each in faults if each.pointer.split("/")[1:2] == [session_id]]
            forms.append(SessionForm(seen, current, answers, site.conference, site.languages[language], own))
        return forms

    async def asked(
        self, request: Request, language: Language, visit: Visit, forms: Sequence[SessionForm], problem: Problem | None = None
    ) -> Response:
        """The form; `problem` is what stands against what was answered."""
        said = self.staff.site.languages[language]
        general = [] if problem is None or problem.faults else [problem.detail or problem.title]
        conflict = any(form.changed_meanwhile for form in forms)
        return await self.staff.page(
            request,
            language,
            "programme_change.html",
            visit,
            200 if problem is None else 409 if conflict else 422,
            forms=forms,
            address=_address(language, [form.session_id for form in forms]),
            faults=[each.in_language(said.code) for each in general],
            faulty=problem is not None,
        )

    async def preview(
        self, request: Request, language: Language, visit: Visit, forms: Sequence[SessionForm], told: Mapping[str, int]
    ) -> Response:
        """What will be published: what changes, who is told, and what the desk may not have meant."""
        site = self.staff.site
        said = site.languages[language]
        entries = await site.entries()
        after = [_after(session, forms) for session, _ in entries]
        moved = {form.session_id for form in forms if form.asked_for}
        clashes = [pair for pair in changes.double_booked(after) if moved & {each.session_id for each in pair}]
        enrolled = {session.session_id: count for session, count in entries}
        holds = {str(each.names): each.capacity for each in site.conference.rooms}
        return await self.staff.page(
            request,
            language,
            "programme_preview.html",
            visit,
            forms=[form for form in forms if form.asked_for],
            hidden=[each for form in forms for each in form.entered.items()],
            told=told,
            address=_address(language, [form.session_id for form in forms]),
            clashes=[(said.plain(one.title), said.plain(other.title), said.plain(one.room)) for one, other in clashes],
            crowded=[
                (said.plain(each.title), said.plain(each.room), holds[str(each.room)], enrolled[each.session_id])
                for each in after
                if each.session_id in moved and holds.get(str(each.room), enrolled[each.session_id]) < enrolled[each.session_id]
            ],
        )


def programme_desk_routes(desk: ProgrammeDesk) -> PageRoutes:
    site = desk.staff.site
    routes = PageRoutes(site)

    @routes.get(DESK)
    async def sessions(request: Request, language: Language) -> Response:
        return await desk.programme(request, language, await desk.staff.visit(request, language, CHANGES))

    @routes.get(f"{DESK}/change")
    async def form(request: Request, language: Language) -> Response:
        visit = await desk.staff.visit(request, language, CHANGES)
        chosen, said = request.query_params.getlist("session"), site.languages[language]
        if not chosen:
            return await desk.programme(request, language, visit, said.gettext("Choose a session first."))
        if len(chosen) > MOST:
            return await desk.programme(request, language, visit, said.gettext("Choose 20 sessions at most."))
        forms = await desk.forms(language, chosen, {})
        if "swap" in request.query_params:
            if len(forms) != 2:
                return await desk.programme(request, language, visit, said.gettext("Choose the two whose rooms are swapped."))
            forms = await desk.forms(language, chosen, _swapped(forms))
        return await desk.asked(request, language, visit, forms)

    @routes.post(f"{DESK}/change")
    async def change(request: Request, language: Language) -> Response:
        return await _answered(request, desk, language, await desk.staff.visit(request, language, CHANGES))

    return routes


async def _answered(request: Request, desk: ProgrammeDesk, language: Language, visit: Visit) -> Response:
    """What comes next of what was answered: the form again, what would be published, or that it is."""
    answers, form_name = await desk.staff.answers(request, visit)
    chosen, step = request.query_params.getlist("session")[:MOST], "".join(answers.get("step", []))
    forms = await desk.forms(language, chosen, answers)
    if step == "edit":
        return await desk.asked(request, language, visit, forms)
    try:
        parts = _parts(forms, visit, form_name if step == "publish" else None)
        submission = Submission(parts, traceparent_of(request), dry_run=step != "publish")
        answered = await desk.staff.site.intake.submit(submission)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        forms = await desk.forms(language, chosen, answers, problem.faults)
        return await desk.asked(request, language, visit, forms, problem)
    changed = [part.under[1:] for part in parts]
    if step == "publish":
        return RedirectResponse(f"/{language}/programme-desk?{urlencode({'changed': changed}, doseq=True)}", 303)
    told = {session_id: cast(int, each.body["told"]) for session_id, each in zip(changed, answered, strict=True)}
    return await desk.preview(request, language, visit, forms, told)


def _parts(forms: Sequence[SessionForm], visit: Visit, form_name: str | None) -> list[Part]:
    """One use case for each session of which anything is changed; published once under `form_name`. Raises 422."""
    parts: list[Part] = []
    faults: list[FieldFault] = []
    for form in forms:
        if not (body := form.change()):
            continue
        under, written = f"/{form.session_id}", orjson.dumps(body)
        try:
            change = SessionChangeRequested.model_validate_json(written, strict=True)
        except ValidationError as error:
            faults += faults_of(error, under)
            continue
        once = form_name and Idempotency.of(visit.caller.scope, f"{form_name} {form.session_id}", written)
        parts.append(Part(ChangeSession(form.session_id, change, visit.caller), once or None, under))
    if faults:
        raise invalid_body(faults)
    if not parts:
        raise Problem(422, "nothing-changed", say("Nothing is changed yet."))
    return parts


def _after(session: SessionChanged, forms: Sequence[SessionForm]) -> SessionChanged:
    for form in forms:
        if form.session_id == session.session_id and (body := form.change()):
            return changes.as_asked(session, SessionChangeRequested.model_validate(body))
    return session


def _swapped(forms: Sequence[SessionForm]) -> dict[str, list[str]]:
    """Each of two sessions in the other's room, as answers."""
    answers: dict[str, list[str]] = {}
    for form, other in (forms, forms[::-1]):
        room = as_answers(other.current, form.conference)["room"]
        given = {**as_answers(form.current, form.conference), "room": room, "revision": str(form.current.revision)}
        answers |= {f"{form.session_id}/{name}": [value] for name, value in given.items()}
    return answers


def _address(language: Language, session_ids: Sequence[str]) -> str:
    return f"/{language}/programme-desk/change?{urlencode({'session': session_ids}, doseq=True)}"
