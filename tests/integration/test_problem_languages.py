"""Whatever is wrong is told in the caller's language, by every service; for programs it stays the same."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.events import LANGUAGES, MAX_EVENT_BYTES
from shared.ids import new_id
from shared.keys import Role
from tests.badging_app import authorization, badging_app
from tests.registration_app import RegistrationApp, body_of, registration_running
from tests.registration_examples import TINY

pytestmark = pytest.mark.asyncio(loop_scope="module")
in_every_other_language = pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])

EVENT = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted"}
BATCH = "application/cloudevents-batch+json"
SOMEBODY = new_id()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registration_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RegistrationApp]:
    folder = tmp_path_factory.mktemp("languages")
    async with registration_running(f"sqlite:///{folder / 'registration.db'}", TINY, folder) as app:
        yield app


async def register(app: RegistrationApp, language: str, **fields: Any) -> httpx.Response:
    """A registration that is refused, in that language."""
    answer = await app.ask("POST", "/delegates", json=body_of(**fields), headers={"Accept-Language": language})
    assert answer.status_code == 422, answer.text
    return answer


def details(answer: httpx.Response) -> dict[str, str]:
    return {each["pointer"]: each["detail"] for each in answer.json()["errors"]}


REFUSED = {"category": "guest", "delegation": "no", "time_zone": "Mars/Base", "sessions": ["pilots", "nowhere"]}


async def test_every_rule_that_is_broken_is_told_in_french(registration_app: RegistrationApp):
    answer = await register(registration_app, "fr-CA, en;q=0.5", **REFUSED)
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("fr", "Accept-Language")
    assert answer.json()["title"] == "La demande n’est pas valable."
    assert answer.json()["detail"].startswith("4 erreurs\u202f; rien n’a été enregistré.")
    assert details(answer) == {
        "/person/document_number": "Ce champ est obligatoire pour cette catégorie.",
        "/person/time_zone": "Ce n’est pas un fuseau horaire de la base de données IANA, tel que Europe/Paris.",
        "/sessions/0": "La séance pilots n’est pas ouverte à la catégorie guest.",
        "/sessions/1": "Il n’existe pas de séance «\u00a0nowhere\u00a0»\u202f; voir `GET /sessions`.",
    }


async def test_every_rule_that_is_broken_is_told_in_arabic(registration_app: RegistrationApp):
    answer = await register(registration_app, "ar", **REFUSED)
    assert answer.headers["Content-Language"] == "ar"
    assert answer.json()["title"] == "الطلب غير صحيح."
    assert answer.json()["detail"].startswith("\u20684\u2069 أخطاء؛ ولم يُحفظ شيء.")
    assert details(answer) == {
        "/person/document_number": "هذا الحقل إلزامي لهذه الفئة.",
        "/person/time_zone": "هذه ليست منطقة زمنية من قاعدة بيانات IANA، على غرار \u2068Europe/Paris\u2069.",
        "/sessions/0": "الجلسة \u2068pilots\u2069 غير مفتوحة للفئة \u2068guest\u2069.",
        "/sessions/1": "لا توجد جلسة باسم «\u2068nowhere\u2069»؛ انظروا \u2068`GET /sessions`\u2069.",
    }


async def test_what_is_wrong_with_a_field_by_itself_is_told_in_spanish(registration_app: RegistrationApp):
    body = body_of()
    del body["person"]["family_name"]
    body["person"] |= {"given_name": "A" * 161, "email": "ada", "language": "de", "function": "Pilot\u202e"}
    answer = await registration_app.ask("POST", "/delegates", json=body, headers={"Accept-Language": "es"})
    assert details(answer) == {
        "/person/family_name": "Este campo es obligatorio.",
        "/person/given_name": "Este texto tiene más de 160 caracteres.",
        "/person/email": "Esto no es una dirección de correo electrónico.",
        "/person/language": "Elija uno de estos valores: 'ar', 'zh', 'en', 'fr', 'ru' o 'es'.",
        "/person/function": "Este texto no debe contener el carácter de control U+202E.",
    }


async def test_faults_of_a_batch_are_told_by_index_in_russian(registration_app: RegistrationApp):
    batch = [EVENT | {"data": body_of(delegation="no")}, EVENT | {"id": "2", "data": body_of(category="pirate")}]
    answer = await registration_app.ask("POST", "/events", json=batch, headers={"Accept-Language": "ru", "Content-Type": BATCH})
    assert answer.json()["detail"].startswith("1 ошибка; ничего не сохранено.")
    assert details(answer) == {"/1/data/category": "Категории «pirate» нет; см. `GET /conference`."}


@pytest.mark.parametrize("wished", ["de", "", "*", "fr;q=0", "xx-invalid;;q", "de, en;q=0.1"])
async def test_who_wishes_none_of_the_six_is_answered_in_english(registration_app: RegistrationApp, wished: str):
    answer = await register(registration_app, wished, **REFUSED)
    assert answer.headers["Content-Language"] == "en"
    assert answer.headers["Vary"] == "Accept-Language"
    assert details(answer)["/person/document_number"] == "This category needs this field."


@dataclass(frozen=True)
class Asked:
    """A request that cannot be granted."""

    status: int
    method: str = "POST"
    path: str = "/delegates"
    by: str | None = "accreditation"
    sent: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


JSON = {"Content-Type": "application/json"}
REGISTRATION = [
    Asked(400, sent={"content": b"{"}, headers=JSON),
    Asked(400, sent={"content": b"[" * 999}, headers=JSON),
    Asked(400, sent={"content": b'{"a": 1, "a": 1}'}, headers=JSON),
    Asked(400, sent={"json": body_of()}, headers={"Idempotency-Key": "k" * 257}),
    Asked(401, by=None),
    Asked(401, by="mistyped"),
    Asked(403, by="read-only"),
    Asked(403, by="oslo-form", sent={"json": body_of(category="guest")}),
    Asked(403, path="/events", sent={"json": EVENT | {"type": "session-change-requested", "data": {"session_id": "pilots"}}},
          headers={"Content-Type": "application/cloudevents+json"}),
    Asked(404, "GET", "/nowhere"),
    Asked(404, "GET", f"/delegates/{SOMEBODY}"),
    Asked(404, path=f"/delegates/{SOMEBODY}/withdrawal"),
    Asked(405, "DELETE", "/conference"),
    Asked(413, sent={"content": b" " * (MAX_EVENT_BYTES + 1)}, headers=JSON),
    Asked(415, sent={"content": b"a,b"}, headers={"Content-Type": "text/csv"}),
    Asked(422, "GET", "/delegates/abc"),
    Asked(422, "GET", "/delegates?limit=many&status=lost&after=1"),
    Asked(422, sent={"json": {"person": 7, "sessions": "pilots", "protected": "yes", "pass_days": ["soon"], "x": 1}}),
    Asked(422, path="/events", sent={"json": EVENT | {"type": "delegate-registered"}},
          headers={"Content-Type": "application/cloudevents+json"}),
    Asked(422, path="/events", sent={"json": []}, headers={"Content-Type": BATCH}),
    Asked(422, path="/events", sent={"json": {}}),
]  # fmt: skip


@in_every_other_language
@pytest.mark.parametrize("asked", REGISTRATION, ids=lambda asked: f"{asked.status}-{asked.method}-{asked.path[:20]}")
async def test_only_the_words_change(registration_app: RegistrationApp, asked: Asked, language: str):
    english, told = [
        await registration_app.ask(
            asked.method, asked.path, asked.by, headers=asked.headers | {"Accept-Language": wished}, **asked.sent
        )
        for wished in ("en", language)
    ]
    assert english.status_code == asked.status, english.text
    assert_only_the_words_change(english, told, language)


@in_every_other_language
async def test_what_does_not_fit_a_registration_as_it_stands_is_told(registration_app: RegistrationApp, language: str):
    delegate = await registration_app.registered(
        given_name="Ada", family_name=f"Berg {language}", email=f"{language}@x.example"
    )

    async def decide() -> tuple[httpx.Response, httpx.Response]:
        accredit = {"json": {"decision": "accredit"}}
        path = f"/delegates/{delegate}/decision"
        english = await registration_app.ask("POST", path, headers={"Accept-Language": "en"}, **accredit)
        return english, await registration_app.ask("POST", path, headers={"Accept-Language": language}, **accredit)

    await registration_app.ask("POST", f"/delegates/{delegate}/withdrawal")
    english, told = await decide()
    assert english.status_code == 409
    assert_only_the_words_change(english, told, language)
    assert "withdrawn" not in told.text.split('"detail"')[1]
    await registration_app.ask("DELETE", f"/delegates/{delegate}")
    english, told = await decide()
    assert english.status_code == 410
    assert_only_the_words_change(english, told, language)


@in_every_other_language
async def test_badging_answers_in_the_callers_language(tmp_path: Path, language: str):
    async with badging_app(f"sqlite:///{tmp_path / 'badging.db'}", tmp_path) as badging:
        badge = badging.issue().badge_id
        asked: list[tuple[str, str, Role | None, Any]] = [
            ("GET", "/badges", None, None),
            ("POST", f"/badges/{badge}/reprint", Role.PROGRAMME, {"reason": "lost"}),
            ("POST", f"/badges/{badge}/reprint", Role.BADGING, {"reason": "bored", "priority": 1}),
            ("POST", f"/badges/{badge}/reprint", Role.BADGING, {"reason": "lost", "station": "gate-9"}),
            ("GET", f"/badges/{SOMEBODY}", Role.BADGING, None),
            ("GET", "/badges?serial=abc", Role.BADGING, None),
            ("GET", "/badges?serial=CT18-7K3M9-QXZ2F&limit=0", Role.BADGING, None),
            ("GET", "/badges/verify?credential=x&session=none", Role.BADGING, None),
        ]
        for method, path, role, body in asked:
            english, told = [
                await badging.http.request(method, path, json=body, headers={**authorization(role), "Accept-Language": wished})
                for wished in ("en", language)
            ]
            assert_only_the_words_change(english, told, language)


def assert_only_the_words_change(english: httpx.Response, told: httpx.Response, language: str) -> None:
    assert 400 <= english.status_code == told.status_code
    assert (english.headers["Content-Language"], told.headers["Content-Language"]) == ("en", language)
    assert "Accept-Language" in told.headers["Vary"].split(", ")
    before, after = english.json(), told.json()
    assert before.keys() == after.keys()
    assert (before["type"], before["status"]) == (after["type"], after["status"])
    for fault, same in zip(before.get("errors", []), after.get("errors", []), strict=True):
        assert (fault["pointer"], fault["code"]) == (same["pointer"], same["code"])
    for sentence, translated in zip(_sentences(before), _sentences(after), strict=True):
        assert translated
        assert translated != sentence


def _sentences(problem: dict[str, Any]) -> list[str]:
    return [each[name] for each in (problem, *problem.get("errors", [])) for name in ("title", "detail") if name in each]
