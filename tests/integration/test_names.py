"""One rule of how names are spelt, in pages, API and events, said beside the field in the reader's language."""

import pytest

from shared.conference import Conference
from shared.events import LANGUAGES
from tests.integration.test_public_form import ANSWERS, beside, opened, sent
from tests.registration_app import RegistrationApp, body_of, faults
from tests.registration_examples import TINY

MIXED = "\u0410nn"
"""Its first letter is Cyrillic."""


@pytest.fixture
def conference() -> Conference:
    categories = [each.model_copy(update={"self_registration": each.slug == "guest"}) for each in TINY.categories]
    return TINY.model_copy(update={"categories": categories})


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


async def test_a_name_of_two_scripts_is_refused_everywhere_alike(registration_app: RegistrationApp):
    app, names = registration_app, ("given_name", "family_name", "printed_name", "function")
    wrong = body_of(**dict.fromkeys(names, MIXED))
    everywhere = {(f"/person/{name}", "mixed-scripts") for name in names}
    assert faults(await app.ask("POST", "/delegates", "form", json=wrong)) == everywhere
    event = {"specversion": "1.0", "id": "1", "source": "/form", "type": "registration-submitted", "data": wrong}
    answer = await app.ask("POST", "/events", "form", json=event, headers={"Content-Type": "application/cloudevents+json"})
    assert faults(answer) == {(f"/data{where}", code) for where, code in everywhere}
    known = await app.registered()
    amended = await app.ask("PATCH", f"/delegates/{known}", "form", json={"person": {"given_name": MIXED}})
    assert faults(amended) == {("/person/given_name", "mixed-scripts")}
    named = {"focal_points": [{"name": MIXED, "email": "a@oslo.example"}]}
    assert faults(await app.ask("PUT", "/delegations/oslo/focal-points", json=named)) == {
        ("/focal_points/0/name", "mixed-scripts")
    }


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_says_it_beside_the_field(registration_app: RegistrationApp, language: str):
    address = f"/{language}/register/guest"
    fields = {each: value for each, value in ANSWERS.items() if not each.startswith("fields/")}
    wrong = {
        **fields,
        **await opened(registration_app, address),
        "person/given_name": MIXED,
        "person/family_name": "Be\u200crg",
    }
    told = beside(await sent(registration_app, wrong, address))
    assert "\u0410 (U+0410)" in told["person-given_name"]
    assert "U+200C" in told["person-family_name"]
    assert told.keys() == {"person-given_name", "person-family_name"}
