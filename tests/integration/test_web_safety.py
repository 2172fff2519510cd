"""What the OWASP lists ask of pages and APIs, and no other test looks at: docs/security.md says which test looks at what."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from registration import store
from registration.callers.form_keys import FormKey, keep_form_key
from registration.decisions.reasons import Reason
from registration.decisions.staging import Staged
from registration.delegations.focal_points import FocalPoint, keep_focal_points
from shared.clock import utc_now
from shared.conference import Conference, FormField
from shared.ids import new_id
from shared.keys import Role, key_hash
from tests.integration.test_focal_points import asked
from tests.integration.test_public_form import ANSWERS, opened, sent
from tests.integration.test_who_may import API, filled, routes_of, visitors_of
from tests.registration_app import RegistrationApp, body_of, code, registration_running, until
from tests.registration_examples import TINY
from tests.smtp_server import MailBox
from tests.staff_accounts import PASSWORD, Browser, signed_in

MARK = "\"'><xss onload=alert(1)>{{7*7}}"
CONFERENCE = TINY.model_copy(
    update={
        "categories": [each.model_copy(update={"self_registration": each.slug == "guest"}) for each in TINY.categories],
        "fields": [FormField(slug="ship", label={"en": "Ship"})],
    }
)


@pytest.fixture
def conference() -> Conference:
    return CONFERENCE


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


# --- what is shown ------------------------------------------------------------------------------------------------


async def test_no_text_of_anybody_becomes_markup_on_any_page(tmp_path: Path, registration_url: str, mail_box: MailBox):
    async with registration_running(registration_url, CONFERENCE, tmp_path, smtp_port=mail_box.port) as app:
        visitors = await visitors_of(app, mail_box, [Role.ACCREDITATION, Role.READ_ONLY])
        values = await marked(app)
        shown: dict[str, int] = {}
        for name, method, path in routes_of(app.app):
            if method != "GET" or name in API:
                continue
            for http in visitors.values():
                for query in ("", f"?q={MARK}&status=all&done={MARK}&decided={values['delegate_id']}&lang={MARK}"):
                    answer = await http.get(filled(path, values) + query)
                    if not answer.headers.get("content-type", "").startswith("text/html"):
                        continue  # a browser takes it for no page: it is told to guess nothing
                    assert "<xss" not in answer.text, name
                    assert "49" not in re.findall(r"xss[^<]*?(\d+)", answer.text), name
                    shown[name] = shown.get(name, 0) + answer.text.count("&lt;xss")
    for each in ("desk", "desk/people/{delegate_id}", "desk/staged/{staged_id}", "delegation/{code}", "sessions/{session_id}"):
        assert shown[f"GET /LANG/{each}"], "what was to be tried is not shown there at all"


async def marked(app: RegistrationApp) -> dict[str, Any]:
    """A markup in every text that somebody gives."""
    person = dict.fromkeys(("given_name", "family_name", "printed_name", "function", "document_number"), MARK)
    wrong = {**body_of(category="guest", **person), "fields": {"ship": MARK}}
    answer = await app.ask("POST", "/delegates", json=wrong)
    assert answer.status_code == 201, answer.text
    delegate_id = answer.json()["delegate_id"]
    renamed = {"title": {"en": MARK, "fr": MARK}, "room": {"en": MARK}}
    assert (await app.ask("PATCH", "/sessions/welcome", "programme", json=renamed)).status_code == 200
    refusal = {"decision": "refuse", "reason": MARK}
    assert (await app.ask("POST", f"/delegates/{delegate_id}/decision", json=refusal)).status_code == 200
    staged = Staged(new_id(), "accreditation-account", "accredit", Reason(MARK), [(delegate_id, 2)], utc_now(), "failed")
    app.database.transaction(lambda tx: store.staging.stage(tx, staged))
    focal_point = FocalPoint(name=MARK, email="a@oslo.example")
    app.database.transaction(lambda tx: keep_focal_points(tx, "oslo", [focal_point]))
    return {
        "delegate_id": delegate_id, "session_id": "welcome", "code": "oslo", "category": "guest",
        "staged_id": staged.staged_id, "link": "none",
    }  # fmt: skip


# --- headers ------------------------------------------------------------------------------------------------------


ANSWERS_OF_ALL_KINDS = {
    "a page": ("/en/programme", 200),
    "an answer of the API": ("/conference", 200),
    "a person": ("/delegates", 200),
    "a fault": (f"/delegates/{new_id()}", 404),
    "no such address": ("/../../etc/passwd", 404),
    "no such page": ("/en/sessions/..%2f..%2fetc%2fpasswd", 404),
    "metrics": ("/metrics", 200),
    "a style sheet": ("/static/..%2fstore.py", 404),
}


@pytest.mark.parametrize(("address", "status"), ANSWERS_OF_ALL_KINDS.values(), ids=ANSWERS_OF_ALL_KINDS.keys())
async def test_every_answer_tells_browsers_to_guess_nothing(registration_app: RegistrationApp, address: str, status: int):
    for scheme in ("http", "https"):
        answer = await registration_app.ask("GET", f"{scheme}://registration.test{address}")
        assert answer.status_code == status, answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store", "whoever says who they are is shown nothing from a cache"
        assert ("strict-transport-security" in answer.headers) is (scheme == "https")


async def test_a_fault_of_ours_has_the_headers_too(registration_app: RegistrationApp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registration_app.intake, "submit", broken)
    answer = await registration_app.register()
    assert code(answer) == "own-fault"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "broken" not in answer.text


async def broken(*_: Any) -> None:
    raise RuntimeError("broken on purpose")


async def test_a_page_of_a_form_reads_our_faults_too(registration_app: RegistrationApp, monkeypatch: pytest.MonkeyPatch):
    """Also those that no route expects: without the header its script would be told of a network that failed."""
    origin = "https://forms.example"
    page = FormKey("a page's form", None, None, origins=frozenset({origin}))
    registration_app.database.transaction(lambda tx: keep_form_key(tx, key_hash("page"), page))
    monkeypatch.setattr(registration_app.intake, "submit", broken)
    answer = await registration_app.ask("POST", "/delegates", "page", json=body_of(), headers={"Origin": origin})
    assert code(answer) == "own-fault"
    assert answer.headers["access-control-allow-origin"] == origin
    elsewhere = await registration_app.ask(
        "POST", "/delegates", "page", json=body_of(), headers={"Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in elsewhere.headers


# --- addresses ----------------------------------------------------------------------------------------------------


async def test_no_answer_leads_to_a_host_that_the_request_names(registration_app: RegistrationApp):
    values = {
        "delegate_id": new_id(), "session_id": "welcome", "code": "oslo", "category": "guest",
        "staged_id": new_id(), "link": "none",
    }  # fmt: skip
    for name, method, path in routes_of(registration_app.app):
        if method == "GET":
            for address in (filled(path, values), filled(path, values) + "/", "//evil.example" + filled(path, values)):
                answer = await registration_app.http.get(address, headers={"Host": "evil.example"})
                to = urlsplit(answer.headers.get("location", ""))
                assert (to.scheme, to.netloc) == ("", ""), name
                assert "evil.example" not in answer.text, name


async def test_a_mailed_link_leads_to_our_own_address_whatever_the_request_says(
    tmp_path: Path, registration_url: str, mail_box: MailBox
):
    async with registration_running(
        registration_url, CONFERENCE, tmp_path, smtp_port=mail_box.port, own_url="https://own.example"
    ) as app:
        focal_point = FocalPoint(name="Astrid", email="astrid@oslo.example")
        app.database.transaction(lambda tx: keep_focal_points(tx, "oslo", [focal_point]))
        app.http.headers["Host"] = app.http.headers["X-Forwarded-Host"] = "evil.example"
        await asked(app, "astrid@oslo.example")
        await mail_box.arrived(1)
        text = mail_box.mails[0].get_content()
        assert set(re.findall(r"https?://[^/\s]+", text)) == {"https://own.example"}
        assert b"evil" not in mail_box.raw[0]


# --- forms --------------------------------------------------------------------------------------------------------


async def test_a_form_gives_what_it_asks_and_nothing_else(registration_app: RegistrationApp):
    smuggled = {
        "protected": "yes", "status": "accredited", "revision": "9", "delegate_id": str(new_id()), "late": "1",
        "category": "member", "person/time_zone": "Asia/Tokyo", "person/birth_date": "1971-02-03", "proposed": "x",
        "fields/unknown": "x",
    }  # fmt: skip
    own = {each: value for each, value in ANSWERS.items() if not each.startswith("fields/")}
    answer = await sent(registration_app, {**await opened(registration_app), **own, **smuggled})
    assert answer.status_code == 303, answer.text
    [listed] = (await registration_app.ask("GET", "/delegates")).json()["delegates"]
    delegate = registration_app.delegate(listed["delegate_id"])
    assert delegate.person is not None
    assert (delegate.protected, delegate.status, delegate.revision, delegate.category) == (False, "submitted", 1, "guest")
    assert (delegate.person.time_zone, delegate.person.birth_date, delegate.fields) == ("Europe/Paris", None, {})


# --- sessions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_session_is_begun_anew_at_each_sign_in_and_its_cookie_is_kept_from_others(
    registration_app: RegistrationApp, scheme: str
):
    browser = await signed_in(registration_app)
    first = browser.http.cookies["lanyard-staff"]
    browser.http.base_url = httpx.URL(f"{scheme}://registration.test")
    browser.http.cookies.clear()
    browser.http.cookies.set("lanyard-staff", "chosen by somebody else", domain="registration.test")
    answer = await browser.sign_in("anna", PASSWORD)
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("lanyard-staff=")]
    token, *flags = cookie.split("; ")
    assert token not in ("lanyard-staff=chosen by somebody else", f"lanyard-staff={first}")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(flags)
    assert ("Secure" in flags) is (scheme == "https")
    assert "Domain" not in cookie


async def test_a_copied_cookie_is_worth_nothing_after_signing_out(registration_app: RegistrationApp):
    browser, thief = await signed_in(registration_app), Browser(registration_app)
    thief.http.cookies.update(browser.http.cookies)
    assert (await thief.get("/en/desk")).status_code == 200
    await browser.send("/en/staff/sign-out", {}, form="/en/staff/account")
    assert (await thief.get("/en/desk")).headers["location"] == "/en/staff/sign-in"


async def test_who_lost_the_role_meanwhile_decides_nothing_that_was_staged(registration_app: RegistrationApp):
    await signed_in(registration_app)
    delegate_id = (await registration_app.register(category="guest", document_number="N-1")).json()["delegate_id"]
    staged = Staged(new_id(), "anna", "accredit", Reason(), [(delegate_id, 1)], utc_now(), "staged")
    accounts = store.metadata.tables["staff_accounts"]

    def demoted(tx: Any) -> None:
        tx.execute(accounts.update().values(role=Role.READ_ONLY.value))
        store.staging.stage(tx, staged)

    registration_app.database.transaction(demoted)
    registration_app.decider.wake()

    def ended() -> bool:
        with registration_app.database.connect() as tx:
            found = store.staging.find(tx, staged.staged_id)
        return found is not None and found.state == "failed"

    await until(ended)
    assert registration_app.delegate(delegate_id).status == "submitted"
