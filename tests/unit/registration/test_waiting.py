"""Waiting lists: who has a place, who waits, who is next."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registration import service
from registration.decisions.service import Decide, Decision
from registration.model import Refused
from registration.programme.service import ChangeSession
from registration.programme.waiting import clashes, has_room
from registration.register import Register
from shared.events import EnrolmentState, SessionChange, SessionStatus
from tests.registration_examples import ACCREDITATION, PROGRAMME, TINY, desk, programme_of, submitted

PILOTS = "pilots"


@pytest.fixture
def register() -> Register:
    """The tiny conference, whose pilots meet with two places and a waiting list."""
    register = programme_of(TINY)
    pilots = register.sessions[PILOTS]
    audience = ["member", "guest"]
    register.sessions[PILOTS] = pilots.model_copy(update={"capacity": 2, "waiting_list": True, "audience": audience})
    return register


def join(register: Register, name: str, **asked: Any) -> UUID:
    asked = {"sessions": [PILOTS], "email": f"{name}@x.example", "document_number": name, **asked}
    answer = service.RegisterDelegate(submitted(given_name=name, **asked), ACCREDITATION).decide(desk(), register)
    return UUID(str(answer.body["delegate_id"]))


def states(register: Register, *delegates: UUID) -> str:
    """The state of each in the pilots' meeting, by its first letter."""
    held = [register.delegates[each].enrolment(PILOTS) for each in delegates]
    return "".join("-" if each is None else each.state.value[0] for each in held)


def test_who_finds_no_place_waits_and_the_first_of_them_is_next(register: Register):
    ada, bo, cleo, dag = (join(register, name) for name in ("Ada", "Bo", "Cleo", "Dag"))
    assert states(register, ada, bo, cleo, dag) == "eeww"
    service.Leave(ada, PILOTS, ACCREDITATION).decide(desk(), register)
    assert states(register, ada, bo, cleo, dag) == "reew"
    assert register.delegates[cleo].revision == 2
    assert register.delegates[cleo].enrolment(PILOTS).since is None  # pyright: ignore[reportOptionalMemberAccess]
    service.Withdraw(bo, ACCREDITATION).decide(desk(), register)
    assert states(register, cleo, dag) == "ee"


@pytest.mark.parametrize("ends", ["refused", "erased", "lost to the audience"])
def test_however_a_place_becomes_free_it_is_filled_at_once(register: Register, ends: str):
    ada, bo, cleo = join(register, "Ada", category="guest"), join(register, "Bo"), join(register, "Cleo")
    match ends:
        case "refused":
            decision = Decision(decision="refuse", reason="Late")
            Decide(ada, decision, ACCREDITATION).decide(desk(), register)
        case "erased":
            service.Erase(ada, ACCREDITATION).decide(desk(), register)
        case _:
            ChangeSession(PILOTS, SessionChange(audience=["member"]), PROGRAMME).decide(desk(), register)
    assert states(register, ada, bo, cleo) == "ree"


def test_a_larger_room_lets_in_as_many_as_it_holds(register: Register):
    people = [join(register, f"Person{number}", delegation=("oslo", "marseille")[number % 2]) for number in range(6)]
    answer = ChangeSession(PILOTS, SessionChange(capacity=5), PROGRAMME).decide(desk(), register)
    assert states(register, *people) == "eeeeew"
    assert answer.body["enrolled"] == 5


def test_a_cancelled_session_fills_nothing_until_it_takes_place_again(register: Register):
    ada, bo, cleo = (join(register, name) for name in ("Ada", "Bo", "Cleo"))
    ChangeSession(PILOTS, SessionChange(status=SessionStatus.CANCELLED), PROGRAMME).decide(desk(), register)
    service.Leave(ada, PILOTS, ACCREDITATION).decide(desk(), register)
    assert states(register, bo, cleo) == "ew"
    ChangeSession(PILOTS, SessionChange(status=SessionStatus.SCHEDULED), PROGRAMME).decide(desk(), register)
    assert states(register, bo, cleo) == "ee"


def test_a_reserved_place_is_kept_for_its_category(register: Register):
    register.sessions[PILOTS] = register.sessions[PILOTS].model_copy(update={"reserved": {"guest": 1}})
    ada, bo = join(register, "Ada"), join(register, "Bo")
    assert states(register, ada, bo) == "ew"
    eva = join(register, "Eva", category="guest")
    assert states(register, bo, eva) == "we"
    service.Leave(eva, PILOTS, ACCREDITATION).decide(desk(), register)
    assert states(register, bo, eva) == "wr", "the guest's place waits for a guest"
    finn = join(register, "Finn", category="guest")
    assert states(register, bo, finn) == "we"
    assert not has_room(register.sessions[PILOTS], "guest", register)


def test_without_a_waiting_list_a_full_session_refuses(register: Register):
    register.sessions[PILOTS] = register.sessions[PILOTS].model_copy(update={"waiting_list": False})
    join(register, "Ada"), join(register, "Bo")
    with pytest.raises(Refused) as refused:
        join(register, "Cleo")
    assert [each.code for each in refused.value.faults] == ["session-full"]


def test_the_order_is_that_of_waiting_not_of_registration(register: Register):
    late, early = join(register, "Late", sessions=[]), join(register, "Early", sessions=[])
    join(register, "Ada"), join(register, "Bo")
    for waiting in (early, late):
        service.Enrol(waiting, PILOTS, ACCREDITATION).decide(desk(), register)
    held = register.delegates[late].enrolment(PILOTS)
    assert held is not None
    assert held.since is not None
    moved = held.model_copy(update={"since": held.since + timedelta(seconds=1)})
    register.delegates[late] = register.delegates[late].model_copy(update={"enrolments": [moved]})
    ChangeSession(PILOTS, SessionChange(capacity=3), PROGRAMME).decide(desk(), register)
    assert states(register, early, late) == "ew"


def test_sessions_at_the_same_time_are_told_of_and_not_refused(register: Register):
    welcome = register.sessions["welcome"]
    begins = welcome.ends_at - timedelta(minutes=1)
    register.sessions[PILOTS] = register.sessions[PILOTS].model_copy(update={"starts_at": begins})
    request = submitted(sessions=["welcome", PILOTS])
    answer = service.RegisterDelegate(request, ACCREDITATION).decide(desk(), register)
    assert answer.body["clashes"] == [["welcome", PILOTS]]
    registered = register.delegates[UUID(str(answer.body["delegate_id"]))]
    left = registered.model_copy(
        update={"enrolments": [each.model_copy(update={"state": EnrolmentState.RELEASED}) for each in registered.enrolments]}
    )
    assert list(clashes(left, register)) == []
