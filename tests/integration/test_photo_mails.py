"""Who registered by a form without the photo that their badge shows is mailed once where to give it, if it still is missing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registration import store
from registration.photos.asking import ASKED_AFTER
from shared.clock import utc_now
from shared.conference import Conference
from tests.integration.test_focal_points import link_in
from tests.integration.test_photo_pages import keep, upload
from tests.integration.test_photos import give, with_photos
from tests.registration_app import RegistrationApp, registration_running
from tests.smtp_server import MailBox


@pytest.fixture
def conference() -> Conference:
    """Guests register themselves, members through others' forms; both badges show a photo, a pilot's does not."""
    return with_photos()


@pytest.fixture
async def app(
    tmp_path: Path, conference: Conference, registration_url: str, mail_box: MailBox
) -> AsyncIterator[RegistrationApp]:
    async with registration_running(registration_url, conference, tmp_path, smtp_port=mail_box.port) as app:
        yield app


async def came(app: RegistrationApp, name: str, by: str = "form", **fields: Any) -> str:
    own = {"given_name": name, "document_number": f"N-{name}", "email": f"{name.lower()}@port.example"}
    return await app.registered(by=by, **own, **fields)


async def quarter_of_an_hour_later(app: RegistrationApp) -> None:
    mails = store.metadata.tables["photo_mails"]
    sooner = mails.update().values(next_attempt_at=utc_now())
    await app.database.write(lambda tx: tx.execute(sooner), announce=False)


def waiting(app: RegistrationApp) -> list[Any]:
    return app.rows()["photo_mails"]


async def test_it_is_mailed_in_their_language_and_given_by_the_link(app: RegistrationApp, mail_box: MailBox):
    guest = await came(app, "Ada", category="guest", language="fr")
    with app.database.connect() as tx:
        almost = utc_now() + ASKED_AFTER - timedelta(minutes=1)
        assert not store.photo_mails.queue.any_due(tx, almost), "they may be giving it now"
        assert store.photo_mails.queue.any_due(tx, almost + timedelta(minutes=2))
    await quarter_of_an_hour_later(app)
    await mail_box.arrived(1)
    [mail] = mail_box.mails
    assert (mail["To"].addresses[0].addr_spec, mail["Content-Language"]) == ("ada@port.example", "fr")
    assert mail["Subject"].startswith("Il manque encore votre photographie")
    link = link_in(mail)
    assert link.startswith("/fr/photo/")
    chosen = (await upload(app.http, link)).headers["location"]
    assert (await keep(app.http, chosen, left="0", top="0", width="45")).status_code == 303
    assert app.delegate(guest).photo is not None


async def test_a_link_is_good_for_whoever_a_form_registered_and_for_nobody_else(app: RegistrationApp, mail_box: MailBox):
    member = await came(app, "Bo", category="member")
    other = await came(app, "Cy", category="member")
    await quarter_of_an_hour_later(app)
    await mail_box.arrived(2)
    link = next(link_in(each) for each in mail_box.mails if "bo@port.example" in each["To"])
    chosen = (await upload(app.http, link)).headers["location"]
    assert (await keep(app.http, chosen, left="0", top="0", width="45")).status_code == 303
    assert (app.delegate(member).photo is None, app.delegate(other).photo is None) == (False, True)
    assert app.delegate(member).status == "accredited"


async def test_nobody_is_asked_for_what_is_not_missing_any_more(app: RegistrationApp, mail_box: MailBox):
    given, withdrawn, erased = [await came(app, each, category="member") for each in ("Di", "Ed", "Flo")]
    hidden = await came(app, "Gus", category="guest")
    await came(app, "Hal", category="member")
    assert (await give(app, given)).status_code == 200
    assert (await app.ask("POST", f"/delegates/{withdrawn}/withdrawal")).status_code == 200
    assert (await app.ask("DELETE", f"/delegates/{erased}")).status_code == 200
    assert len(waiting(app)) == 4, "of the erased nothing waits"
    answer = await app.ask("PATCH", f"/delegates/{hidden}", json={"protected": True})
    assert answer.status_code == 200, answer.text
    await quarter_of_an_hour_later(app)
    await mail_box.arrived(1)
    assert mail_box.to == ["hal@port.example"]


async def test_only_who_came_by_a_form_is_asked_and_only_for_a_photo_that_is_shown(app: RegistrationApp):
    await came(app, "Ida", by="accreditation", category="guest")
    await came(app, "Jo", category="pilot")
    await came(app, "Kit", category="guest", protected=True)
    assert waiting(app) == []


async def test_a_mail_server_that_is_busy_is_tried_again_with_the_same_mail(app: RegistrationApp, mail_box: MailBox):
    mail_box.dying["lou@port.example"] = 1
    await came(app, "Lou", category="guest")
    await quarter_of_an_hour_later(app)
    await mail_box.arrived(2)
    assert len({each["Message-ID"] for each in mail_box.mails}) == 1
