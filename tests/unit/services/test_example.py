import unicodedata
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration import checks, model
from registration.register import Register
from services.example import generator
from services.example.people import functions, naming
from shared.conference import Accreditation
from shared.conference_folder import load
from shared.events import LANGUAGES, SessionChanged, Status

ROOT = Path(__file__).parents[3]
CONFERENCE = load(ROOT / "conferences" / "counter-terrorism-2018")
TINY = load(ROOT / "tests" / "conferences" / "tiny")
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def two_thousand():
    return list(generator.delegates(CONFERENCE))


def programme(conference):
    return {
        session.session_id: SessionChanged(
            session_id=session.session_id,
            revision=1,
            title=session.title,
            room=conference.room[session.room].names,
            starts_at=conference.instant(session.starts_at),
            ends_at=conference.instant(session.ends_at),
            audience=session.audience,
            capacity=session.capacity,
            changed_at=AT,
        )
        for session in conference.sessions
    }


def register_all(conference, requests):
    """Register everybody by registration's own rules, which raise where one is broken."""
    register = Register(sessions=programme(conference))
    for number, request in enumerate(requests):
        registration = model.register(request, conference, register, UUID(int=number), conference.now, AT)
        register.apply(registration)
    return register


@pytest.mark.thorough
def test_registration_accepts_every_one_of_the_two_thousand(two_thousand):
    register = register_all(CONFERENCE, two_thousand)
    assert len(register.delegates) == 2_000


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 150))
def test_registration_accepts_everybody_of_any_seed(seed, count):
    assert len(register_all(CONFERENCE, generator.delegates(CONFERENCE, count, seed)).delegates) == count


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_another_conference_fills_to_its_last_place(seed):
    everybody = list(generator.delegates(TINY, generator.places_in(TINY), seed))
    register = register_all(TINY, everybody)
    assert all(register.held(delegation.code) == TINY.quota(delegation) for delegation in TINY.delegations)
    assert {request.person.language for request in everybody} <= {"en", "fr"}


def test_a_quota_below_its_categories_limits_is_kept():
    small = TINY.delegation["no"].model_copy(update={"quota": 1})
    alone = TINY.model_copy(update={"delegations": [small]})
    assert len(list(generator._places(alone, Random(1)))) == generator.places_in(alone) == 1


def test_more_than_the_quotas_allow_is_refused_at_once():
    places = generator.places_in(TINY)
    assert places == 5 + 5 + 3
    with pytest.raises(ValueError, match=f"harbour-days-2026 allow {places} delegates, not {places + 1}"):
        generator.delegates(TINY, places + 1)


def test_fifty_thousand_fit_the_example():
    assert generator.places_in(CONFERENCE) >= 50_000


def test_a_full_delegation_still_has_nobody_twice():
    japan = CONFERENCE.delegation["jp"]  # of a tradition with few names
    alone = CONFERENCE.model_copy(update={"delegations": [japan]})
    everybody = list(generator.delegates(alone, generator.places_in(alone), 1))
    names = {(request.person.given_name, request.person.family_name) for request in everybody}
    assert len(names) == len(everybody) == 200


def test_the_seed_decides_everything(two_thousand):
    assert list(generator.delegates(CONFERENCE, 300)) == two_thousand[:300]
    assert list(generator.delegates(CONFERENCE, 300, seed=1)) != two_thousand[:300]


def test_the_largest_limited_session_draws_about_five_hundred(two_thousand):
    enrolled = Counter(session for request in two_thousand for session in request.sessions)
    crowd, count = max(
        ((session.session_id, enrolled[session.session_id]) for session in CONFERENCE.sessions if session.capacity),
        key=lambda counted: counted[1],
    )
    assert crowd == "victims"
    assert 490 <= count <= 600
    assert set(enrolled) == {session.session_id for session in CONFERENCE.sessions}


def test_nobody_is_in_two_sessions_at_once_nor_off_the_days_of_their_pass(two_thousand):
    planned = {session.session_id: session for session in CONFERENCE.sessions}
    for request in two_thousand:
        sessions = [planned[session] for session in request.sessions]
        assert len(sessions) <= 4
        assert all(one.ends_at <= other.starts_at for one, other in pairwise(sessions))
        if request.pass_days:
            assert {session.starts_at.date() for session in sessions} <= set(request.pass_days)


def test_all_kinds_and_categories_come_and_nearly_all_delegations(two_thousand):
    assert {request.category for request in two_thousand} == {category.slug for category in CONFERENCE.categories}
    present = {request.delegation for request in two_thousand}
    assert len(present) > 750
    assert {each.code for each in CONFERENCE.delegations if each.kind == "member-state"} <= present


def test_addresses_are_unique_and_lead_nowhere(two_thousand):
    addresses = [request.person.email for request in two_thousand]
    assert len(set(addresses)) == 2_000
    assert all(address.endswith(".example") for address in addresses)


def test_about_three_in_a_hundred_are_protected_and_no_address_tells_their_name(two_thousand):
    protected = [request for request in two_thousand if request.protected]
    assert 40 <= len(protected) <= 80
    assert all(request.person.email.startswith("liaison.") for request in protected)


def test_names_are_written_as_the_country_writes(two_thousand):
    for code, script, language in [
        ("eg", "ARABIC", "ar"),
        ("cn", "CJK", "zh"),
        ("ru", "CYRILLIC", "ru"),
        ("mx", "LATIN", "es"),
    ]:
        people = [request.person for request in two_thousand if request.delegation == code]
        assert people
        for person in people:
            assert person.language == language
            assert all(unicodedata.name(letter).startswith(script) for letter in person.family_name if letter.isalpha())
    assert {request.person.language for request in two_thousand} == set(LANGUAGES)


def test_a_chinese_name_is_printed_family_first(two_thousand):
    person = next(request.person for request in two_thousand if request.delegation == "cn")
    assert person.printed_name == person.family_name + person.given_name


def test_some_names_are_long(two_thousand):
    lengths = sorted(len(f"{request.person.given_name} {request.person.family_name}") for request in two_thousand)
    assert lengths[-1] >= 50
    assert 10 < sum(length >= 35 for length in lengths) < 200


def test_every_state_has_one_tradition_and_a_clock():
    states = [delegation.territory for delegation in CONFERENCE.delegations if delegation.kind == "member-state"]
    assert Counter(state for tradition in naming().traditions.values() for state in tradition.territories) == Counter(states)
    assert set(naming().time_zones.values()) <= checks.TIME_ZONES


def test_every_category_has_functions_in_every_language():
    assert set(functions()) == {category.slug for category in CONFERENCE.categories} | {"other"}
    assert all(set(by_language) == set(LANGUAGES) for by_language in functions().values())


def test_only_people_by_decision_are_refused_and_anybody_may_withdraw(two_thousand):
    ends = Counter(
        (generator.ends_as(index, CONFERENCE.category[request.category]), CONFERENCE.category[request.category].accreditation)
        for index, request in enumerate(two_thousand)
    )
    assert ends[Status.REFUSED, Accreditation.AUTOMATIC] == 0
    assert ends[Status.REFUSED, Accreditation.BY_DECISION] > 30
    assert ends[Status.WITHDRAWN, Accreditation.AUTOMATIC] > 10
    assert ends[Status.WITHDRAWN, Accreditation.BY_DECISION] > 10
    assert set(generator.REFUSALS) == set(LANGUAGES)


def test_generating_is_lazy():
    assert len(list(islice(generator.delegates(CONFERENCE, 50_000), 3))) == 3
