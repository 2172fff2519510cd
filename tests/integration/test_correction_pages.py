"""Corrections of the accredited on the pages: at the desk, by two who decide, and on the delegation's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.conference import Conference
from shared.events import Status
from shared.keys import Role
from tests.integration.test_accreditation_desk import ended, make_due
from tests.integration.test_corrections import CONFERENCE, GATE, OSLO, QUEUE, accredited, corrected, decided, seen, trail
from tests.integration.test_focal_points import GUEST, oslo_signed_in, sent, token_in
from tests.registration_app import RegistrationApp
from tests.registration_examples import TINY, tiny
from tests.staff_accounts import Browser, signed_in


@pytest.fixture
def conference() -> Conference:
    return CONFERENCE


class TestAtTheDesk:
    @pytest.fixture
    def registration_url(self, sqlite_url: str) -> str:
        """One database is enough: pages come to the rules tried above."""
        return sqlite_url

    async def test_corrections_are_filtered_shown_side_by_side_and_decided_one_by_one(self, registration_app: RegistrationApp):
        app = registration_app
        desk = await signed_in(app)
        first, second = await accredited(app), await accredited(app, given_name="Bo", document_number="P-2")
        await accredited(app, given_name="Cy", document_number="P-3")
        assert "status=corrections" not in re_links(await desk.get("/en/desk"))
        for each in (first, second):
            await corrected(app, each, person={"function": "Pilot"})
        assert "2 corrections of people accredited wait" in (await desk.get("/en/desk")).text
        queue = (await desk.get(QUEUE)).text
        assert (queue.count("<bdi>Harbour master</bdi></td>"), queue.count("<ins><bdi>Pilot</bdi></ins>")) == (2, 2)
        assert "Cy Berg" not in queue
        assert 'value="accredit"' not in queue
        accepted = await one(desk, first, "accept")
        assert accepted.headers["location"] == f"/en/desk/people/{second}?decided={first}"
        unreasoned = await one(desk, second, "decline")
        assert (unreasoned.status_code, "told with its reason" in unreasoned.text) == (422, True)
        declined = await one(desk, second, "decline", reason="Not so")
        assert declined.headers["location"] == f"/en/desk?decided={second}"
        page = (await desk.get(f"/en/desk/people/{second}")).text
        assert page.index("<strong>Correction declined</strong>") < page.index("<strong>Correction proposed</strong>")
        assert "<q><bdi>Not so</bdi></q>" in page

    async def test_several_are_staged_and_decided_together_all_or_none(self, registration_app: RegistrationApp):
        app = registration_app
        desk = await signed_in(app)
        people = [await accredited(app, given_name=each, document_number=f"P-{each}") for each in ("Ada", "Bo", "Cy")]
        for each in people:
            await corrected(app, each, person={"function": "Pilot"})
        chosen = [f"{each} 1" for each in people]
        queue = (await desk.get(QUEUE)).text
        assert [each for each in chosen if each not in queue] == []
        staged = await desk.send("/en/desk", {"chosen": chosen, "decision": "accept"}, form=QUEUE)
        assert "Accept the correction" in (await desk.get(staged.headers["location"])).text
        await corrected(app, people[2], person={"function": "Spy"})
        make_due(app)
        await ended(app, "failed")
        assert [app.delegate(each).revision for each in people] == [2, 2, 2]
        await desk.send("/en/desk", {"chosen": [*chosen[:2], f"{people[2]} 2"], "decision": "accept"}, form=QUEUE)
        make_due(app)
        await ended(app, "decided")
        functions = [person.function for each in people if (person := app.delegate(each).person)]
        assert functions == ["Pilot", "Pilot", "Spy"]

    async def test_who_may_only_read_sees_and_decides_nothing(self, registration_app: RegistrationApp):
        guest = await accredited(registration_app)
        await corrected(registration_app, guest, person={"function": "Pilot"})
        reader = await signed_in(registration_app, "reader", Role.READ_ONLY)
        page = await reader.get(f"/en/desk/people/{guest}")
        assert "<ins><bdi>Pilot</bdi></ins>" in page.text
        assert 'name="decision"' not in page.text
        answer = await reader.send(f"/en/desk/people/{guest}", {"decision": "accept"}, form="/en/staff/account")
        assert answer.status_code == 403


def re_links(page: httpx.Response) -> str:
    return " ".join(each for each in page.text.split('"') if each.startswith("/en/desk"))


async def one(desk: Browser, delegate: str, decision: str, **also: str) -> httpx.Response:
    address = f"/en/desk/people/{delegate}"
    page = (await desk.get(address)).text
    number = page.partition('name="number" value="')[2].partition('"')[0]
    return await desk.send(address, {"decision": decision, "number": number, **also})


class TestByTwo:
    @pytest.fixture
    def registration_url(self, sqlite_url: str) -> str:
        """One database is enough: pages come to the rules tried above."""
        return sqlite_url

    @pytest.fixture
    def conference(self) -> Conference:
        two = [each.model_copy(update={"decided_by_two": each.slug == "guest"}) for each in TINY.categories]
        return tiny(categories=two)

    async def accredited(self, app: RegistrationApp, anna: Browser, bo: Browser) -> str:
        guest = await app.registered(**GATE)
        for desk in (anna, bo):
            await desk.send(f"/en/desk/people/{guest}", {"decision": "accredit"})
        assert app.delegate(guest).status is Status.ACCREDITED
        return guest

    async def test_two_accounts_accept_and_a_key_confirms_nothing(self, registration_app: RegistrationApp):
        app = registration_app
        anna, bo = await signed_in(app), await signed_in(app, "bo")
        guest = await self.accredited(app, anna, bo)
        await corrected(app, guest, person={"function": "Pilot"})
        before = app.delegate(guest)
        for _ in range(2):
            await one(anna, guest, "accept")
        await decided(app, guest, "accept")
        assert app.delegate(guest) == before
        assert "Correction waits for a second yes" in (await bo.get(QUEUE)).text
        await one(bo, guest, "accept")
        assert app.delegate(guest).revision == before.revision + 1
        assert "confirm-accept-correction" in [each[0] for each in trail(app)]

    async def test_what_the_desk_itself_corrects_waits_for_another_account(self, registration_app: RegistrationApp):
        app = registration_app
        anna, bo = await signed_in(app), await signed_in(app, "bo")
        guest = await self.accredited(app, anna, bo)
        told = await corrected(app, guest, by="accreditation", person={"function": "Pilot"})
        assert told["proposed"]["state"] == "waiting"
        await one(anna, guest, "accept")
        person = app.delegate(guest).person
        assert person is not None
        assert person.function == "Pilot"

    async def test_a_newer_proposal_is_confirmed_anew(self, registration_app: RegistrationApp):
        app = registration_app
        anna, bo = await signed_in(app), await signed_in(app, "bo")
        guest = await self.accredited(app, anna, bo)
        await corrected(app, guest, person={"function": "Pilot"})
        await one(anna, guest, "accept")
        await corrected(app, guest, person={"function": "Spy"})
        await one(bo, guest, "accept")
        assert (await seen(app, guest))["proposed"]["state"] == "waiting"


class TestOnTheDelegationsPages:
    @pytest.fixture
    def registration_url(self, sqlite_url: str) -> str:
        """One database is enough: pages come to the rules tried above."""
        return sqlite_url

    @pytest.fixture
    async def app(self, tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
        async with oslo_signed_in(registration_url, conference, tmp_path) as app:
            yield app

    async def test_a_focal_point_corrects_sees_that_it_waits_and_what_became_of_it(self, app: RegistrationApp):
        guest = await accredited(app)
        address = f"{OSLO}/people/{guest}/amend"
        answers = {**GUEST, "person/document_number": "P-1", "person/language": "en"}
        same = await sent(app, address, answers)
        assert same.headers["location"] == f"{OSLO}?done=amended"
        answer = await sent(app, address, {**answers, "person/given_name": "Ida", "person/email": "ida@port.example"})
        assert answer.headers["location"] == f"{OSLO}?done=proposed"
        page = (await app.http.get(OSLO)).text
        assert "A correction waits at the accreditation desk: Given name." in page
        assert "Ada Berg" in page, "what was accredited"
        assert 'value="Ida"' in (await app.http.get(address)).text, "what waits is what is corrected on"
        await decided(app, guest, "decline", reason="Another person")
        page = (await app.http.get(OSLO)).text
        assert "The correction was declined: Given name." in page
        assert "<q><bdi>Another person</bdi></q>" in page
        assert 'value="Ada"' in (await app.http.get(address)).text

    async def test_somebody_is_proposed_for_another_category(self, app: RegistrationApp):
        member = await app.registered()
        page = (await app.http.get(f"{OSLO}/people/{member}/amend")).text
        address = f"{OSLO}/people/{member}/amend/guest"
        assert f'href="{address}"' in page
        lacking = await sent(app, address, {**GUEST, "person/document_number": ""})
        assert lacking.status_code == 422
        answer = await sent(app, address, GUEST)
        assert answer.headers["location"] == f"{OSLO}?done=proposed"
        assert app.delegate(member).category == "member"
        await decided(app, member, "accept")
        assert (app.delegate(member).category, app.delegate(member).status) == ("guest", Status.ACCREDITED)
        assert (await app.http.get(f"{OSLO}/people/{member}/amend/nothing")).status_code == 404
        assert token_in(await app.http.get(f"{OSLO}/people/{member}/amend"))
