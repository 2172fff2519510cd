"""The accreditation desk over HTTP: who waits, who is found, decisions one by one, by two, and staged for several."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from registration import store
from shared.clock import utc_now
from shared.conference import Conference
from shared.events import Status
from shared.keys import Role, key_hash
from tests.registration_app import RegistrationApp, registration_running, until
from tests.registration_examples import TINY, tiny
from tests.staff_accounts import Browser, signed_in, vouched

STAGED = store.metadata.tables["staged_decisions"]
QUEUE = "/en/desk"


@pytest.fixture
def conference() -> Conference:
    """More guests than the tiny conference's own quota has room for."""
    kinds = [each.model_copy(update={"quota": 50, "quota_by_category": {}}) for each in TINY.delegation_kinds]
    return tiny(delegation_kinds=kinds)


async def guest(app: RegistrationApp, name: str, **also: object) -> str:
    own = {
        "category": "guest",
        "given_name": name,
        "document_number": f"P-{name}",
        "email": f"{name.lower() if name.isascii() else 'guest'}@port.example",
    }
    return await app.registered(**{**own, **also})


def listed(page: httpx.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r'<h2 id="of-[^"]+"><a [^>]+><bdi>([^<]+)', page.text)


def status(app: RegistrationApp, delegate_id: str) -> Status:
    return app.delegate(delegate_id).status


async def decide(browser: Browser, delegate_id: str, decision: str, **also: str) -> httpx.Response:
    address = f"/en/desk/people/{delegate_id}"
    page = await browser.get(address)
    revision = re.findall(r'name="revision" value="(\d+)"', page.text)
    return await browser.send(address, {"decision": decision, "revision": revision[0] if revision else "1", **also})


async def test_who_waited_longest_stands_first_and_is_decided_with_a_reason(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    first, second = [await guest(registration_app, each) for each in ("Zoë", "Ali")]
    assert listed(await desk.get(QUEUE)) == ["Zoë Berg", "Ali Berg"]
    unreasoned = await decide(desk, first, "refuse")
    assert (unreasoned.status_code, "A refusal is told with its reason." in unreasoned.text) == (422, True)
    refused = await decide(desk, first, "refuse", reason="The delegation is full")
    assert refused.headers["location"] == f"/en/desk/people/{second}?decided={first}"
    accredited = await decide(desk, second, "accredit")
    assert accredited.headers["location"] == f"/en/desk?decided={second}"
    told = await desk.get(f"/en/desk/people/{first}")
    assert "The delegation is full" in told.text
    assert "<bdi>anna</bdi>" in told.text, "by whom"
    assert [status(registration_app, each).value for each in (first, second)] == ["refused", "accredited"]
    assert listed(await desk.get(QUEUE)) == []


async def test_a_person_is_taken_under_review_and_withdrawn(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    person = await guest(registration_app, "Ada")
    await decide(desk, person, "review")
    assert listed(await desk.get(f"{QUEUE}?status=under-review")) == ["Ada Berg"]
    await decide(desk, person, "withdraw")
    assert status(registration_app, person) is Status.WITHDRAWN
    assert (await decide(desk, person, "accredit")).status_code == 409


async def test_nobody_decides_on_what_they_have_not_seen(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    person = await guest(registration_app, "Ada")
    await registration_app.ask("PATCH", f"/delegates/{person}", json={"person": {"function": "Spy"}})
    address = f"/en/desk/people/{person}"
    stale = await desk.send(address, {"decision": "accredit", "revision": "1"})
    assert (stale.status_code, "changed meanwhile" in stale.text) == (409, True)
    assert status(registration_app, person) is Status.SUBMITTED


async def test_filters_and_search_find_people(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    await guest(registration_app, "Zoë", family_name="Øst")
    await guest(registration_app, "محمّد", family_name="أحمد", email="m@port.example", delegation="marseille")
    await guest(registration_app, "Bo", family_name="100%")
    await registration_app.registered(given_name="Cy")
    for query, found in (
        ("q=zoe", ["Zoë Øst"]),
        ("q=OST+zoe", ["Zoë Øst"]),
        ("q=محمد", ["محمّد أحمد"]),
        ("q=احمد", ["محمّد أحمد"]),
        ("q=m@port", ["محمّد أحمد"]),
        ("q=%25", ["Bo 100%"]),
        ("q=_o", []),
        ("q=%00", []),
        ("category=%00&delegation=%00&q=cy", []),
        ("q=harbour&status=accredited", ["Cy Berg"]),
        ("status=all&category=member", ["Cy Berg"]),
        ("delegation=marseille", ["محمّد أحمد"]),
        ("q=cy", []),
    ):
        assert listed(await desk.get(f"{QUEUE}?{query}")) == found, query


async def test_only_accreditation_staff_find_and_see_a_protected_name(registration_app: RegistrationApp):
    anna = await signed_in(registration_app)
    reader = await signed_in(registration_app, "reader", Role.READ_ONLY)
    person = await guest(registration_app, "Canary", family_name="Finch", protected=True, function="Pilot")
    await decide(anna, person, "refuse", reason="Finch is not expected")
    for query in ("q=canary", "q=finch", "q=canary@"):
        assert listed(await anna.get(f"{QUEUE}?status=all&{query}")) == ["Canary Finch"]
        assert listed(await reader.get(f"{QUEUE}?status=all&{query}")) == []
    assert listed(await reader.get(f"{QUEUE}?status=all&q=pilot")) == ["Pilot"]
    seen = [await reader.get(f"/en/desk/people/{person}"), await reader.get(f"{QUEUE}?status=all&decided={person}")]
    for page in seen:
        text = page.text.lower()
        assert not [each for each in ("canary", "finch", "p-canary") if each in text]
    assert "P-Canary" in (await anna.get(f"/en/desk/people/{person}")).text


async def test_who_may_only_read_decides_nothing_and_others_do_not_come_in(registration_app: RegistrationApp):
    reader = await signed_in(registration_app, "reader", Role.READ_ONLY)
    person = await guest(registration_app, "Ada")
    page = await reader.get(f"/en/desk/people/{person}")
    assert 'name="decision"' not in page.text
    assert (
        await reader.send(f"/en/desk/people/{person}", {"decision": "accredit"}, form="/en/staff/account")
    ).status_code == 403
    assert (
        await reader.send(QUEUE, {"chosen": f"{person} 1", "decision": "accredit"}, form="/en/staff/account")
    ).status_code == 403
    programme = await signed_in(registration_app, "programme", Role.PROGRAMME)
    for address in (QUEUE, f"/en/desk/people/{person}"):
        assert (await programme.get(address)).status_code == 403
        assert (await Browser(registration_app).get(address)).headers["location"] == "/en/staff/sign-in"
    assert status(registration_app, person) is Status.SUBMITTED


@pytest.mark.parametrize("address", ["people/01a22cfb", "people/01a22cfb/photo", "staged/x"])
async def test_an_address_that_was_cut_off_is_answered_with_a_page(registration_app: RegistrationApp, address: str):
    desk = await signed_in(registration_app)
    answer = await desk.get(f"/fr/desk/{address}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert answer.headers["content-language"] == "fr"


async def test_several_are_staged_undone_staged_again_and_decided_at_once(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    people = [await guest(registration_app, each) for each in ("Ada", "Bo", "Cy")]
    fields = {"chosen": [f"{each} 1" for each in people], "decision": "accredit"}
    undone = await desk.send(QUEUE, fields)
    assert undone.status_code == 303, undone.text
    shown = await desk.get(undone.headers["location"])
    assert all(f"{each} Berg" in shown.text for each in ("Ada", "Bo", "Cy"))
    assert "data-due-in" in shown.text
    await desk.send(f"{undone.headers['location']}/undo", {}, form=undone.headers["location"])
    assert "Undone" in (await desk.get(undone.headers["location"])).text
    staged = await desk.send(QUEUE, fields)
    assert {status(registration_app, each) for each in people} == {Status.SUBMITTED}
    make_due(registration_app)
    await until(lambda: status(registration_app, people[0]) is Status.ACCREDITED)
    assert {status(registration_app, each) for each in people} == {Status.ACCREDITED}
    await ended(registration_app, "decided")
    assert "Decided." in (await desk.get(staged.headers["location"])).text
    assert {registration_app.delegate(each).revision for each in people} == {2}


def make_due(app: RegistrationApp) -> None:
    due = update(STAGED).where(STAGED.c.state == "staged").values(due_at=utc_now() - timedelta(seconds=1))
    app.database.transaction(lambda tx: tx.execute(due))
    app.decider.wake()


async def ended(app: RegistrationApp, state: str) -> None:
    column = list(STAGED.c.keys()).index("state")
    await until(lambda: state in [row[column] for row in app.rows()["staged_decisions"]])


async def test_staged_decisions_are_taken_all_or_none(registration_app: RegistrationApp):
    desk = await signed_in(registration_app)
    ada, bo = [await guest(registration_app, each) for each in ("Ada", "Bo")]
    staged = await desk.send(QUEUE, {"chosen": [f"{ada} 1", f"{bo} 1"], "decision": "accredit"})
    await registration_app.ask("PATCH", f"/delegates/{bo}", json={"person": {"function": "Spy"}})
    make_due(registration_app)
    await ended(registration_app, "failed")
    assert status(registration_app, ada) is Status.SUBMITTED
    told = (await desk.get(staged.headers["location"])).text
    assert "Nothing was decided" in told
    assert told.count(f"/en/desk/people/{bo}") == 2, "named as the one who stands against it, too"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"decision": "accredit"}, "Choose somebody first."),
        ({"chosen": "nonsense", "decision": "accredit"}, "Choose somebody first."),
        ({"decision": "refuse"}, "A refusal is told with its reason."),
        ({"decision": "crown"}, ""),
    ],
)
async def test_what_cannot_be_decided_is_not_staged(registration_app: RegistrationApp, fields: dict[str, str], said: str):
    desk = await signed_in(registration_app)
    person = await guest(registration_app, "Ada")
    chosen = {} if said.startswith("Choose") else {"chosen": f"{person} 1"}
    answer = await desk.send(QUEUE, {**chosen, **fields})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert registration_app.rows()["staged_decisions"] == []


async def test_staged_decisions_survive_a_restart(conference: Conference, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'registration.db'}"
    async with registration_running(url, conference, tmp_path) as app:
        desk = await signed_in(app)
        person = await guest(app, "Ada")
        await desk.send(QUEUE, {"chosen": f"{person} 1", "decision": "accredit"})
        begun = update(STAGED).values(state="deciding", due_at=utc_now() - timedelta(seconds=1))
        app.decider.close()
        app.database.transaction(lambda tx: tx.execute(begun))  # as a process leaves it that dies at its decision
    async with registration_running(url, conference, tmp_path) as app:
        await until(lambda: status(app, person) is Status.ACCREDITED)
        await ended(app, "decided")
        assert app.delegate(person).revision == 2


class TestByTwo:
    @pytest.fixture
    def conference(self) -> Conference:
        categories = [
            each.model_copy(update={"decided_by_two": True}) if each.slug == "guest" else each for each in TINY.categories
        ]
        return tiny(categories=categories)

    async def test_one_proposes_and_another_confirms(self, registration_app: RegistrationApp):
        anna, bo = await signed_in(registration_app), await signed_in(registration_app, "bo")
        person = await guest(registration_app, "Ada")
        for _ in range(2):
            await decide(anna, person, "accredit")
            assert status(registration_app, person) is Status.SUBMITTED
        assert "Accreditation proposed" in (await bo.get(QUEUE)).text
        await decide(bo, person, "accredit")
        delegate = registration_app.delegate(person)
        assert (delegate.status, delegate.proposed) == (Status.ACCREDITED, None)
        past = (await bo.get(f"/en/desk/people/{person}")).text
        assert past.index("<strong>Accredited</strong>") < past.index("<strong>Accreditation proposed</strong>")

    async def test_a_key_proposes_and_confirms_nothing(self, registration_app: RegistrationApp):
        anna, person = await signed_in(registration_app), await guest(registration_app, "Ada")
        body = {"decision": "refuse", "reason": "Unknown"}
        await registration_app.ask("POST", f"/delegates/{person}/decision", json=body)
        await decide(anna, person, "accredit")
        await registration_app.ask("POST", f"/delegates/{person}/decision", json={"decision": "accredit"})
        assert status(registration_app, person) is Status.SUBMITTED
        await decide(anna, person, "accredit")
        assert status(registration_app, person) is Status.ACCREDITED

    @pytest.mark.parametrize(
        ("of_key", "of_account", "count_as_two"),
        [
            ("anna@office.example", "anna@office.example", False),
            ("Anna@Office.example", "anna@office.example", False),
            ("bo@office.example", "anna@office.example", True),
            (None, "anna@office.example", True),
            ("anna@office.example", None, True),
        ],
    )
    async def test_a_key_and_the_account_of_whoever_holds_it_are_one_person(
        self,
        registration_app: RegistrationApp,
        tmp_path: Path,
        of_key: str | None,
        of_account: str | None,
        count_as_two: bool,
    ):
        if of_key:
            hashed = key_hash("accreditation")
            keys = f'[keys.{hashed}]\nname = "desk"\nrole = "accreditation"\nemail = "{of_key}"\n'
            (tmp_path / "staff-keys.toml").write_text(keys)
        anna, person = await signed_in(registration_app), await guest(registration_app, "Ada")
        if of_account:
            assert registration_app.database.transaction(lambda tx: store.accounts.set_email(tx, "anna", of_account))
        await registration_app.ask("POST", f"/delegates/{person}/decision", json={"decision": "accredit"})
        await decide(anna, person, "accredit")
        assert (status(registration_app, person) is Status.ACCREDITED) == count_as_two

    @pytest.mark.parametrize(
        ("of_password", "of_provider", "count_as_two"),
        [
            ("anna@office.example", "anna@office.example", False),
            ("Anna@Office.example", "anna@office.example", False),
            (None, None, False),
            ("anna@office.example", None, False),
            (None, "anna@office.example", False),
            ("anna@office.example", "bo@office.example", True),
        ],
    )
    async def test_a_password_and_a_provider_make_one_person_unless_known_to_be_two(
        self, registration_app: RegistrationApp, of_password: str | None, of_provider: str | None, count_as_two: bool
    ):
        here, there = await signed_in(registration_app), await vouched(registration_app, "a-7", of_provider)
        if of_password:
            assert registration_app.database.transaction(lambda tx: store.accounts.set_email(tx, "anna", of_password))
        for number, (first, second) in enumerate([(here, there), (there, here)]):
            person = await guest(registration_app, f"Ada{'ab'[number]}")
            await decide(first, person, "accredit")
            await decide(second, person, "accredit")
            assert (status(registration_app, person) is Status.ACCREDITED) == count_as_two

    async def test_two_of_one_provider_are_two_and_two_accounts_of_one_address_are_one(self, registration_app: RegistrationApp):
        ids = [await guest(registration_app, each) for each in ("Ada", "Bo")]
        for each in (await vouched(registration_app, "a-7"), await vouched(registration_app, "b-8")):
            await decide(each, ids[0], "accredit")
        for name in ("anna", "anna-2"):
            each = await signed_in(registration_app, name)
            registration_app.database.transaction(lambda tx, name=name: store.accounts.set_email(tx, name, "anna@o.example"))
            await decide(each, ids[1], "accredit")
        assert [status(registration_app, each) for each in ids] == [Status.ACCREDITED, Status.SUBMITTED]

    async def test_a_refusal_is_confirmed_with_the_reason_that_was_proposed(self, registration_app: RegistrationApp):
        anna, bo = await signed_in(registration_app), await signed_in(registration_app, "bo")
        person = await guest(registration_app, "Ada")
        await decide(anna, person, "refuse", reason="Unknown to the port")
        await decide(bo, person, "refuse")
        delegate = registration_app.delegate(person)
        assert (delegate.status, delegate.status_reason) == (Status.REFUSED, "Unknown to the port")

    async def test_who_is_corrected_is_proposed_anew(self, registration_app: RegistrationApp):
        anna, bo = await signed_in(registration_app), await signed_in(registration_app, "bo")
        person = await guest(registration_app, "Ada")
        await decide(anna, person, "accredit")
        await registration_app.ask("PATCH", f"/delegates/{person}", json={"person": {"function": "Spy"}})
        await decide(bo, person, "accredit")
        assert status(registration_app, person) is Status.SUBMITTED
