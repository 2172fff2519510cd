"""A delegation's pages over HTTP: what a focal point sees, adds, amends, replaces and withdraws, and what is none of theirs."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.conference import Conference
from shared.ids import new_id
from tests.integration.test_focal_points import (
    GUEST,
    PERSON,
    focal_points,
    oslo_signed_in,
    posted,
    sent,
    token_in,
)
from tests.integration.test_public_form import beside
from tests.registration_app import RegistrationApp
from tests.registration_examples import TINY

OSLO = "/en/delegation/oslo"


@pytest.fixture
async def app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path) as app:
        yield app


async def people(app: RegistrationApp, **asked: str) -> list[dict[str, Any]]:
    return (await app.ask("GET", "/delegates", params=asked)).json()["delegates"]


async def added(app: RegistrationApp, category: str = "member", **changed: str) -> str:
    answers = {**(GUEST if category == "guest" else PERSON), **{f"person/{name}": value for name, value in changed.items()}}
    before = {each["delegate_id"] for each in await people(app)}
    answer = await sent(app, f"{OSLO}/add/{category}", answers)
    assert (answer.status_code, answer.headers.get("location")) == (303, f"{OSLO}?done=added"), answer.text
    [new] = {each["delegate_id"] for each in await people(app)} - before
    return new


def seen(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


async def test_who_is_added_is_listed_with_status_badge_and_what_is_left_of_the_quota(app: RegistrationApp):
    assert "0 of 5 places are taken, 5 are left" in seen(await app.http.get(OSLO))
    member, guest = await added(app), await added(app, "guest", given_name="Gro")
    assert app.delegate(member).status == "accredited"
    assert app.delegate(guest).status == "submitted"
    page = seen(await app.http.get(f"{OSLO}?done=added"))
    for told in ("2 of 5 places are taken, 3 are left", "1 of 2 taken", "Ada Berg", "Accredited", "Badge not printed yet",
                 "Gro Berg", "Awaits its decision", "Registered. We write to the person."):  # fmt: skip
        assert told in page
    topics = [each.topic for each in app.published()]
    assert topics.count("t.delegate-registered") == 2


async def test_a_form_sent_twice_adds_one_person(app: RegistrationApp):
    page = await app.http.get(f"{OSLO}/add/member")
    answers = {"token": token_in(page), **PERSON}
    both = [await posted(app, f"{OSLO}/add/member", answers) for _ in range(2)]
    assert [each.status_code for each in both] == [303, 303]
    assert len(await people(app)) == 1


async def test_every_fault_stands_beside_its_field_in_the_language_of_the_page(app: RegistrationApp):
    answer = await sent(app, "/fr/delegation/oslo/add/guest", {"person/given_name": "Ada", "person/email": "nobody"})
    assert answer.status_code == 422
    required = {"person-family_name", "person-function", "person-language", "person-document_number"}
    assert beside(answer).keys() == {*required, "person-email"}
    assert "adresse électronique" in beside(answer)["person-email"]
    assert 'value="nobody"' in answer.text
    assert await people(app) == []


async def test_a_protected_name_is_seen_by_the_delegations_own_focal_point_alone(app: RegistrationApp):
    answer = await sent(app, f"{OSLO}/add/guest", {**GUEST, "protected": "yes", "person/family_name": "Canary"})
    assert answer.status_code == 303
    [delegate] = await people(app)
    page = await app.http.get(OSLO)
    assert "Ada Canary" in page.text
    assert "Protected identity" in page.text
    assert (await app.http.get(f"{OSLO}/people/{delegate['delegate_id']}/amend")).text.count("Canary") == 1
    [event] = [each.fact for each in app.published() if each.topic == "t.delegate-registered"]
    assert "Canary" not in event.model_dump_json()
    assert "Canary" not in (await app.ask("GET", "/delegates", "read-only")).text
    assert "protected" not in (await app.http.get(f"{OSLO}/add/member")).text


async def test_what_is_corrected_takes_effect(app: RegistrationApp):
    member = await added(app)
    address = f"{OSLO}/people/{member}/amend"
    page = await app.http.get(address)
    assert 'value="ada@port.example"' in page.text
    answer = await sent(app, address, {**PERSON, "person/function": "Admiral", "person/printed_name": "Captain Berg"})
    assert answer.headers["location"] == f"{OSLO}?done=amended"
    delegate = app.delegate(member)
    assert delegate.person is not None
    assert (delegate.revision, delegate.person.function, delegate.person.printed_name) == (2, "Admiral", "Captain Berg")
    assert delegate.person.time_zone == TINY.time_zone
    await sent(app, address, {**PERSON, "person/function": "Admiral", "person/printed_name": ""})
    emptied = app.delegate(member).person
    assert emptied is not None
    assert emptied.printed_name is None
    refused = await sent(app, address, {**PERSON, "person/given_name": ""})
    assert (refused.status_code, beside(refused).keys()) == (422, {"person-given_name"})


async def test_one_person_takes_the_place_of_another_also_where_the_quota_is_full(app: RegistrationApp):
    first = await added(app, "guest")
    await added(app, "guest", given_name="Gro", document_number="2")
    full = await sent(app, f"{OSLO}/add/guest", {**GUEST, "person/given_name": "Eva", "person/document_number": "3"})
    assert full.status_code == 422
    assert "2 of the 2 people" in seen(full)
    eva = {**GUEST, "person/given_name": "Eva", "person/document_number": "3"}
    page = await app.http.get(f"{OSLO}/people/{first}/replace")
    assert "Ada Berg" in page.text
    answers = {"token": token_in(page), **eva}
    answer = await posted(app, f"{OSLO}/people/{first}/replace", answers)
    assert answer.headers["location"] == f"{OSLO}?done=replaced"
    assert app.delegate(first).status == "withdrawn"
    guests = {each["person"]["given_name"]: each["status"] for each in await people(app, category="guest")}
    assert guests == {"Ada": "withdrawn", "Gro": "submitted", "Eva": "submitted"}
    again = await posted(app, f"{OSLO}/people/{first}/replace", answers)
    assert again.status_code == 303, "the same form, sent again, is answered the same"
    assert len(await people(app, category="guest")) == 3


async def test_a_replacement_is_taken_whole_or_not_at_all(app: RegistrationApp):
    first = await added(app)
    other = await added(app, given_name="Gro")
    before = app.rows()
    faulty = await sent(app, f"{OSLO}/people/{first}/replace", {**PERSON, "person/given_name": "Eva", "person/email": ""})
    known = await sent(app, f"{OSLO}/people/{first}/replace", {**PERSON, "person/given_name": "Gro"})
    assert [each.status_code for each in (faulty, known)] == [422, 422]
    assert app.rows() == before
    assert app.delegate(other).status == "accredited"


async def test_two_who_replace_the_same_person_at_once_make_one_replacement(app: RegistrationApp):
    first = await added(app)
    address = f"{OSLO}/people/{first}/replace"
    forms = [{**PERSON, "person/given_name": name, "token": token_in(await app.http.get(address))} for name in ("Eva", "Ida")]
    answers = await asyncio.gather(*(posted(app, address, each) for each in forms))
    assert sorted(each.status_code for each in answers) == [303, 409]
    [refused] = [each for each in answers if each.status_code == 409]
    assert "holds no place" in refused.text
    assert len([each for each in await people(app) if each["status"] == "accredited"]) == 1


async def test_a_replacement_may_keep_the_sessions_also_where_they_are_full(app: RegistrationApp):
    taken = [await app.registered(delegation="marseille", given_name=f"M{n}", sessions=["pilots"]) for n in range(3)]
    first = await app.registered(given_name="Ada", sessions=["pilots"])
    page = await app.http.get(f"{OSLO}/people/{first}/replace")
    assert re.search(r'value="pilots" checked', page.text)
    answer = await sent(app, f"{OSLO}/people/{first}/replace", {**PERSON, "person/given_name": "Eva", "sessions": ["pilots"]})
    assert answer.status_code == 303, seen(answer)
    [eva] = [each["delegate_id"] for each in await people(app) if each["person"]["given_name"] == "Eva"]
    assert app.delegate(eva).is_enrolled_in("pilots")
    assert len(taken) == 3


async def test_withdrawing_asks_first_and_frees_the_place(app: RegistrationApp):
    member = await added(app)
    page = await app.http.get(f"{OSLO}/people/{member}/withdraw")
    assert "Ada Berg" in page.text
    assert app.delegate(member).status == "accredited"
    answer = await posted(app, f"{OSLO}/people/{member}/withdraw", {"token": token_in(page)})
    assert answer.headers["location"] == f"{OSLO}?done=withdrawn"
    listed = seen(await app.http.get(OSLO))
    assert "0 of 5 places are taken" in listed
    assert "Refused or withdrawn" in listed
    for page in ("amend", "replace", "withdraw"):
        assert (await app.http.get(f"{OSLO}/people/{member}/{page}")).headers["location"] == OSLO


async def test_a_refusal_is_told_with_its_reason(app: RegistrationApp):
    guest = await added(app, "guest")
    await app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "refuse", "reason": "No such <harbour>"})
    page = await app.http.get(OSLO)
    assert "No such &lt;harbour&gt;" in page.text


async def test_head_and_ranks_order_the_list(app: RegistrationApp):
    ids = [await added(app, given_name=name) for name in ("Ada", "Eva", "Gro", "Ida")]
    order = {"head": ids[2], f"rank/{ids[3]}": "1", f"rank/{ids[0]}": "", f"rank/{ids[1]}": "2", f"rank/{ids[2]}": ""}
    assert (await sent(app, f"{OSLO}/order", order)).headers["location"] == f"{OSLO}?done=ordered"
    page = await app.http.get(OSLO)
    assert re.findall(r"<h3[^>]*><bdi>(\w+) Berg", page.text) == ["Gro", "Ida", "Eva", "Ada"]
    assert page.text.count("Head of delegation") == 1
    assert (await sent(app, f"{OSLO}/order", {f"rank/{ids[0]}": "first"})).status_code == 422
    await app.ask("DELETE", f"/delegates/{ids[2]}")
    assert ids[2] not in repr(app.rows()["delegation_order"])


async def test_a_focal_point_of_several_delegations_chooses(app: RegistrationApp):
    await focal_points(app, "marseille", "astrid@oslo.example")
    page = await app.http.get("/en/delegation")
    assert page.status_code == 200
    assert {"/en/delegation/oslo", "/en/delegation/marseille"} <= set(re.findall(r'href="([^"]+)"', page.text))
    assert (await app.http.get("/en/delegation/marseille")).status_code == 200


def addresses(code: str, delegate_id: str) -> list[tuple[str, str]]:
    """Every address of a delegation's pages, and how it is asked."""
    own = f"/en/delegation/{code}"
    person = [f"{own}/people/{delegate_id}/{page}" for page in ("amend", "replace", "withdraw")]
    forms = [f"{own}/order", f"{own}/add/member", *person]
    return [("GET", own), *(("GET", each) for each in forms), *(("POST", each) for each in forms)]


async def test_what_is_anothers_is_not_there(app: RegistrationApp):
    mine = await added(app, given_name="Mine")
    theirs = await app.registered(delegation="marseille", given_name="Theirs")
    token = token_in(await app.http.get(f"{OSLO}/add/member"))
    answers = {**PERSON, "person/given_name": "New", "token": token, "delegation": "marseille", f"rank/{theirs}": "1"}
    before = app.rows()
    listed = addresses("marseille", theirs) + addresses("oslo", theirs)[3:] + addresses("marseille", mine)
    listed += addresses("oslo", str(new_id())) + addresses("nowhere", theirs)
    own = {OSLO, f"{OSLO}/order", f"{OSLO}/add/member"}
    for method, address in listed:
        if address in own and method == "GET":
            continue
        if address == f"{OSLO}/add/member":
            continue
        answer = await app.http.get(address) if method == "GET" else await posted(app, address, answers)
        assert answer.status_code == 404, (method, address, answer.status_code)
        assert "Theirs" not in answer.text
    assert app.rows() == before


async def test_the_delegation_is_that_of_the_address_whatever_is_posted(app: RegistrationApp):
    assert (
        await sent(app, f"{OSLO}/add/member", {**PERSON, "delegation": "marseille", "category": "guest"})
    ).status_code == 303
    [delegate] = await people(app)
    assert (delegate["delegation"], delegate["category"]) == ("oslo", "member")


async def test_nobody_who_is_not_signed_in_reads_or_changes_anything(app: RegistrationApp):
    member = await added(app)
    token = token_in(await app.http.get(f"{OSLO}/add/member"))
    app.http.cookies.delete("lanyard-focal-point")
    before = app.rows()
    for method, address in addresses("oslo", member):
        answer = await app.http.get(address) if method == "GET" else await posted(app, address, {**PERSON, "token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/en/focal-point"), (method, address)
    assert app.rows() == before


async def test_what_another_site_posts_is_not_taken(app: RegistrationApp):
    member = await added(app)
    before = app.rows()
    for method, address in addresses("oslo", member):
        if method == "POST":
            for token in ({}, {"token": "abc"}):
                answer = await posted(app, address, {**PERSON, "person/given_name": "New", **token})
                assert answer.status_code == 403, address
    assert app.rows() == before


async def test_no_page_is_kept_by_a_cache_or_runs_a_script(app: RegistrationApp):
    member = await added(app)
    for method, address in addresses("oslo", member):
        if method == "GET":
            page = await app.http.get(address)
            assert page.headers["cache-control"] == "no-store", address
            assert "<script" not in page.text
            assert " style=" not in page.text


class TestAfterTheDeadline:
    @pytest.fixture
    def conference(self) -> Conference:
        closed = TINY.opens_on - timedelta(days=30)
        at = {"member": datetime.combine(closed, time(18)), "guest": datetime.combine(TINY.opens_on, time(9))}
        categories = [{**each.model_dump(), "closes_at": at[each.slug]} for each in TINY.categories]
        return Conference.model_validate({**TINY.model_dump(), "categories": categories})

    async def test_a_late_registration_is_told_of_taken_and_marked(self, app: RegistrationApp):
        assert "Registration closed on 12 April 2026" in seen(await app.http.get(f"{OSLO}/add/member"))
        assert "Please register by 12 May 2026" in seen(await app.http.get(f"{OSLO}/add/guest"))
        late, in_time = await added(app), await added(app, "guest", given_name="Gro")
        told = {each["delegate_id"]: each["late"] for each in await people(app)}
        assert told == {late: True, in_time: False}
        assert (await app.http.get(OSLO)).text.count(">Late<") == 1
        csv = await app.ask("GET", "/delegates", headers={"Accept": "text/csv"})
        assert [line.split(",")[-3] for line in csv.text.splitlines()] == ['"late"', '"True"', '"False"']
