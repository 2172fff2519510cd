"""The example's delegations have letters that registration takes."""

import pytest

from registration.letters.pdf import pages_of
from services.example.letters import letter, senders
from tests.unit.services.test_example import CONFERENCE


def test_states_and_organisations_give_a_letter_and_civil_society_does_not():
    kinds = {CONFERENCE.delegation[each].kind for each in senders(CONFERENCE)}
    assert kinds == {"member-state", "international-organisation"}
    assert len(list(senders(CONFERENCE))) == 149 + 30


@pytest.mark.parametrize("code", ["fr", "ci", "interpol"])
def test_a_letter_is_taken_and_is_the_same_whenever_it_is_made(code: str):
    made = [letter(CONFERENCE.delegation[code], CONFERENCE) for _ in range(2)]
    assert made[0] == made[1]
    assert pages_of(made[0]) == 1
