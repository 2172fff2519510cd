"""The register under any sequence of use cases: what it counts is what is there, and every change is one revision."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from registration import model, service
from registration.amendment import Amendment, Correction
from registration.callers.caller import Caller
from registration.decisions.service import CorrectionDecision, Decide, DecideCorrection, Decision
from registration.delegate import Registration
from registration.model import NotNow, Refused
from registration.programme import waiting
from registration.programme.service import ChangeSession
from registration.register import Register
from registration.service import Answer, UseCase
from shared.events import ENDED, EnrolmentState, SessionChange, SessionChanged, SessionStatus, Status
from shared.ids import new_id
from tests.registration_examples import ACCREDITATION, AT, BEFORE, FORM, PROGRAMME, TINY, desk, programme_of, submitted

NAMES = st.sampled_from(["Ada", "ADA", "Åda", "Bo", "Cleo", "Dag", "Eva", "Finn"])
FAMILIES = st.sampled_from(["Berg", "Dahl"])
DOCUMENTS = st.sampled_from(["N-1", "N-2", "N-3", "N-4", "N-5", "N-6"])
CATEGORIES = st.sampled_from(["member", "guest"])
DELEGATIONS = st.sampled_from([each.code for each in TINY.delegations])
SESSIONS = st.sampled_from([each.session_id for each in TINY.sessions])

requests = st.builds(
    submitted,
    category=CATEGORIES,
    delegation=DELEGATIONS,
    given_name=NAMES,
    family_name=FAMILIES,
    email=st.sampled_from(["a@x.example", "b@x.example"]),
    document_number=DOCUMENTS,
    sessions=st.lists(SESSIONS, max_size=2),
    protected=st.booleans(),
)
amendments = st.builds(
    lambda protected, category, **person: Amendment(protected=protected, category=category, person=person),
    protected=st.sampled_from([None, True, False]),
    category=CATEGORIES | st.none(),
    given_name=NAMES,
    document_number=DOCUMENTS | st.none(),
)
changes = st.builds(
    lambda **fields: SessionChange(**{name: value for name, value in fields.items() if value is not ...}),
    audience=st.sampled_from([..., [], ["member"], ["guest"], ["member", "guest"]]),
    capacity=st.sampled_from([..., None, 0, 1, 2, 4]),
    waiting_list=st.sampled_from([..., True, False]),
    reserved=st.sampled_from([..., {}, {"guest": 1}, {"member": 1, "guest": 1}]),
    status=st.sampled_from([..., "scheduled", "cancelled"]),
)


def decided_on(registration: Registration) -> tuple[object, ...]:
    """What the accreditation of a guest was decided on, as far as `amendments` touch it."""
    assert registration.person is not None
    return registration.protected, registration.person.given_name, registration.person.document_number


def _in_all(enrolled: Counter[tuple[str, str]], session_id: str) -> int:
    return sum(count for (session, _), count in enrolled.items() if session == session_id)


def recounted(register: Register) -> tuple[Counter[Any], Counter[Any], Counter[Any], dict[str, Any]]:
    """Everything that the register keeps count of, counted anew."""
    holding = [each for each in register.delegates.values() if each.status not in ENDED]
    return (
        Counter((each.delegation, each.category) for each in holding),
        Counter(each.delegation for each in holding),
        Counter(
            (enrolment.session_id, each.category)
            for each in register.delegates.values()
            for enrolment in each.enrolments
            if enrolment.state is EnrolmentState.ENROLLED
        ),
        {key: each.delegate_id for each in register.delegates.values() for key in each.known_by},
    )


class AnySequence(RuleBasedStateMachine):
    delegates: Bundle[Any] = Bundle("delegates")

    @initialize()
    def open(self) -> None:
        self.desk = desk()
        self.register = programme_of(TINY)

    def ask(self, use_case: UseCase) -> Answer | None:
        """Have it decided; whatever comes of it, revisions rise by one for each change and by none without."""
        before = dict(self.register.delegates), dict(self.register.sessions), len(self.register.changes)
        try:
            answer = use_case.decide(self.desk, self.register)
        except (Refused, NotNow, service.NotFound):
            assert (self.register.delegates, self.register.sessions, len(self.register.changes)) == before
            return None
        known: dict[Any, Registration | SessionChanged] = {**before[0], **before[1]}
        for change in self.register.changes[before[2] :]:
            if isinstance(change, Correction):
                assert change.revision == known[change.delegate_id].revision
                continue
            key = change.delegate_id if isinstance(change, Registration) else change.session_id
            last = known.get(key)
            assert change.revision == (1 if last is None else last.revision + 1)
            if last is not None:
                assert change.model_copy(update={"revision": last.revision, "changed_at": last.changed_at}) != last
            known[key] = change
        return answer

    @rule(target=delegates, request=requests)
    def registers(self, request: Any) -> Any:
        answer = self.ask(service.RegisterDelegate(request, ACCREDITATION))
        return None if answer is None else answer.body["delegate_id"]

    @rule(delegate=delegates, change=amendments, by=st.sampled_from([ACCREDITATION, FORM]))
    def amends(self, delegate: Any, change: Amendment, by: Caller) -> None:
        before = self.register.delegate(delegate)
        self.ask(service.Amend(delegate, change, by))
        after = self.register.delegate(delegate)
        if by is FORM and before is not None and after is not None and before.status is Status.ACCREDITED:
            hidden = after.protected and not before.protected  # which waits for nobody, as a correction to show it does
            told = after.model_copy(update={"protected": False}) if hidden else after
            assert before.category == "member" or after.category == "member" or decided_on(before) == decided_on(told)
            assert after.status is Status.ACCREDITED

    @rule(delegate=delegates, verdict=st.sampled_from(["accept", "decline"]))
    def decides_correction(self, delegate: Any, verdict: Any) -> None:
        decision = CorrectionDecision(decision=verdict, reason="Known")
        if self.ask(DecideCorrection(delegate, decision, ACCREDITATION)) is not None:
            assert not self.register.corrections[delegate].waits

    @rule(delegate=delegates, decision=st.sampled_from(["accredit", "refuse"]), reason=st.sampled_from(["Late", "Unknown"]))
    def decides(self, delegate: Any, decision: Any, reason: str) -> None:
        self.ask(Decide(delegate, Decision(decision=decision, reason=reason), ACCREDITATION))

    @rule(delegate=consumes(delegates))
    def withdraws(self, delegate: Any) -> None:
        self.ask(service.Withdraw(delegate, ACCREDITATION))

    @rule(delegate=delegates, session=SESSIONS)
    def enrols(self, delegate: Any, session: str) -> None:
        self.ask(service.Enrol(delegate, session, ACCREDITATION))

    @rule(delegate=delegates, session=SESSIONS)
    def leaves(self, delegate: Any, session: str) -> None:
        self.ask(service.Leave(delegate, session, ACCREDITATION))

    @rule(session=SESSIONS, change=changes)
    def changes_session(self, session: str, change: SessionChange) -> None:
        self.ask(ChangeSession(session, change, PROGRAMME))

    @invariant()
    def counts_what_is_there(self) -> None:
        by_category, in_all, enrolled, people = recounted(self.register)
        assert +self.register.held_by_category == by_category
        assert +self.register.held_in_all == in_all
        assert +self.register.places == enrolled
        assert all(self.register.enrolled(each) == _in_all(enrolled, each) for each in self.register.sessions)
        assert self.register.people == people

    @invariant()
    def keeps_quotas_and_capacities(self) -> None:
        for delegation in TINY.delegations:
            assert self.register.held(delegation.code) <= TINY.quota(delegation)
            assert self.register.held(delegation.code, "guest") <= (TINY.quota_of_category(delegation, "guest") or 0)
        for session in self.register.sessions.values():
            assert session.capacity is None or self.register.enrolled(session.session_id) <= session.capacity

    @invariant()
    def nobody_waits_for_whom_there_is_a_place(self) -> None:
        for session in self.register.sessions.values():
            if session.status is SessionStatus.CANCELLED:
                continue
            for each in self.register.delegates.values():
                held = each.enrolment(session.session_id)
                if held is not None and held.state is EnrolmentState.WAITING:
                    assert not waiting.has_room(session, each.category, self.register)

    @invariant()
    def lets_only_its_audience_in(self) -> None:
        for each in self.register.delegates.values():
            for session in self.register.sessions.values():
                assert not each.takes_part_in(session.session_id) or each.category in session.audience

    @invariant()
    def whoever_ended_holds_nothing(self) -> None:
        for each in self.register.delegates.values():
            if each.status in ENDED:
                assert all(enrolment.state is EnrolmentState.RELEASED and enrolment.cause for enrolment in each.enrolments)
            assert (each.status is Status.REFUSED) == (each.status_reason is not None)

    @invariant()
    def only_of_the_accredited_a_correction_waits(self) -> None:
        for delegate_id, correction in self.register.corrections.items():
            assert bool(correction.values) == correction.waits
            assert not correction.waits or self.register.delegates[delegate_id].status is Status.ACCREDITED

    @invariant()
    def nobody_is_registered_twice(self) -> None:
        owners = Counter(key for each in self.register.delegates.values() for key in each.known_by)
        assert all(count == 1 for count in owners.values())


AnySequence.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnySequence = AnySequence.TestCase


def test_what_is_decided_on_a_fork_is_seen_only_when_it_is_adopted():
    register = programme_of(TINY)
    register.apply(_registered(register, given_name="Ada"))
    fork = register.fork()
    fork.apply(_registered(fork, given_name="Bo", sessions=["pilots"]))
    assert (len(register.delegates), register.held("oslo"), register.enrolled("pilots"), len(register.changes)) == (1, 1, 0, 1)
    assert (len(fork.delegates), fork.held("oslo"), fork.enrolled("pilots"), len(fork.changes)) == (2, 2, 1, 2)

    ada = next(iter(register.delegates.values()))
    given_up = register.fork()
    given_up.apply(model.withdraw(ada, AT))
    assert given_up.forgotten == set(ada.known_by)
    assert register.forgotten == set()
    assert set(ada.known_by) <= set(register.people)

    register.adopt(fork)
    assert recounted(register) == recounted(fork)
    assert register == fork


def _registered(register: Register, **fields: Any) -> Registration:
    return model.register(submitted(**fields), TINY, register, new_id(), BEFORE, AT)
