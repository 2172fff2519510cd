"""What focal points are mailed: who waits for them, and what became of what they proposed."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registration import store
from registration.delegations.focal_news import Pace
from shared.clock import utc_now
from shared.conference import Conference
from shared.events import LANGUAGES
from tests.endorsing import GATE, OSLO, answered, came, with_endorsement
from tests.integration.test_focal_points import ASTRID, GUEST, focal_points, oslo_signed_in, sent
from tests.registration_app import RegistrationApp, registration_running
from tests.smtp_server import MailBox


@pytest.fixture
def conference() -> Conference:
    return with_endorsement()


@pytest.fixture
async def app(
    tmp_path: Path, conference: Conference, registration_url: str, mail_box: MailBox
) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path, mail_box) as app:
        yield app


def news(box: MailBox) -> list[Any]:
    return [each for each in box.mails if "focal-news" in each["Message-ID"]]


async def test_focal_points_are_mailed_in_their_language_that_somebody_waits(app: RegistrationApp, mail_box: MailBox):
    delegate = await came(app)
    await mail_box.arrived(2)
    [mail] = news(mail_box)
    assert (mail["To"].addresses[0].addr_spec, mail["Content-Language"]) == (ASTRID, "en")
    assert "– Ada Berg, Harbour master" in mail.get_content()
    assert "http://registration.test/en/delegation/oslo" in mail.get_content()
    await answered(app, delegate)
    await came(app, "Bo")
    await mail_box.arrived(3)
    [_, second] = news(mail_box)
    assert ("Bo Berg" in second.get_content(), "Ada Berg" in second.get_content()) == (True, False), "each is told of once"


async def test_a_protected_name_is_in_no_mail(app: RegistrationApp, mail_box: MailBox):
    await came(app, "Canary", family_name="Finch", protected=True, function="Pilot of the port")
    await mail_box.arrived(2)
    [mail] = news(mail_box)
    assert "– Pilot of the port" in mail.get_content()
    assert not re.search("canary|finch", str(mail), re.IGNORECASE)


async def test_who_never_signed_in_is_written_to_in_all_languages(tmp_path: Path, conference: Conference, mail_box: MailBox):
    url = f"sqlite:///{tmp_path / 'registration.db'}"
    async with registration_running(url, conference, tmp_path, smtp_port=mail_box.port) as app:
        await came(app)
        await focal_points(app, "oslo", "first@oslo.example", "second@oslo.example")
        await mail_box.arrived(2)
    assert sorted(mail_box.to) == ["first@oslo.example", "second@oslo.example"], "who waited before they were named is told of"
    [mail, _] = mail_box.mails
    assert re.findall(r"/(\w\w)/delegation/oslo", mail.get_content()) == ["en", "ar", "zh", "fr", "ru", "es"]
    assert len(LANGUAGES) == 6


async def test_what_happens_within_a_while_is_one_mail_and_none_comes_soon_after(tmp_path: Path, conference: Conference):
    """Asked of the table with times of the test's own: nothing has to be waited for."""
    url = f"sqlite:///{tmp_path / 'registration.db'}"
    async with registration_running(url, conference, tmp_path, smtp_port=1, news_pace=None) as app:
        await focal_points(app, "oslo", ASTRID)
        pace, now = Pace(timedelta(minutes=5), timedelta(hours=4)), utc_now()
        await came(app)
        await came(app, "Bo")

        async def mails(after: timedelta) -> int:
            at = now + after
            return len(await app.database.write(lambda tx: store.focal_news.claim(tx, at, pace), announce=False))

        assert await mails(timedelta(minutes=4)) == 0
        assert await mails(timedelta(minutes=6)) == 1
        await app.database.write(lambda tx: tx.execute(store.metadata.tables["focal_mails"].delete()), announce=False)
        await came(app, "Cy")
        assert await mails(timedelta(hours=3)) == 0
        assert await mails(timedelta(hours=5)) == 1


async def test_what_became_of_their_correction_is_mailed_to_the_focal_points(app: RegistrationApp, mail_box: MailBox):
    assert (await sent(app, f"{OSLO}/add/guest", GUEST)).status_code == 303
    [delegate] = [each["delegate_id"] for each in (await app.ask("GET", "/delegates")).json()["delegates"]]
    await app.ask("POST", f"/delegates/{delegate}/decision", json={"decision": "accredit"})
    for mails, function, verdict in ((2, "Pilot", "accept"), (3, "Admiral", "decline")):
        proposed = {**GUEST, "person/function": function}
        answer = await sent(app, f"{OSLO}/people/{delegate}/amend", proposed)
        assert answer.headers["location"] == f"{OSLO}?done=proposed"
        body = {"decision": verdict, **({"reason": "Not on the letter"} if verdict == "decline" else {})}
        decided = await app.ask("POST", f"/delegates/{delegate}/correction/decision", json=body)
        assert decided.status_code == 200, decided.text
        await mail_box.arrived(mails)
    accepted, declined = [each.get_content() for each in news(mail_box)]
    assert "Ada Berg, Pilot – accepted: Function" in accepted
    assert "Ada Berg, Pilot – declined: Function – Reason: Not on the letter" in declined


async def test_a_correction_that_a_form_proposed_is_told_to_no_focal_point(app: RegistrationApp, mail_box: MailBox):
    delegate = await app.registered(**GATE)
    await app.ask("POST", f"/delegates/{delegate}/decision", json={"decision": "accredit"})
    await app.ask("PATCH", f"/delegates/{delegate}", "form", json={"person": {"function": "Pilot"}})
    await app.ask("POST", f"/delegates/{delegate}/correction/decision", json={"decision": "accept"})
    await came(app, "Bo")
    await mail_box.arrived(2)
    [mail] = news(mail_box)
    assert "Pilot" not in mail.get_content()
