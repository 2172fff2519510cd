"""The examples for who writes a form: the page, in a browser and from another origin, and the script that signs."""

import functools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from registration.callers.form_keys import FormKey, keep_form_key
from registration.callers.signatures import new_secret
from registration.queries import DelegateFilter, find_delegates
from shared.database import Database
from shared.keys import key_hash
from tests.browser.serving import served
from tests.browser.test_public_pages import page_of
from tests.registration_examples import TINY

EXAMPLES = Path(__file__).parents[2] / "examples"
ANSWERS = {
    "delegation": "aarhus-institute-human-rights-security",
    "person/given_name": "Wanjiru",
    "person/family_name": "Kamau",
    "person/function": "Legal adviser",
    "person/email": "w.kamau@relief.example",
    "person/birth_date": "1980-02-03",
    "person/document_number": "A1234567",
}
SECRET = new_secret()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        pass


@dataclass
class Forms:
    """Registration, the origin of the example page, and the keys `page`, `trying` and `signing`."""

    registration: str
    origin: str
    database: Database

    def registered(self) -> list[str]:
        found = self.database.transaction(lambda tx: find_delegates(tx, DelegateFilter(), None, TINY))
        return [each.person.family_name for each in found if each.person and each.person.family_name]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forms]:
    folder = tmp_path_factory.mktemp("forms")
    pages = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=EXAMPLES))
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{pages.server_port}"
    with served(folder) as registration:
        database = Database(f"sqlite:///{folder / 'registration.db'}", "registration")
        keep(database, FormKey("page", None, None, origins=frozenset({origin})))
        keep(database, FormKey("trying", None, None, origins=frozenset({origin}), test=True))
        keep(database, FormKey("signing", None, None), SECRET)
        yield Forms(registration, origin, database)
        database.close()
    pages.shutdown()
    pages.server_close()


def keep(database: Database, form: FormKey, secret: str | None = None) -> None:
    database.transaction(lambda tx: keep_form_key(tx, key_hash(form.name), form, secret))


async def sent(page: Page, forms: Forms, key: str, **changed: str) -> str:
    """Fill in the page of the examples as a person does, and send it with `key`; returns what it says."""
    await page.goto(f"{forms.origin}/form.html")
    form, output = page.locator("form"), page.locator("output")
    await form.evaluate("(form, data) => Object.assign(form.dataset, data)", {"registration": forms.registration, "key": key})
    for name, answer in {**ANSWERS, **changed}.items():
        await page.locator(f"[name='{name}']").fill(answer)
    await page.get_by_role("button").click()
    await page.wait_for_function("document.querySelector('output').textContent")
    return await output.inner_text()


async def test_the_page_tries_registers_and_says_what_is_wrong(browser: Browser, forms: Forms) -> None:
    page = await page_of(browser)
    assert "nobody was registered" in await sent(page, forms, "trying")
    assert forms.registered() == []
    wrong = await sent(page, forms, "trying", delegation="nowhere")
    assert "delegation:" in wrong
    assert "key" in await sent(page, forms, "unknown key")
    assert "Registered:" in await sent(page, forms, "page")
    assert forms.registered() == ["Kamau"]
    for name in ("person/given_name", "person/email", "person/document_number"):
        await page.locator(f"[name='{name}']").fill({"person/email": "second@relief.example"}.get(name, "Achieng"))
    output = page.locator("output")
    before = await output.inner_text()
    await page.get_by_role("button").click()
    await page.wait_for_function("before => document.querySelector('output').textContent !== before", arg=before)
    assert "Registered:" in await output.inner_text(), "another person on the same page"
    assert forms.registered() == ["Kamau", "Kamau"]


async def test_a_page_of_another_origin_gets_nothing(browser: Browser, forms: Forms) -> None:
    page = await page_of(browser)
    await page.goto(forms.origin.replace("127.0.0.1", "localhost") + "/form.html")
    ask = "(url) => fetch(url, {method: 'POST', headers: {Authorization: 'Bearer page'}}).then(() => 'read', () => 'kept away')"
    assert await page.evaluate(ask, f"{forms.registration}/delegates") == "kept away"


def test_the_script_signs(forms: Forms) -> None:
    answers = {name.removeprefix("person/"): answer for name, answer in ANSWERS.items() if name.startswith("person/")}
    other = {"family_name": "Otieno", "email": "o@relief.example", "document_number": "B7654321", "language": "en"}
    person = {"category": "civil-society", "delegation": ANSWERS["delegation"], "person": answers | other}

    def run(secret: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(EXAMPLES / "signed_post.py"), forms.registration, "signing", secret]
        return subprocess.run(command, input=json.dumps(person), capture_output=True, text=True, check=False)

    assert "401" in run(new_secret()).stderr
    assert json.loads(run(SECRET).stdout)["delegate_id"]
    assert "Otieno" in forms.registered()


def test_the_script_says_how_it_is_used() -> None:
    for given in ([], ["http://127.0.0.1:8000", "key"]):
        command = [sys.executable, str(EXAMPLES / "signed_post.py"), *given]
        ran = subprocess.run(command, input="", capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == "Usage: python signed_post.py ADDRESS KEY SECRET < person.json\n"
