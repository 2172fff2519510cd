"""Endorsement by a delegation's focal point: who waits for it, what it does to the quota, when the desk goes without."""

from datetime import timedelta
from typing import Any

import pytest

from registration import model
from registration.amendment import Amendment
from registration.audit.entries import Actor, decision
from registration.decisions import deciding
from registration.decisions.reasons import Reason
from registration.delegate import Registration
from registration.delegations import endorsing
from registration.delegations.focal_news import worth_telling
from registration.model import NotNow, Refused
from registration.needs import needs_of
from registration.programme import waiting
from registration.register import Register
from shared.events import EnrolmentState, Status
from shared.ids import new_id
from tests.registration_examples import AT, BEFORE, TINY, programme_of, submitted, tiny

LATER = AT + timedelta(hours=1)
DUE = AT + timedelta(days=5)
DESK = Actor("account", "anna")
GATE = {"category": "guest", "document_number": "N-1"}
ENDORSED = tiny(
    categories=[
        each.model_copy(update={"needs_endorsement": True, "endorsed_within": 5}) if each.slug == "guest" else each
        for each in TINY.categories
    ]
)
AT_ONCE = tiny(categories=[each.model_copy(update={"needs_endorsement": each.slug == "member"}) for each in TINY.categories])
"""Where members are accredited automatically, once endorsed."""


@pytest.fixture
def register() -> Register:
    return programme_of(ENDORSED)


def came(register: Register, conference: Any = ENDORSED, *, themselves: bool = True, **fields: Any) -> Registration:
    asked = submitted(**{**GATE, **fields})
    made = model.register(asked, conference, register, new_id(), BEFORE, AT, themselves=themselves)
    register.apply(made)
    return made


def endorsed(register: Register, person: Registration, conference: Any = ENDORSED) -> Registration:
    after = endorsing.endorse(person, conference, register, LATER)
    register.apply(after)
    return after


def accredited(register: Register, person: Registration, at: Any = LATER) -> Registration:
    return decided(register, person, "accredit", at)


def decided(register: Register, person: Registration, verdict: deciding.Verdict, at: Any = LATER) -> Registration:
    reason = "On a list" if verdict == "refuse" else None
    return deciding.decide(person, verdict, Reason(reason), DESK, ENDORSED, register, at)


def moved(register: Register, person: Registration, into: str, *, themselves: bool = True) -> Registration:
    return model.amend(person, Amendment(category=into), ENDORSED, register, LATER, themselves=themselves)


def why(asked: Any) -> str:
    with pytest.raises(NotNow) as refused:
        asked()
    return refused.value.code


def faults(asked: Any) -> set[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        asked()
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


def test_a_place_in_a_session_is_taken_once_endorsed(register: Register):
    stranger = came(register, sessions=["welcome"])
    assert [each.state for each in stranger.enrolments] == [EnrolmentState.WAITING]
    assert register.enrolled("welcome") == 0
    register.freed.add("welcome")
    assert waiting.next_in(register, LATER) is None, "there is room, and not for a stranger"
    register.freed.clear()
    known = endorsed(register, stranger)
    enrolled = waiting.next_in(register, LATER)
    assert enrolled is not None
    assert (enrolled.revision, enrolled.is_enrolled_in("welcome")) == (known.revision + 1, True)


def test_whoever_is_endorsed_finds_a_full_session_full(register: Register):
    register.sessions["welcome"] = register.sessions["welcome"].model_copy(update={"capacity": 1, "waiting_list": True})
    stranger = came(register, sessions=["welcome"])
    came(register, themselves=False, given_name="Bo", document_number="N-2", sessions=["welcome"])
    endorsed(register, stranger)
    assert waiting.next_in(register, LATER) is None


def test_only_who_comes_by_a_form_into_such_a_category_waits(register: Register):
    themselves, nominated = came(register), came(register, themselves=False, given_name="Bo", document_number="N-2")
    member = came(register, category="member", given_name="Cy", document_number="N-3")
    assert [needs_of(each, ENDORSED, ()) for each in (themselves, nominated, member)] == [["endorsement"], [], []]
    assert [each.status for each in (themselves, nominated, member)] == [Status.SUBMITTED, Status.SUBMITTED, Status.ACCREDITED]


def test_who_waits_takes_no_place_and_takes_one_when_endorsed(register: Register):
    waiting = [came(register, given_name=name, document_number=f"N-{name}") for name in ("Ada", "Bo", "Cy")]
    assert register.held("oslo") == 0, "a quota of 2 guests has room for all who wait"
    first, second = (endorsed(register, each) for each in waiting[:2])
    assert [register.held("oslo", "guest"), register.held("oslo")] == [2, 2]
    assert (first.status, first.revision, needs_of(second, ENDORSED, ())) == (Status.SUBMITTED, 2, [])
    assert why(lambda: endorsed(register, waiting[2])) == "category-quota-full"
    register.apply(model.withdraw(first, LATER))
    assert endorsed(register, waiting[2]).holds_place


def test_the_whole_quota_is_judged_too(register: Register):
    waiting = came(register, delegation="no")
    for number in range(3):
        came(register, category="member", delegation="no", given_name=f"M{number}", document_number=None)
    assert why(lambda: endorsed(register, waiting)) == "quota-full"


def test_endorsing_again_changes_nothing_and_who_needs_none_cannot_be_endorsed(register: Register):
    given = endorsed(register, came(register))
    assert endorsing.endorse(given, ENDORSED, register, LATER) is given
    nominated = came(register, themselves=False, given_name="Bo", document_number="N-2")
    assert why(lambda: endorsed(register, nominated)) == "nothing-to-endorse"
    assert why(lambda: endorsing.decline(given, Reason("Not ours"), ENDORSED, LATER)) == "nothing-to-endorse"
    withdrawn = model.withdraw(came(register, given_name="Cy", document_number="N-3"), LATER)
    assert why(lambda: endorsed(register, withdrawn)) == "nothing-to-endorse"


def test_who_is_declined_is_refused_with_the_reason_and_may_be_endorsed_after_all(register: Register):
    waiting = came(register, sessions=["welcome"])
    assert faults(lambda: endorsing.decline(waiting, Reason(), ENDORSED, LATER)) == {("/reason", "required")}
    declined = endorsing.decline(waiting, Reason("Not of our organisation"), ENDORSED, LATER)
    assert (declined.status, declined.status_reason) == (Status.REFUSED, "Not of our organisation")
    assert [each.state for each in declined.enrolments] == [EnrolmentState.RELEASED]
    assert endorsing.decline(declined, Reason("Not of our organisation"), ENDORSED, LATER) is declined
    after_all = endorsing.endorse(declined, ENDORSED, register, LATER)
    assert (after_all.status, after_all.status_reason, after_all.holds_place) == (Status.SUBMITTED, None, True)


def test_what_one_of_two_proposed_is_proposed_no_more_once_somebody_is_declined(register: Register):
    proposed = came(register).model_copy(update={"proposed": deciding.proposed_by(DESK, "refuse", Reason("On a list"))})
    declined = endorsing.decline(proposed, Reason("Not of our organisation"), ENDORSED, LATER)
    assert declined.proposed is None
    assert endorsing.endorse(declined, ENDORSED, register, LATER).proposed is None


def test_a_reason_that_names_the_protected_is_refused(register: Register):
    waiting = came(register, protected=True, family_name="Canary")
    assert faults(lambda: endorsing.decline(waiting, Reason("Canary left us"), ENDORSED, LATER)) == {
        ("/reason", "names-protected")
    }


def test_the_desk_decides_once_endorsed_and_may_refuse_before(register: Register):
    register.with_focal_point = {"oslo"}
    waiting = came(register)
    assert faults(lambda: accredited(register, waiting)) == {("/endorsement", "endorsement-needed")}
    assert faults(lambda: decided(register, waiting, "review")) == {("/endorsement", "endorsement-needed")}
    refused = decided(register, waiting, "refuse")
    assert (refused.status, refused.lacks_endorsement) == (Status.REFUSED, False)
    assert why(lambda: endorsing.endorse(refused, ENDORSED, register, LATER)) == "nothing-to-endorse", "the desk refused"
    assert accredited(register, endorsed(register, waiting)).status is Status.ACCREDITED


def test_the_desk_goes_without_where_no_focal_point_is_known_or_the_time_is_over(register: Register):
    waiting = came(register)
    without = accredited(register, waiting)
    assert (without.status, without.lacks_endorsement, without.holds_place) == (Status.ACCREDITED, False, True)
    register.with_focal_point = {"oslo"}
    assert faults(lambda: accredited(register, waiting, DUE - timedelta(seconds=1))) == {("/endorsement", "endorsement-needed")}
    assert accredited(register, waiting, DUE).status is Status.ACCREDITED
    reviewed = decided(register, waiting, "review", DUE)
    assert (reviewed.status, reviewed.holds_place) == (Status.UNDER_REVIEW, True)


def test_without_an_endorsement_the_desk_still_finds_no_place_in_a_full_quota(register: Register):
    waiting = came(register)
    for number in (2, 3):
        came(register, themselves=False, given_name=f"G{number}", document_number=f"N-{number}")
    assert faults(lambda: accredited(register, waiting)) == {("/category", "category-quota-full")}
    assert faults(lambda: decided(register, waiting, "review")) == {("/category", "category-quota-full")}


def test_who_is_accredited_automatically_is_so_when_endorsed():
    register = programme_of(AT_ONCE)
    waiting = came(register, AT_ONCE, category="member", document_number=None)
    assert waiting.status is Status.SUBMITTED
    assert endorsed(register, waiting, AT_ONCE).status is Status.ACCREDITED


def test_another_category_brings_its_own_need_and_its_own_quota(register: Register):
    waiting = came(register)
    member = moved(register, waiting, "member")
    assert (member.status, member.holds_place, needs_of(member, ENDORSED, ())) == (Status.ACCREDITED, True, [])
    for number in range(5):
        came(register, category="member", given_name=f"M{number}", document_number=None)
    assert faults(lambda: moved(register, waiting, "member")) == {("/delegation", "quota-full")}
    other = came(register, category="member", delegation="marseille", given_name="Eva", document_number="N-9")
    assert faults(lambda: moved(register, other, "guest")) == {("/endorsement", "endorsement-needed")}, "nobody slips by"
    assert moved(register, other, "guest", themselves=False).category == "guest"


def test_a_form_that_moves_somebody_into_such_a_category_makes_them_wait():
    conference = tiny(
        categories=[
            each.model_copy(update={"accreditation": "by-decision", "needs_endorsement": each.slug == "guest"})
            for each in TINY.categories
        ]
    )
    register = programme_of(conference)
    member = came(register, conference, category="member")
    reviewed = model.review(member, conference, register, LATER)
    for before in (member, reviewed):
        moved = model.amend(before, Amendment(category="guest"), conference, register, LATER, themselves=True)
        assert (moved.status, moved.holds_place) == (Status.SUBMITTED, False)


def test_each_answer_is_in_the_audit_trail(register: Register):
    by = Actor("focal-point", "oslo abc")
    waiting = came(register)
    declined = endorsing.decline(waiting, Reason("Not ours"), ENDORSED, LATER)
    after_all = endorsing.endorse(declined, ENDORSED, register, LATER)
    kept = [decision(*each, by) for each in ((None, waiting), (waiting, declined), (declined, after_all), (waiting, after_all))]
    assert [each and each.action for each in kept] == [None, "decline-endorsement", "endorse", "endorse"]
    refused = decision(waiting, model.refuse(waiting, "On a list", LATER), by)
    assert refused is not None
    assert refused.action == "refuse"


def test_focal_points_are_told_of_who_begins_to_wait(register: Register):
    waiting = came(register)
    nominated = came(register, themselves=False, given_name="Bo", document_number="N-2")
    amended = model.amend(waiting, Amendment.model_validate({"person": {"function": "Pilot"}}), ENDORSED, register, LATER)
    assert list(worth_telling([waiting, nominated, amended], register.delegates)) == [("oslo", AT)]
