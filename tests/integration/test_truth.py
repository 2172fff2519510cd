"""The checker itself: it finds nothing wrong where all is well, and every single thing that is doctored."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest

from badging.blanks import Blanks
from badging.dates import dates_by_language
from notifications.convergence import message_id
from notifications.model import Notice
from notifications.outgoing import Key, Letter
from notifications.views import View, view
from shared.events import BadgeJob, BadgeStatus, DelegateRegistered, PrintState, SessionChanged
from shared.ids import new_id
from shared.tracing import new_traceparent
from tests.integration.evidence import DeadLetter, Evidence, Mail, Sheet, sheet_named
from tests.integration.truth import violations
from tests.notification_examples import CONFERENCE, DOMAIN, NOON, registered, session, writer

T = TypeVar("T")
ADA, BEN, CAI, DEE = (new_id() for _ in range(4))
BLANKS = Blanks(CONFERENCE, dates_by_language(CONFERENCE))
WRITER = writer()
LETTER = DeadLetter("badging.dead-letter", "delegate-registered", 0, 7)
WELCOME = session("welcome", title={"en": "Welcome"})


def well() -> Evidence:
    """Ada's session was moved, Ben was accredited and then amended, Cai was refused, Dee has withdrawn."""
    before = session("pilots")
    moved = session("pilots", revision=2, room={"en": "Quay", "fr": "Quai"}, starts_at=NOON + timedelta(minutes=15))
    ada = registered(ADA, enrolments={"pilots": "enrolled"})
    ben = [
        registered(BEN, language="fr", status="submitted", enrolments={"pilots": "enrolled"}),
        registered(BEN, revision=2, language="fr", enrolments={"pilots": "enrolled"}),
        registered(BEN, revision=3, language="fr", function="Pilote", enrolments={"pilots": "enrolled"}),
    ]
    cai = [
        registered(CAI, category="guest", status="submitted", protected=True),
        registered(CAI, category="guest", revision=2, status="refused", status_reason="No letter", protected=True),
    ]
    dee = [registered(DEE), registered(DEE, revision=2, status="withdrawn")]
    jobs = [job(ada, 1), first := job(ben[1], 2), job(ben[2], 3, supersedes=first.badge_id, reason="changed"), job(dee[0], 4)]
    return Evidence(
        conference=CONFERENCE,
        registrations=[ada, *ben, *cai, *dee],
        sessions=[before, moved, WELCOME],
        jobs=jobs,
        reports=[printed(each) for each in jobs],
        dead_letters=[],
        sheets=[Sheet(each.serial, 1) for each in jobs],
        mails=[
            *told((ada, before), (ada, moved)),
            *told((ben[0], before), (ben[1], before), (ben[2], moved)),
            *told((cai[0], before), (cai[1], before)),
            *told((dee[0], before), (dee[1], before)),
        ],
        badges=[
            # A second sheet is possible of each, and need not be.
            {"serial": each.serial, "state": "void" if void else "valid", "to_destroy": void, "possible_second_sheet": True}
            for each, void in zip(jobs, (False, True, False, True), strict=True)
        ],
    )


def job(registration: DelegateRegistered, number: int, **changed: Any) -> BadgeJob:
    filled = BLANKS.fill(registration)
    fields: dict[str, Any] = {
        "job_id": new_id(),
        "badge_id": new_id(),
        "serial": f"HD26-0000{number}-AAAAA",
        "delegate_id": registration.delegate_id,
        "station": "main",
        "layout": filled.layout,
        "content": filled.content,
        "credential": "LANYARD1:credential",
        "reason": "first",
        "requested_at": NOON,
    }
    return BadgeJob(**(fields | changed))


def printed(of: BadgeJob, **changed: Any) -> BadgeStatus:
    fields: dict[str, Any] = {
        "job_id": of.job_id,
        "badge_id": of.badge_id,
        "delegate_id": of.delegate_id,
        "printer": "p1",
        "state": PrintState.PRINTED,
        "at": NOON,
    }
    return BadgeStatus(**(fields | changed))


def told(*seen: tuple[DelegateRegistered, SessionChanged]) -> list[Mail]:
    """The mails to one delegate who saw these one after another, each a registration and the one session."""
    was: View | None = None
    mails: list[Mail] = []
    for number, (registration, pilots) in enumerate(seen, start=1):
        assert registration.person is not None
        now = view(registration, {"pilots": pilots}, registration.person.language)
        mails.append(mail(registration, number, Notice(was, now)))
        was = now
    return mails


def mail(registration: DelegateRegistered, number: int, notice: Notice) -> Mail:
    assert registration.person is not None
    letter = Letter(
        key=Key(registration.key, number),
        address=registration.person.email,
        message_id=message_id(registration.key, number, DOMAIN),
        notice=notice,
        created_at=NOON,
        revision=registration.revision,
        traceparent=new_traceparent(),
        attempts=0,
    )
    return Mail(f"Delivered-To: {registration.person.email}\r\n".encode() + WRITER.write(letter))


def without(things: Any, *, at: int) -> list[Any]:
    return [each for number, each in enumerate(things) if number != at % len(things)]


def changed(things: Any, *, at: int, to: Any) -> list[Any]:
    return [*things[:at], to, *things[at + 1 :]]


def badge(found: Evidence, at: int, **said: Any) -> Evidence:
    return replace(found, badges=changed(found.badges, at=at, to={**found.badges[at], **said}))


def other(mail: Mail, **changed: Any) -> Mail:
    """The same mail, but for these of its attributes."""
    copied = Mail(mail.content)
    vars(copied).update(changed)
    return copied


def rejected(of: BadgeJob) -> BadgeStatus:
    return printed(of, state=PrintState.FAILED, cause="no font")


def restarted(found: Evidence) -> Evidence:
    """As a crash may leave it: everything twice."""
    return replace(
        found,
        registrations=[*found.registrations, *found.registrations],
        sessions=[*found.sessions, *found.sessions],
        jobs=[*found.jobs, *found.jobs],
        reports=[*found.reports, *(printed(each, printer="p2") for each in found.jobs)],
        sheets=[*found.sheets, *(Sheet(each.serial, 2) for each in found.jobs)],
        mails=[*found.mails, *found.mails],
    )


DOCTORED: dict[str, Callable[[Evidence], Evidence]] = {
    # badges
    "is accredited and has no badge": lambda f: replace(f, jobs=without(f.jobs, at=0)),
    "does not say what the registration says: function": lambda f: replace(f, jobs=without(f.jobs, at=2)),
    "does not say what the registration says: zones": lambda f: replace(
        f,
        jobs=changed(
            f.jobs, at=0, to=f.jobs[0].model_copy(update={"content": f.jobs[0].content.model_copy(update={"zones": []})})
        ),
    ),
    "was issued beside": lambda f: replace(
        f, jobs=changed(f.jobs, at=2, to=f.jobs[2].model_copy(update={"supersedes": None, "reason": "first"}))
    ),
    "replaces one that never came": lambda f: replace(f, jobs=without(f.jobs, at=1)),
    "says the same as": lambda f: replace(
        f,
        jobs=[
            *f.jobs,
            f.jobs[0].model_copy(
                update={"job_id": new_id(), "badge_id": new_id(), "serial": "HD26-9", "supersedes": f.jobs[0].badge_id}
            ),
        ],
    ),
    "badges have the serial": lambda f: replace(
        f, jobs=changed(f.jobs, at=3, to=f.jobs[3].model_copy(update={"serial": f.jobs[0].serial}))
    ),
    "of a delegate who is not registered": lambda f: replace(f, registrations=without(f.registrations, at=0)),
    "as valid, which it is not": lambda f: badge(f, 3, state="valid"),
    "does not list HD26-00001-AAAAA as valid": lambda f: badge(f, 0, state="void"),
    "does not list HD26-00001-AAAAA as issued": lambda f: replace(f, badges=without(f.badges, at=0)),
    "does not list HD26-00002-AAAAA as to destroy": lambda f: badge(f, 1, to_destroy=False),
    "lists HD26-00001-AAAAA as to destroy, which it is not": lambda f: badge(f, 0, to_destroy=True),
    "does not flag HD26-00001-AAAAA": lambda f: replace(
        badge(f, 0, possible_second_sheet=False), sheets=[*f.sheets, Sheet("HD26-00001-AAAAA", 2)]
    ),
    # sheets
    "has no sheet": lambda f: replace(f, sheets=without(f.sheets, at=1)),
    "was never reported": lambda f: replace(f, reports=without(f.reports, at=1)),
    "reported as printed more often": lambda f: replace(f, reports=[*f.reports, printed(f.jobs[0], printer="p2")]),
    "belongs to no job": lambda f: replace(f, sheets=[*f.sheets, Sheet("HD26-9", 1)]),
    "failed: no font": lambda f: replace(f, reports=[*f.reports, rejected(f.jobs[0])]),
    "which never was": lambda f: replace(f, reports=[*f.reports, printed(f.jobs[0], job_id=new_id())]),
    # facts
    "came with the revisions [1, 3]": lambda f: replace(f, registrations=without(f.registrations, at=2)),
    "has two contents": lambda f: replace(f, sessions=[*f.sessions, WELCOME.model_copy(update={"room": {"en": "Loft"}})]),
    "1 dead letters lie in badging.dead-letter": lambda f: replace(f, dead_letters=[LETTER]),
    # notices
    "was told nothing": lambda f: replace(f, mails=[each for each in f.mails if each.delegate_id != DEE]),
    "was sent the notices [1, 3]": lambda f: replace(f, mails=without(f.mails, at=3)),
    "who is not registered": lambda f: replace(f, registrations=[each for each in f.registrations if each.delegate_id != DEE]),
    "went to somebody else's address": lambda f: replace(
        f, mails=changed(f.mails, at=0, to=other(f.mails[0], to="someone@port.example"))
    ),
    "was sent 3 notices of 2 changes": lambda f: replace(f, mails=[*f.mails, other(f.mails[0], number=3)]),
    "different mails have the Message-ID": lambda f: replace(
        f, mails=[*f.mails, Mail(f.mails[0].content.replace(b"Ada", b"Bea"))]
    ),
    "has the Message-IDs": lambda f: replace(f, mails=[*f.mails, other(f.mails[0], message_id="<other@example>")]),
    "the status is accredited, not submitted": lambda f: replace(f, mails=without(without(f.mails, at=4), at=3)),
    "the function is another": lambda f: replace(f, mails=without(f.mails, at=4)),
    "pilots is not": lambda f: replace(f, mails=without(f.mails, at=1)),
    "it lists 'Pilots at night'": lambda f: replace(
        f, sessions=[*f.sessions, session("pilots", revision=3, status="cancelled")]
    ),
    "it leaves out welcome": lambda f: replace(
        f,
        registrations=changed(
            f.registrations, at=0, to=registered(ADA, enrolments={"pilots": "enrolled", "welcome": "enrolled"})
        ),
    ),
}
REPEATED: dict[str, Callable[[Evidence], Evidence]] = {
    "record of delegate-registered": lambda f: replace(f, registrations=[*f.registrations, f.registrations[0]]),
    "record of session-changed": lambda f: replace(f, sessions=[*f.sessions, f.sessions[0]]),
    "job ": lambda f: replace(f, jobs=[*f.jobs, f.jobs[0]]),
    "report ": lambda f: replace(f, reports=[*f.reports, f.reports[0]]),
    "sheet ": lambda f: replace(f, sheets=[*f.sheets, Sheet(f.jobs[0].serial, 2)]),
    "mail ": lambda f: replace(f, mails=[*f.mails, f.mails[0]]),
}


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert violations(well(), repeats=False) == []


def test_what_a_crash_may_leave_twice_is_nothing_wrong() -> None:
    assert violations(restarted(well()), repeats=True) == []


@pytest.mark.parametrize("breach", DOCTORED)
def test_whatever_is_wrong_is_found(breach: str) -> None:
    found = violations(DOCTORED[breach](well()), repeats=True)
    assert [each for each in found if breach in each], found


@pytest.mark.parametrize("what", REPEATED)
def test_what_is_there_twice_is_found_where_nothing_went_wrong(what: str) -> None:
    doctored = REPEATED[what](well())
    assert violations(doctored, repeats=True) == []
    [found] = violations(doctored, repeats=False)
    assert found.startswith(what)
    assert "2 times" in found


def test_the_second_sheet_of_a_serial_is_known_by_its_number() -> None:
    assert sheet_named("HD26-00001-AAAAA-2", {"HD26-00001-AAAAA"}) == Sheet("HD26-00001-AAAAA", 2)
    assert sheet_named("HD26-00001-22222", {"HD26-00001-22222"}) == Sheet("HD26-00001-22222", 1)


def test_a_mail_is_taken_apart() -> None:
    mail = well().mails[1]
    assert mail.delegate_id == UUID(str(ADA))
    assert list(mail.sections) == ["What has changed", "Your sessions"]
    assert mail.sections["Your sessions"][0] == "* Pilots at night"
