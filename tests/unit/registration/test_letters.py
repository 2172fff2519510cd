"""Who waits for their delegation's letter of credentials, and what its coming and going does."""

from typing import Any

import pytest
from pydantic import ValidationError

from registration import model
from registration.amendment import Amendment
from registration.audit.entries import Actor
from registration.delegate import Registration
from registration.letters.letter import LetterChange, LetterFile
from registration.needs import needs_of, status_at_first
from registration.register import Register
from shared.conference import Conference
from shared.events import Status
from shared.ids import new_id
from tests.registration_examples import AT, BEFORE, TINY, programme_of, submitted, tiny
from tests.unit.registration.test_rules import LATER, faults

NEEDED = [("/letter", "letter-needed")]
DESK = Actor("account", "anna")
LETTER = LetterFile("0" * 64, "application/pdf", b"%PDF", 1)


def asking(*kinds: str, categories: tuple[str, ...] = ("member", "guest")) -> Conference:
    """The tiny conference, whose delegations of these kinds give a letter for people of these categories."""
    asked = [{**each.model_dump(), "letter_from": list(kinds) if each.slug in categories else []} for each in TINY.categories]
    return tiny(categories=asked)


PORTS = asking("port")


@pytest.fixture
def register() -> Register:
    return programme_of(PORTS)


def came(register: Register, conference: Conference = PORTS, **fields: Any) -> Registration:
    made = model.register(submitted(**fields), conference, register, new_id(), BEFORE, AT)
    register.apply(made)
    return made


def give(register: Register, delegation: str = "oslo") -> None:
    register.apply_letter(LetterChange(delegation, LETTER, DESK, AT))


def test_whoever_needs_a_letter_waits_for_it_and_others_do_not(register: Register):
    member, guest = came(register), came(register, given_name="Bo", category="guest", document_number="N-1")
    assert [needs_of(each, PORTS, register.letters) for each in (member, guest)] == [["letter"], ["letter"]]
    assert {member.status, guest.status} == {Status.SUBMITTED}
    give(register)
    assert came(register, given_name="Cy").status is Status.ACCREDITED
    other = came(register, given_name="Di", delegation="marseille")
    assert (other.status, needs_of(other, PORTS, register.letters)) == (Status.SUBMITTED, ["letter"])


def test_a_letter_is_asked_of_the_kinds_of_delegation_that_are_named():
    conference = asking("port", categories=("guest",))
    assert [conference.needs_letter(category, "oslo") for category in ("member", "guest")] == [False, True]
    assert not asking().needs_letter("guest", "oslo")
    with pytest.raises(ValidationError, match="unknown kind of delegation"):
        asking("harbour")


def test_a_letter_is_asked_only_of_who_may_register():
    inland = {**TINY.delegation_kinds[0].model_dump(), "slug": "inland"}
    guest = {**TINY.categories[1].model_dump(), "letter_from": ["inland"]}
    with pytest.raises(ValidationError, match="`letter_from` names inland, and `open_to` does not"):
        tiny(delegation_kinds=[TINY.delegation_kinds[0].model_dump(), inland], categories=[guest])


def test_the_desk_accredits_nobody_without_it(register: Register):
    guest = came(register, category="guest", document_number="N-1")
    accredit = lambda: model.accredit(guest, PORTS, register, LATER)  # noqa: E731
    assert faults(accredit) == set(NEEDED)
    assert model.review(guest, PORTS, register, LATER).status is Status.UNDER_REVIEW
    assert model.refuse(guest, "No letter came", LATER).status is Status.REFUSED
    give(register)
    assert accredit().status is Status.ACCREDITED


def test_whoever_waited_for_nothing_else_is_accredited_when_it_comes(register: Register):
    member, guest = came(register), came(register, given_name="Bo", category="guest", document_number="N-1")
    give(register)
    assert status_at_first(member, PORTS, register.letters) is Status.ACCREDITED
    assert status_at_first(guest, PORTS, register.letters) is Status.SUBMITTED
    assert status_at_first(model.withdraw(member, LATER), PORTS, register.letters) is Status.WITHDRAWN


def test_who_is_accredited_stays_so_when_it_goes(register: Register):
    give(register)
    member = came(register, protected=True, category="guest", document_number="N-1")
    member = model.accredit(member, PORTS, register, LATER)
    register.apply(member)
    register.apply_letter(LetterChange("oslo", None, DESK, LATER))
    change = Amendment.model_validate({"person": {"function": "Pilot"}})
    amended = model.amend(member, change, PORTS, register, LATER)
    assert (amended.status, amended.person and amended.person.function) == (Status.ACCREDITED, "Pilot")


def test_nobody_accredited_comes_into_a_category_that_lacks_its_letter():
    conference = asking("port", categories=("member",))
    register = programme_of(conference)
    guest = came(register, conference, category="guest", document_number="N-1")
    change = Amendment.model_validate({"category": "member"})
    assert model.amend(guest, change, conference, register, LATER).status is Status.SUBMITTED
    accredited = model.accredit(guest, conference, register, LATER)
    register.apply(accredited)
    assert faults(lambda: model.amend(accredited, change, conference, register, LATER)) == set(NEEDED)


def test_what_a_fork_was_given_is_the_registers_only_once_it_is_adopted(register: Register):
    fork = register.fork()
    give(fork)
    assert (register.letters, register.changes) == ({}, [])
    register.adopt(fork)
    assert register.letters["oslo"].given_by == "account anna"
