"""One person in another's place over the API: both or neither."""

from typing import Any

from shared.ids import new_id
from tests.registration_app import RegistrationApp, body_of, code, faults

EVA: dict[str, Any] = {"category": "guest", "given_name": "Eva", "document_number": "3"}


async def full(app: RegistrationApp) -> str:
    """Register as many guests of Oslo as it may; returns the first one's id."""
    first = await app.registered(category="guest", given_name="Ada", document_number="1")
    await app.registered(category="guest", given_name="Gro", document_number="2")
    assert faults(await app.register(**EVA)) == {("/category", "category-quota-full")}
    return first


async def replaced(app: RegistrationApp, delegate_id: str, by: str = "form", key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return await app.ask("POST", f"/delegates/{delegate_id}/replacement", by, json=body_of(**fields), headers=headers)


async def test_another_person_takes_the_place_also_where_the_quota_is_full(registration_app: RegistrationApp):
    first = await full(registration_app)
    registration_app.forget_published()
    answer = await replaced(registration_app, first, key="k", **EVA)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["withdrawn"]["delegate_id"], told["withdrawn"]["status"]) == (first, "withdrawn")
    assert told["registered"]["status"] == "submitted"
    published = [(each.fact.key, each.fact.model_dump()["status"]) for each in registration_app.published()]
    assert published == [(first, "withdrawn"), (told["registered"]["delegate_id"], "submitted")]
    again = await replaced(registration_app, first, key="k", **EVA)
    assert (again.status_code, again.json()) == (201, told)
    assert (
        code(await replaced(registration_app, first, **{**EVA, "given_name": "Ida", "document_number": "4"})) == "no-place-held"
    )


async def test_neither_happens_where_one_of_them_cannot(registration_app: RegistrationApp):
    first = await full(registration_app)
    theirs = await registration_app.registered(delegation="marseille", given_name="Theirs")
    before = registration_app.rows()
    known = await replaced(registration_app, first, **{**EVA, "given_name": "Gro", "document_number": "2"})
    assert faults(known) == {("/person", "known-person")}
    assert (await replaced(registration_app, first, by="no-form", **EVA)).status_code == 404
    assert (await replaced(registration_app, theirs, **EVA)).status_code == 404, "of another delegation"
    assert (await replaced(registration_app, str(new_id()), **EVA)).status_code == 404
    assert (await replaced(registration_app, first, by="read-only", **EVA)).status_code == 403
    tried = await registration_app.ask("POST", f"/delegates/{first}/replacement?dry_run=1", json=body_of(**EVA))
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    assert registration_app.rows() == before
