"""External forms: keys held to a rate, to pages, to validating alone, and to signatures by Standard Webhooks' own package."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from registration import store
from registration.callers.caller import Callers
from registration.callers.form_keys import FormKey, keep_form_key, revoke_form_key
from registration.callers.signatures import new_secret
from shared.keys import StaffKeys, key_hash
from tests.registration_app import RegistrationApp, body_of

PAGE, ELSEWHERE = "https://forms.example", "https://elsewhere.example"
JSON = {"content-type": "application/json"}
READS_AND_CHANGES = (
    ("GET", "/delegates"),
    ("GET", "/delegates/{}"),
    ("PATCH", "/delegates/{}"),
    ("POST", "/delegates/{}/withdrawal"),
    ("PUT", "/delegates/{}/sessions/pilots"),
    ("DELETE", "/delegates/{}/sessions/pilots"),
)


async def keep(app: RegistrationApp, key: str, secret: str | None = None, **held: Any) -> None:
    form = FormKey(key, None, None, **held)
    await app.database.write(lambda tx: keep_form_key(tx, key_hash(key), form, secret), announce=False)


def code(answer: httpx.Response) -> str:
    return answer.json()["type"].removeprefix("urn:lanyard:problem:")


class Signing:
    """A form that signs, as the package of the scheme does."""

    def __init__(self, app: RegistrationApp) -> None:
        self.app, self.secret = app, new_secret()

    async def kept(self) -> "Signing":
        await keep(self.app, "signing", self.secret)
        return self

    async def send(
        self,
        body: bytes = b"",
        message_id: str = "msg_1",
        at: datetime | None = None,
        *,
        method: str = "POST",
        path: str = "/delegates",
        sent: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Sign `body` and send it, or `sent` in its place."""
        at = at or datetime.now(UTC)
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(message_id, at, body.decode()),
        }
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.app.ask(
            method, path, "signing", content=body if sent is None else sent, headers=JSON | signed | changed
        )


@pytest.fixture
async def signing(registration_app: RegistrationApp) -> Signing:
    return await Signing(registration_app).kept()


def body(**fields: Any) -> bytes:
    return json.dumps(body_of(**fields)).encode()


async def test_what_is_signed_is_taken_once_however_often_it_comes(signing: Signing):
    first = await signing.send(body())
    assert first.status_code == 201
    again = await signing.send(body(), Idempotency_Key="another")
    assert (again.status_code, again.json()) == (201, first.json())
    assert code(await signing.send(body(given_name="Other", email="o@x.example"))) == "key-reused"


async def test_an_id_that_was_taken_is_good_for_nothing_else(signing: Signing):
    delegate = (await signing.send(body(), "msg_1")).json()["delegate_id"]
    other = (await signing.send(body(given_name="Other", email="o@x.example"), "msg_2")).json()["delegate_id"]
    withdrawn = await signing.send(b"", "msg_3", path=f"/delegates/{delegate}/withdrawal")
    assert withdrawn.json()["status"] == "withdrawn"
    replayed = await signing.send(b"", "msg_3", path=f"/delegates/{other}/withdrawal")
    assert code(replayed) == "key-reused"


async def test_a_key_that_signs_is_nothing_alone(signing: Signing):
    answer = await signing.app.ask("POST", "/delegates", "signing", json=body_of())
    assert (answer.status_code, code(answer)) == (401, "signature-needed")
    assert "not signed" in answer.json()["title"]
    answer = await signing.app.ask("GET", "/delegates", "signing")
    assert (answer.status_code, code(answer)) == (403, "key-reads-nothing")
    answer = await signing.send(b"", method="GET")
    assert (answer.status_code, code(answer)) == (403, "key-reads-nothing")
    said = await signing.app.ask("POST", "/delegates", "signing", json=body_of(), headers={"Accept-Language": "fr"})
    assert "signe" in said.json()["title"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"webhook_id": "msg_2"}, "signature-wrong"),
        ({"webhook_id": ""}, "signature-needed"),
        ({"webhook_timestamp": "0"}, "signature-wrong"),
        ({"webhook_timestamp": "1e9"}, "signature-wrong"),
        ({"webhook_signature": "v1,AAAA"}, "signature-wrong"),
        ({"webhook_signature": "v1,*"}, "signature-wrong"),
        ({"webhook_signature": "v1a,AAAA v2"}, "signature-wrong"),
    ],
)
async def test_what_does_not_fit_is_refused(signing: Signing, headers: dict[str, str], expected: str):
    answer = await signing.send(body(), **headers)
    assert (answer.status_code, code(answer)) == (401, expected)


async def test_one_byte_more_or_another_secret_is_refused(signing: Signing):
    assert code(await signing.send(body(), sent=body() + b" ")) == "signature-wrong"
    signing.secret = new_secret()
    assert code(await signing.send(body())) == "signature-wrong"


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_signature_of_another_time_is_refused(signing: Signing, minutes: int):
    answer = await signing.send(body(), at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert (answer.status_code, code(answer)) == (401, "signature-stale")
    assert (await signing.send(body(), at=datetime.now(UTC) + timedelta(minutes=minutes * 0.7))).status_code == 201


async def test_one_signature_of_several_is_enough(signing: Signing):
    at = datetime.now(UTC)
    of_new_secret = Webhook(new_secret()).sign("msg_1", at, body().decode())
    fitting = Webhook(signing.secret).sign("msg_1", at, body().decode())
    answer = await signing.send(body(), at=at, webhook_signature=f"{of_new_secret} v1a,x {fitting}")
    assert answer.status_code == 201


async def test_events_are_signed_too(signing: Signing):
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": body_of()}
    sent = json.dumps(event).encode()
    answer = await signing.send(sent, path="/events", content_type="application/cloudevents+json")
    assert answer.status_code == 201
    answer = await signing.send(sent, path="/events", content_type="application/cloudevents+json", sent=sent + b"\n")
    assert code(answer) == "signature-wrong"


async def test_a_secret_is_in_no_text_of_its_caller(signing: Signing):
    callers = Callers(signing.app.database, StaffKeys(None))
    caller = await callers.require({"authorization": "Bearer signing"}, forms=True)
    assert caller.signing_secret == signing.secret
    assert signing.secret not in repr(caller)


async def test_a_test_key_says_what_would_be_and_changes_nothing(registration_app: RegistrationApp):
    app = registration_app
    await keep(app, "trying", test=True)
    answer = await app.register("trying", key="1")
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": body_of()}
    headers = {"Content-Type": "application/cloudevents+json"}
    answer = await app.ask("POST", "/events", "trying", content=json.dumps(event), headers=headers)
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    wrong = await app.register("trying", category="nonsense")
    assert wrong.status_code == 422
    assert (await app.ask("GET", "/delegates")).json()["delegates"] == []
    assert (await app.register("form", key="1")).status_code == 201


@pytest.mark.parametrize("held", [{"test": True}, {"origins": frozenset({PAGE})}], ids=["test", "page"])
async def test_a_key_that_many_hold_neither_reads_nor_changes(registration_app: RegistrationApp, held: dict[str, Any]):
    await keep(registration_app, "known to many", **held)
    delegate = await registration_app.registered()
    for method, path in READS_AND_CHANGES:
        answer = await registration_app.ask(method, path.format(delegate), "known to many")
        assert (answer.status_code, code(answer)) == (403, "key-registers-only"), path


async def test_a_key_is_used_no_more_often_than_it_may_be(registration_app: RegistrationApp):
    await keep(registration_app, "slow", rate=2)
    await keep(registration_app, "other slow", rate=2)
    for number in range(2):
        assert (await registration_app.register("slow", category=str(number))).status_code == 422
    answer = await registration_app.register("slow")
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "too-many", "3600")
    assert "2 times an hour" in answer.json()["detail"]
    assert (await registration_app.register("other slow")).status_code == 201


async def preflight(app: RegistrationApp, origin: str, path: str = "/delegates") -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return await app.http.options(path, headers=asked)


async def test_only_pages_of_some_key_are_answered(registration_app: RegistrationApp):
    await keep(registration_app, "of page", origins=frozenset({PAGE}))
    for path in ("/delegates", "/events"):
        answer = await preflight(registration_app, PAGE, path)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-origin" not in (await preflight(registration_app, ELSEWHERE, path)).headers
    assert "access-control-allow-credentials" not in answer.headers
    other = await registration_app.http.options("/sessions", headers={"Origin": PAGE})
    assert "access-control-allow-origin" not in other.headers


async def test_each_page_may_use_only_its_own_key(registration_app: RegistrationApp):
    app = registration_app
    await keep(app, "of page", origins=frozenset({PAGE}))
    await keep(app, "of elsewhere", origins=frozenset({ELSEWHERE}))
    taken = await app.ask("POST", "/delegates", "of page", json=body_of(), headers={"Origin": PAGE})
    assert (taken.status_code, taken.headers["access-control-allow-origin"]) == (201, PAGE)
    for by in ("of elsewhere", "form"):
        refused = await app.ask("POST", "/delegates", by, json=body_of(), headers={"Origin": PAGE})
        assert (refused.status_code, code(refused)) == (403, "origin-not-allowed")
        assert refused.headers["access-control-allow-origin"] == PAGE, "the page may read why"
        assert "Accept-Language" in refused.headers["vary"]
    unknown = await app.ask("POST", "/delegates", "of page", json=body_of(), headers={"Origin": "null"})
    assert code(unknown) == "origin-not-allowed"
    assert "access-control-allow-origin" not in unknown.headers


async def test_a_revoked_key_opens_nothing_and_keeps_no_secret(signing: Signing):
    app = signing.app
    assert await app.database.write(lambda tx: revoke_form_key(tx, "signing"), announce=False)
    assert code(await signing.send(body())) == "key-unknown"
    secrets = await app.database.read(lambda tx: tx.execute(store.form_keys.select()).all())
    assert [each.signing_secret for each in secrets if each.name == "signing"] == [None]
