"""Decisions on several people at the desk: staged, shown and undone until they are taken."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries, store
from registration.decisions.decider import Decider, submission
from registration.decisions.reasons import Reason
from registration.decisions.service import MOST, Decision
from registration.decisions.staging import DELAY, Staged
from registration.pages.desk import DECIDES, DESK, AccreditationDesk, decision_of
from registration.pages.focal_point import no_such_page
from registration.pages.people import PersonShown
from registration.pages.site import PageRoutes
from registration.pages.staff import AT_DESK, Visit
from registration.pages.why import staged_why
from shared.clock import utc_now
from shared.events import Language
from shared.ids import new_id
from shared.problems import Problem


def staged_routes(desk: AccreditationDesk, decider: Decider) -> PageRoutes:
    routes = PageRoutes(desk.site)

    @routes.post(DESK)
    async def stage(request: Request, language: Language) -> Response:
        visit = await desk.staff.visit(request, language, DECIDES)
        answers, _ = await desk.staff.answers(request, visit)
        chosen = _chosen(answers)
        if not chosen:
            nobody = desk.site.languages[language].gettext("Choose somebody first.")
            return await desk.queue(request, language, visit, 422, [nobody])
        try:
            staged = _staged(visit, answers, chosen, utc_now())
            await desk.site.intake.submit(submission(staged, visit.caller, dry_run=True))
        except Problem as problem:
            if problem.status not in (404, 409, 410, 422):
                raise
            return await desk.queue(request, language, visit, 422, await _faults(desk, language, visit, problem))
        await desk.site.database.write(lambda tx: store.staging.stage(tx, staged), announce=False)
        decider.wake()
        return RedirectResponse(f"/{language}/desk/staged/{staged.staged_id}", 303)

    @routes.get(f"{DESK}/staged/{{staged_id:uuid}}")
    async def shown(request: Request, language: Language, staged_id: UUID) -> Response:
        visit = await desk.staff.visit(request, language, AT_DESK)
        staged = await desk.site.database.read(lambda tx: store.staging.find(tx, staged_id))
        if staged is None:
            raise no_such_page()
        people = await _people(desk, language, visit, [each for each, _ in staged.delegates])
        against = {delegate_id for delegate_id, _ in staged.faults}
        return await desk.page(
            request,
            language,
            "desk_staged.html",
            visit,
            staged=staged,
            reason=staged_why(staged.reason, desk.site.conference, language),
            people=people,
            against=[each for each in people if each.delegate_id in against],
            seconds=max(0, round((staged.due_at - utc_now()).total_seconds())),
            is_mine=staged.account == visit.account.name,
        )

    @routes.post(f"{DESK}/staged/{{staged_id:uuid}}/undo")
    async def undo(request: Request, language: Language, staged_id: UUID) -> Response:
        visit = await desk.staff.visit(request, language, DECIDES)
        await desk.staff.answers(request, visit)
        await desk.site.database.write(
            lambda tx: store.staging.undo(tx, staged_id, visit.account.name, utc_now()), announce=False
        )
        return RedirectResponse(f"/{language}/desk/staged/{staged_id}", 303)

    return routes


def _chosen(answers: Mapping[str, Sequence[str]]) -> list[tuple[UUID, int]]:
    """Who was chosen, at which revision or which correction's number; what no page of ours sends does not count."""
    chosen: dict[UUID, int] = {}
    for each in answers.get("chosen", [])[:MOST]:
        delegate_id, _, revision = each.partition(" ")
        try:
            chosen[UUID(delegate_id)] = int(revision)
        except ValueError:
            continue
    return list(chosen.items())


def _staged(visit: Visit, answers: Mapping[str, Sequence[str]], chosen: Sequence[tuple[UUID, int]], now: datetime) -> Staged:
    decision = decision_of(answers)
    reason = decision.given if isinstance(decision, Decision) else Reason(decision.reason)
    return Staged(new_id(), visit.account.name, decision.decision, reason, chosen, now + DELAY, "staged")


async def _people(desk: AccreditationDesk, language: Language, visit: Visit, delegate_ids: Sequence[UUID]) -> list[PersonShown]:
    """Those of them who are not erased, as they stand."""
    found = await desk.site.database.read(lambda tx: queries.find_all(tx, delegate_ids))
    return await desk.shown([each for each in found if each.person is not None], language, visit)


async def _faults(desk: AccreditationDesk, language: Language, visit: Visit, problem: Problem) -> list[str]:
    """What stands against it, by name."""
    if not problem.faults:
        return [problem.said.in_language(language)]
    people = {each.delegate_id: each.name for each in await _people(desk, language, visit, _named(problem))}
    lines: dict[str, None] = {}
    for fault in problem.faults:
        name = people.get(_first_part(fault.pointer), "")
        lines[": ".join(filter(None, [name, fault.detail.in_language(language)]))] = None
    return list(lines)


def _named(problem: Problem) -> list[UUID]:
    found: list[UUID] = []
    for fault in problem.faults:
        try:
            found.append(UUID(_first_part(fault.pointer)))
        except ValueError:
            continue
    return found


def _first_part(pointer: str) -> str:
    return pointer.removeprefix("/").partition("/")[0]
