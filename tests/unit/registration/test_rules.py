"""The rules of registration and of the programme, each by what it refuses and what it makes."""

from datetime import date, timedelta
from typing import Any

import pytest

from registration import model
from registration.amendment import Amendment, PersonAmended
from registration.delegate import Registration
from registration.model import NotNow, Refused
from registration.programme import changes
from registration.register import Register
from shared.conference import Conference
from shared.events import EnrolmentState, SessionChange, SessionStatus, Status
from shared.ids import new_id
from tests.registration_examples import AT, BEFORE, TINY, programme_of, submitted

LATER = AT + timedelta(hours=1)


@pytest.fixture
def register() -> Register:
    return programme_of(TINY)


def registered(register: Register, conference: Conference = TINY, **fields: Any) -> Registration:
    """Register somebody and keep them."""
    made = model.register(submitted(**fields), conference, register, new_id(), BEFORE, AT)
    register.apply(made)
    return made


def faults(asked: Any) -> set[tuple[str, str]]:
    """Where and why it is refused."""
    with pytest.raises(Refused) as refused:
        asked()
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


# --- registering --------------------------------------------------------------------------------------------------


def test_a_category_accredits_at_once_or_leaves_it_to_a_decision(register):
    member = registered(register, given_name="Ada")
    guest = registered(register, given_name="Bo", category="guest", document_number="N-1")
    assert (member.status, guest.status) == (Status.ACCREDITED, Status.SUBMITTED)
    assert {member.revision, guest.revision} == {1}
    assert (member.pass_type, member.submitted_at, member.changed_at) == ("day", AT, AT)


def test_a_name_that_no_badge_can_show_is_refused_and_the_letters_named(register):
    with pytest.raises(Refused) as refused:
        registered(register, given_name="ᏣᎳᎩ", family_name="Berg")
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("/person/given_name", "not-printable")
    assert fault.detail.startswith("No badge can show Ꮳ (U+13E3), Ꮃ (U+13B3), Ꭹ (U+13A9). Give the whole name in another")
    assert registered(register, given_name="ᏣᎳᎩ", family_name="Berg", printed_name="Tsalagi Berg").revision == 1


@pytest.mark.parametrize("name", ["გიორგი", "דוד", "김민준", "ที่ปรึกษา", "Արամ", "श्री", "محمد", "王晓明", "Zoé Œ"])
def test_names_in_the_worlds_scripts_are_taken(register, name: str):
    assert registered(register, given_name=name).revision == 1


def test_of_a_protected_person_only_what_the_badge_shows_must_be_printable(register):
    unprintable = {"given_name": "ᏣᎳᎩ", "category": "guest", "document_number": "N-1", "protected": True}
    assert ("/person/function", "not-printable") in faults(lambda: registered(register, **unprintable, function="Ꮳ"))
    assert ("/person/given_name", "not-printable") not in faults(lambda: registered(register, **unprintable, function="Ꮳ"))


def test_an_amendment_too_must_be_printable(register):
    current = registered(register)
    asked = Amendment(person=PersonAmended(function="Ꮳ"))
    assert faults(lambda: model.amend(current, asked, TINY, register, LATER)) == {("/person/function", "not-printable")}


def test_every_fault_is_told_at_once(register):
    wrong = submitted(
        category="guest",
        protected=True,
        time_zone="Europe/Atlantis",
        pass_days=[date(2026, 5, 12)],
        sessions=["pilots", "nowhere", "pilots"],
    )
    assert faults(lambda: model.register(wrong, TINY, register, new_id(), BEFORE, AT)) == {
        ("/person/time_zone", "unknown-time-zone"),
        ("/person/document_number", "required"),
        ("/pass_days", "not-for-days"),
        ("/sessions/0", "not-in-audience"),
        ("/sessions/1", "unknown-session"),
        ("/sessions/2", "not-in-audience"),
        ("/sessions", "repeated"),
    }


def test_unknown_category_and_delegation_do_not_hide_a_fault_of_the_person(register):
    wrong = submitted(category="pirate", delegation="atlantis", time_zone="Moon/Tycho")
    assert faults(lambda: model.register(wrong, TINY, register, new_id(), BEFORE, AT)) == {
        ("/category", "unknown-category"),
        ("/delegation", "unknown-delegation"),
        ("/person/time_zone", "unknown-time-zone"),
    }


def test_a_kind_of_delegation_registers_only_categories_that_are_open_to_it(register):
    closed = TINY.category["member"].model_copy(update={"open_to": []})
    conference = TINY.model_copy(update={"categories": [closed, TINY.category["guest"]]})
    conference.__dict__.pop("category", None)
    wrong = submitted(category="member")
    assert faults(lambda: model.register(wrong, conference, register, new_id(), BEFORE, AT)) == {
        ("/category", "category-not-open")
    }


def test_only_some_categories_may_be_protected(register):
    wrong = submitted(category="member", protected=True)
    assert faults(lambda: model.register(wrong, TINY, register, new_id(), BEFORE, AT)) == {("/protected", "not-protected")}
    assert registered(register, category="guest", document_number="N-1", protected=True).protected


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"given_name": "ÅDA", "email": "other@port.example"}, id="name in delegation, in capitals"),
        pytest.param({"given_name": "Ada  ", "family_name": "  Berg", "email": "x@port.example"}, id="accents and spaces"),
        pytest.param({"delegation": "marseille"}, id="name with e-mail address, in any delegation"),
        pytest.param(
            {"delegation": "no", "given_name": "Eva", "email": "e@port.example", "document_number": "n-1"},
            id="document number, in any delegation",
        ),
    ],
)
def test_a_person_who_is_known_is_not_registered_again(register, changed):
    registered(register, given_name="Åda", document_number="N-1")
    again = submitted(**({"given_name": "Åda"} | changed))
    assert faults(lambda: model.register(again, TINY, register, new_id(), BEFORE, AT)) == {("/person", "known-person")}


@pytest.mark.parametrize(
    "changed",
    [
        {"delegation": "marseille", "email": "other@port.example"},
        {"given_name": "Eva"},
    ],
)
def test_a_name_elsewhere_or_a_shared_address_is_another_person(register, changed):
    registered(register)
    registered(register, **changed)
    assert len(register.delegates) == 2


def test_a_delegation_registers_no_more_than_its_quota(register):
    for number in range(3):
        registered(register, delegation="no", given_name=f"A{number}")
    wrong = submitted(delegation="no", given_name="Z")
    assert faults(lambda: model.register(wrong, TINY, register, new_id(), BEFORE, AT)) == {("/delegation", "quota-full")}
    registered(register, delegation="oslo", given_name="Z")


def test_a_category_has_a_quota_of_its_own(register):
    for number in range(2):
        registered(register, category="guest", given_name=f"A{number}", document_number=f"N-{number}")
    wrong = submitted(category="guest", given_name="Z", document_number="N-9")
    assert faults(lambda: model.register(wrong, TINY, register, new_id(), BEFORE, AT)) == {("/category", "category-quota-full")}


def test_a_pass_for_named_days_names_days_of_the_week(register):
    temporary = TINY.pass_types[0].model_copy(update={"for_named_days": True})
    conference = TINY.model_copy(update={"pass_types": [temporary]})
    conference.__dict__.pop("pass_type", None)
    day = date(2026, 5, 12)

    def ask(*days: date) -> Registration:
        return model.register(submitted(pass_days=list(days)), conference, register, new_id(), BEFORE, AT)

    assert faults(ask) == {("/pass_days", "required")}
    assert faults(lambda: ask(day, date(2026, 5, 13))) == {("/pass_days", "outside-conference")}
    assert ask(day, day).pass_days == [day]


# --- enrolling ----------------------------------------------------------------------------------------------------


def test_the_last_place_of_a_session_is_given_once(register):
    for number in range(4):
        registered(register, given_name=f"A{number}", sessions=["pilots"])
    late = registered(register, given_name="Z")
    assert faults(lambda: model.enrol(late, "pilots", register, BEFORE, LATER)) == {("session_id", "session-full")}


def test_nobody_is_enrolled_in_what_is_over_cancelled_closed_or_unknown(register):
    guest = registered(register, category="guest", document_number="N-1")
    member = registered(register, given_name="Eva")
    pilots = register.sessions["pilots"]
    register.sessions["pilots"] = pilots.model_copy(update={"status": SessionStatus.CANCELLED})
    assert faults(lambda: model.enrol(guest, "pilots", register, BEFORE, LATER)) == {
        ("session_id", "not-in-audience"),
        ("session_id", "session-cancelled"),
    }
    ended = register.sessions["welcome"].ends_at
    assert faults(lambda: model.enrol(member, "welcome", register, ended, LATER)) == {("session_id", "session-over")}
    assert model.enrol(member, "welcome", register, ended - timedelta(seconds=1), LATER).is_enrolled_in("welcome")
    assert faults(lambda: model.enrol(member, "nowhere", register, BEFORE, LATER)) == {("session_id", "unknown-session")}


def test_enrolling_and_leaving_are_one_revision_each_and_none_when_repeated(register):
    delegate = registered(register)
    enrolled = model.enrol(delegate, "pilots", register, BEFORE, LATER)
    assert (enrolled.revision, enrolled.changed_at, enrolled.is_enrolled_in("pilots")) == (2, LATER, True)
    assert model.enrol(enrolled, "pilots", register, BEFORE, LATER) is enrolled

    left = model.release(enrolled, "pilots", "left", LATER)
    assert left.revision == 3
    assert [(each.state, each.cause) for each in left.enrolments] == [(EnrolmentState.RELEASED, "left")]
    assert model.release(left, "pilots", "left", LATER) is left
    assert model.release(left, "welcome", "left", LATER) is left

    back = model.enrol(left, "pilots", register, BEFORE, LATER)
    assert [(each.state, each.cause) for each in back.enrolments] == [(EnrolmentState.ENROLLED, None)]


# --- deciding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["refuse", "withdraw"])
def test_refusal_and_withdrawal_release_every_place_in_the_same_revision(register, end):
    delegate = registered(register, sessions=["pilots", "welcome"])
    ended = model.refuse(delegate, "Too late", LATER) if end == "refuse" else model.withdraw(delegate, LATER)
    assert ended.revision == 2
    assert {(each.state, each.cause) for each in ended.enrolments} == {
        (EnrolmentState.RELEASED, {"refuse": "refused", "withdraw": "withdrawn"}[end])
    }
    assert not ended.holds_place
    register.apply(ended)
    assert (register.held("oslo"), register.enrolled("pilots"), register.enrolled("welcome")) == (0, 0, 0)


def test_a_place_left_before_keeps_its_own_cause(register):
    delegate = model.release(registered(register, sessions=["pilots", "welcome"]), "pilots", "left", LATER)
    causes = {each.session_id: each.cause for each in model.withdraw(delegate, LATER).enrolments}
    assert causes == {"pilots": "left", "welcome": "withdrawn"}


def test_a_refusal_needs_a_reason_and_may_be_given_a_better_one(register):
    delegate = registered(register)
    assert faults(lambda: model.refuse(delegate, None, LATER)) == {("/reason", "required")}
    refused = model.refuse(delegate, "Late", LATER)
    assert model.refuse(refused, "Late", LATER) is refused
    corrected = model.refuse(refused, "Not of this delegation", LATER)
    assert (corrected.revision, corrected.status_reason) == (3, "Not of this delegation")


def test_a_refusal_is_taken_back_only_while_the_quota_has_room(register):
    refused = model.refuse(registered(register, delegation="no"), "Late", LATER)
    register.apply(refused)
    others = [registered(register, delegation="no", given_name=f"A{number}") for number in range(3)]
    assert faults(lambda: model.accredit(refused, TINY, register, LATER)) == {("/delegation", "quota-full")}

    register.apply(model.withdraw(others[0], LATER))
    accredited = model.accredit(refused, TINY, register, LATER)
    assert (accredited.status, accredited.status_reason, accredited.revision) == (Status.ACCREDITED, None, 3)
    assert model.accredit(accredited, TINY, register, LATER) is accredited


def test_who_withdrew_is_not_decided_on_amended_or_enrolled_but_may_register_anew(register):
    withdrawn = model.withdraw(registered(register), LATER)
    register.apply(withdrawn)
    assert model.withdraw(withdrawn, LATER) is withdrawn
    for ask in (
        lambda: model.accredit(withdrawn, TINY, register, LATER),
        lambda: model.refuse(withdrawn, "Late", LATER),
        lambda: model.amend(withdrawn, Amendment(), TINY, register, LATER),
        lambda: model.enrol(withdrawn, "pilots", register, BEFORE, LATER),
    ):
        with pytest.raises(NotNow, match="registration-ended"):
            ask()
    assert registered(register).delegate_id != withdrawn.delegate_id


def test_who_was_refused_stays_known(register):
    register.apply(model.refuse(registered(register), "Late", LATER))
    assert faults(lambda: registered(register)) == {("/person", "known-person")}


# --- amending -----------------------------------------------------------------------------------------------------


def amended(delegate: Registration, register: Register, **person: Any) -> Registration:
    return model.amend(delegate, Amendment(person=PersonAmended(**person)), TINY, register, LATER)


def test_an_amendment_changes_what_it_names_and_nothing_else(register):
    delegate = registered(register)
    changed = amended(delegate, register, function="Pilot")
    assert changed.person == delegate.person.model_copy(update={"function": "Pilot"})
    assert (changed.revision, changed.changed_at, changed.submitted_at) == (2, LATER, AT)


def test_an_amendment_that_changes_nothing_makes_no_revision(register):
    delegate = registered(register, document_number="N-1")
    assert amended(delegate, register, function=delegate.person.function) is delegate
    assert amended(delegate, register) is delegate
    assert model.amend(delegate, Amendment(protected=False, pass_days=[]), TINY, register, LATER) is delegate


def test_an_amendment_is_held_to_the_same_rules(register):
    guest = registered(register, category="guest", document_number="N-1")
    registered(register, given_name="Eva")
    assert faults(lambda: amended(guest, register, given_name=None)) == {("/person/given_name", "required")}
    assert faults(lambda: amended(guest, register, document_number=None)) == {("/person/document_number", "required")}
    assert faults(lambda: amended(guest, register, time_zone="Mars/Base")) == {("/person/time_zone", "unknown-time-zone")}
    assert faults(lambda: amended(guest, register, given_name="EVA")) == {("/person", "known-person")}
    days = Amendment(pass_days=[date(2026, 5, 12)])
    assert faults(lambda: model.amend(guest, days, TINY, register, LATER)) == {("/pass_days", "not-for-days")}


def test_a_name_that_was_amended_is_free_again(register):
    register.apply(amended(registered(register), register, given_name="Eva"))
    assert registered(register).person.given_name == "Ada"
    assert faults(lambda: registered(register, given_name="Eva", email="e@port.example")) == {("/person", "known-person")}


def test_what_an_amendment_makes_could_have_been_registered():
    """A stored registration is read again by the types of a submitted one: no amendment may make it unreadable."""
    for name, field in PersonAmended.model_fields.items():
        with pytest.raises(ValueError, match=name):
            PersonAmended(**{name: "x" * 400})
        assert field.default is None


# --- the programme ------------------------------------------------------------------------------------------------


def change(register: Register, session: str, **fields: Any):
    return changes.revised(register.sessions[session], SessionChange(**fields), TINY, register, LATER)


def test_a_change_of_a_session_is_its_next_revision(register):
    moved = change(register, "pilots", room={"en": "Quay Room"})
    assert (moved.revision, moved.room, moved.changed_at) == (2, {"en": "Quay Room"}, LATER)
    assert moved.title == register.sessions["pilots"].title
    assert change(register, "pilots", capacity=4) is register.sessions["pilots"]
    assert change(register, "pilots") is register.sessions["pilots"]
    assert change(register, "pilots", capacity=None).capacity is None


def test_a_capacity_below_the_number_enrolled_names_the_number(register):
    for number in range(3):
        registered(register, given_name=f"A{number}", sessions=["pilots"])
    with pytest.raises(Refused) as refused:
        change(register, "pilots", capacity=2)
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("/capacity", "capacity-below-enrolled")
    assert fault.detail == "3 people are enrolled in pilots; its capacity cannot be 2."
    assert change(register, "pilots", capacity=3).capacity == 3


def test_who_loses_their_place_by_a_new_audience_does_not_count_against_the_new_capacity(register):
    registered(register, category="guest", document_number="N-1", sessions=["welcome"])
    for number in range(2):
        registered(register, given_name=f"A{number}", sessions=["welcome"])
    changed = change(register, "welcome", audience=["guest", "guest"], capacity=1)
    assert (changed.audience, changed.capacity) == (["guest"], 1)
    assert {each.category for each in changes.losing_their_place(changed, register)} == {"member"}


def test_a_session_ends_after_it_starts_and_is_for_categories_that_exist(register):
    starts_at = register.sessions["pilots"].starts_at
    assert faults(lambda: change(register, "pilots", ends_at=starts_at, audience=["member", "pirate"])) == {
        ("/ends_at", "ends-before-start"),
        ("/audience/1", "unknown-category"),
    }


def test_cancelling_leaves_enrolments_as_they_are(register):
    registered(register, sessions=["pilots"])
    cancelled = change(register, "pilots", status=SessionStatus.CANCELLED)
    assert cancelled.status is SessionStatus.CANCELLED
    assert changes.losing_their_place(cancelled, register) == []
    assert register.enrolled("pilots") == 1


def test_a_planned_session_starts_at_its_local_time():
    planned = changes.planned(TINY.sessions[1], TINY, AT)
    assert (planned.revision, planned.starts_at.isoformat()) == (1, "2026-05-12T08:30:00+00:00")
    assert [party.code for party in planned.organisers] == ["oslo", "no"]


@pytest.mark.parametrize(("minutes", "late"), [(-1, False), (0, True), (60 * 24, True)])
def test_who_registers_after_the_category_closed_is_taken_and_marked_late(register, minutes: int, late: bool):
    closes_at = (BEFORE - timedelta(minutes=minutes)).astimezone(TINY.zone_info).replace(tzinfo=None)
    categories = [{**each.model_dump(), "closes_at": closes_at if each.slug == "member" else None} for each in TINY.categories]
    conference = Conference.model_validate({**TINY.model_dump(), "categories": categories})
    made = registered(register, conference)
    assert (made.status, made.late) == (Status.ACCREDITED, late)
    amended = model.amend(made, Amendment(person=PersonAmended(function="Pilot")), conference, register, LATER)
    assert amended.late is late
    guest = registered(register, conference, category="guest", given_name="Bo", document_number="N-1")
    assert not guest.late
