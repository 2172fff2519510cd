"""What a protected identity asks of the rules: no text that leaves registration holds the name, and not everybody lifts it."""

import pytest

from registration import model
from registration.audit.entries import Actor
from registration.callers.caller import Caller
from registration.decisions import deciding
from registration.decisions.reasons import Reason
from registration.delegate import Registration
from registration.delegations.focal_points import SignedIn
from registration.model import Amendment, Refused
from registration.register import Register
from registration.service import Amend
from shared.ids import new_id
from shared.said import FieldFault
from tests.registration_examples import ACCREDITATION, AT, BEFORE, FORM, TINY, desk, programme_of, submitted

FOCAL_POINT = Caller("focal point", focal_point=SignedIn(email="a@b.example", name="A", delegations=frozenset({"oslo"})))


@pytest.fixture
def register() -> Register:
    return programme_of(TINY)


def registered(register: Register, *, protected: bool, function: str = "Harbour master", number: str = "N-1") -> Registration:
    asked = submitted(category="guest", document_number=number, protected=protected, function=function)
    made = model.register(asked, TINY, register, new_id(), BEFORE, AT)
    register.apply(made)
    return made


def faults(refused: Refused) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in refused.faults}


@pytest.mark.parametrize("function", ["Office of Ada Berg", "BÉRG’s counsellor", "Master of the ADA"])
def test_the_function_that_stands_for_a_protected_name_does_not_hold_it(register: Register, function: str):
    with pytest.raises(Refused) as refused:
        registered(register, protected=True, function=function)
    assert faults(refused.value) == {("/person/function", "names-protected")}
    assert registered(register, protected=False, function=function)


@pytest.mark.parametrize("function", ["Bergen harbour master", "Ad hoc counsellor"])
def test_a_function_that_only_begins_as_the_name_does_is_taken(register: Register, function: str):
    assert registered(register, protected=True, function=function)


@pytest.mark.parametrize("protected", [True, False])
def test_the_reason_of_a_decision_does_not_name_who_is_protected(register: Register, protected: bool):
    delegate = registered(register, protected=protected)

    def refusal(reason: str) -> list[FieldFault]:
        try:
            deciding.decide(delegate, "refuse", Reason(reason), Actor("account", "anna"), TINY, register, AT)
        except Refused as refused:
            return refused.faults
        return []

    assert [(each.pointer, each.code) for each in refusal("ada berg is known")] == (
        [("/reason", "names-protected")] if protected else []
    )
    assert refusal("known here") == []


def test_a_form_does_not_lift_a_protection_to_read_the_name(register: Register):
    delegate = registered(register, protected=True)
    lift = Amendment(protected=False)
    with pytest.raises(Refused) as refused:
        Amend(delegate.delegate_id, lift, FORM).decide(desk(), register)
    assert faults(refused.value) == {("/protected", "stays-protected")}
    assert Amend(delegate.delegate_id, Amendment(protected=True), FORM).decide(desk(), register).status == 200
    for caller in (FOCAL_POINT, ACCREDITATION):
        assert Amend(delegate.delegate_id, lift, caller).decide(desk(), register.fork()).status == 200
