"""What the types of a person take, and that what they took is taken again: stored registrations are read by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from registration import model
from registration.delegate import Registration, fact_of, person_keys
from shared.events import DelegateRegistered, DocumentNumber, Line
from shared.ids import new_id
from tests.registration_examples import AT, BEFORE, TINY, person, programme_of, submitted

LINE = TypeAdapter[str](Line)
DOCUMENT = TypeAdapter[str](DocumentNumber)
HOSTILE = st.characters() | st.sampled_from(
    "\u0958\u0344\ufb2c\U0001d160\u200c\u200d\u200e\u202e\u2028\u2029\u00a0\u3164\ufeff\u0000\u001f\u007f\u0085\ue000\ud800\ufffe\U000e0041"
)
hostile_texts = st.text(HOSTILE, min_size=1, max_size=20) | st.builds(
    lambda character, count: character * count, HOSTILE, st.sampled_from([39, 40, 41, 80, 159, 160, 161])
)


@given(hostile_texts)
def test_a_line_that_was_taken_is_taken_again_unchanged(text):
    for kind in (LINE, DOCUMENT):
        try:
            taken = kind.validate_python(text)
        except ValidationError:
            continue
        assert kind.validate_python(taken) == taken
        assert kind.validate_json(kind.dump_json(taken)) == taken


@given(given_name=hostile_texts, family_name=hostile_texts, function=hostile_texts, printed_name=st.none() | hostile_texts)
def test_whoever_is_registered_can_be_stored_published_and_read_again(**names):
    try:
        request = submitted(**names)
    except ValidationError:
        return
    try:
        made = model.register(request, TINY, programme_of(TINY), new_id(), BEFORE, AT)
    except model.Refused:
        return
    assert Registration.model_validate_json(made.model_dump_json()) == made
    fact = fact_of(made, TINY)
    assert DelegateRegistered.model_validate_json(fact.model_dump_json()) == fact


@pytest.mark.parametrize(
    "hidden",
    [
        "\u202eAda",
        "Ada\u2066",
        "A\u0000da",
        "Ada\nBerg",
        "A\u2028da",
        "A\u200eda",
        "\ufeffAda",
        "A\ue000",
        "A\ud800",
        "\U000e0041Ada",
    ],
)
def test_a_name_holds_nothing_that_can_hide_another(hidden):
    with pytest.raises(ValidationError, match=r"control character U\+|surrogate|unicode"):
        person(given_name=hidden)


@pytest.mark.parametrize("empty", ["", "   ", "\u200d", "\u0301", "\u00a0"])
def test_a_name_has_something_to_see(empty):
    with pytest.raises(ValidationError):
        person(given_name=empty)


def test_persian_and_indic_spelling_stays():
    assert person(given_name="می\u200cرا").given_name == "می\u200cرا"


def test_a_name_is_composed():
    assert person(given_name="A\u030ada").given_name == "Åda"


def test_keys_do_not_tell_the_person():
    keys = person_keys(person(document_number="N-1"), "oslo")
    assert len(keys) == 3
    assert all(len(key) == 64 and int(key, 16) for key in keys)
