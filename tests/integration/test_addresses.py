"""Addresses at which there is nothing, or nothing that is done so: what a browser is shown, and what a program is told."""

import re
from xml.etree import ElementTree

import pytest

from tests.integration.test_who_may import PAGES, routes_of
from tests.registration_app import RegistrationApp, code

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.mark.parametrize("language", ["ar", "zh", "en", "fr", "ru", "es"])
async def test_a_mistyped_address_is_a_page_in_its_readers_language(registration_app: RegistrationApp, language: str):
    headers = {"Accept": BROWSER, "Accept-Language": f"{language}, en;q=0.5"}
    page = await registration_app.http.get("/programm", headers=headers)
    there = await registration_app.http.get(f"/{language}/programm")
    assert (page.status_code, page.headers["content-language"]) == (404, language)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == there.headers["content-security-policy"]
    assert page.headers["vary"] == "Accept, Accept-Language"
    title = there.text.partition("<h1>")[2].partition("</h1>")[0]
    assert f"<h1>{title}</h1>" in page.text


async def test_a_method_that_is_not_taken_is_a_page_to_a_browser_too(registration_app: RegistrationApp):
    page = await registration_app.http.post("/programme", headers={"Accept": BROWSER})
    assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD")
    assert "This address does not take this method." in page.text
    assert "openapi" not in page.text


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/json"])
async def test_what_is_only_read_takes_no_other_method(registration_app: RegistrationApp, accept: str):
    for path in ("/fr", "/fr/programme", "/fr/programme.ics", "/fr/sessions/welcome", "/fr/programme-desk"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            page = await registration_app.http.request(method, path, headers={"Accept": accept, "Accept-Language": "ar"})
            assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD"), (method, path)
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["content-language"] == "fr"


async def test_the_methods_of_a_page_are_those_that_it_takes(registration_app: RegistrationApp):
    for address, allowed in (("/en/staff/sign-in", "GET, HEAD, POST"), ("/en/staff/sign-out", "POST")):
        page = await registration_app.http.delete(address)
        assert (page.status_code, page.headers["allow"]) == (405, allowed)
    for method in ("GET", "POST", "DELETE"):
        assert (await registration_app.http.request(method, "/en/programm")).status_code == 404


async def test_each_page_can_be_asked_for_without_its_content(registration_app: RegistrationApp):
    for name, method, path in routes_of(registration_app.app):
        if name in PAGES and method == "GET" and "{" not in path:
            read, asked = [await registration_app.http.request(each, path) for each in ("GET", "HEAD")]
            assert (asked.status_code, asked.headers.keys()) == (read.status_code, read.headers.keys()), name
    assert (await registration_app.http.head("/en/staff/sign-out")).headers["allow"] == "POST"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", "application/problem+json"])
async def test_a_program_is_told_of_a_mistyped_address_as_of_every_problem(registration_app: RegistrationApp, accept: str):
    answer = await registration_app.http.get("/programm", headers={"Accept": accept, "Accept-Language": "fr"})
    assert (code(answer), answer.headers["content-language"]) == ("not-found", "fr")
    assert "/openapi.json" in answer.json()["detail"]
    assert answer.headers["vary"] == "Accept, Accept-Language"


async def test_a_page_names_the_sites_icon_and_browsers_find_it_where_they_look(registration_app: RegistrationApp):
    page = await registration_app.http.get("/ar/programme")
    assert "img-src 'self'" in page.headers["content-security-policy"]
    [address] = re.findall(r'<link rel="icon" type="image/svg\+xml" href="([^"]+)">', page.text)
    named, looked_for = await registration_app.http.get(address), await registration_app.http.get("/favicon.ico")
    assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert looked_for.headers["cache-control"] == "public, max-age=86400", "its address stays when the icon changes"
    for icon in (named, looked_for):
        assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
        drawn = ElementTree.fromstring(icon.content)
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
        assert not [each for each in drawn.iter() if "style" in each.attrib or each.tag.endswith(("style", "script"))]
