"""Every route of every service, and who gets past its door: with each kind of key, signed in as each, and as nobody.

The routes are the apps' own: one that is not in these tables fails, so that whoever adds it says who may.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.routing import Route

from notifications.api import router as notices
from registration.pages.posts import FORM_TYPE
from registration.pages.site import SHORT
from shared.database import Database
from shared.http import Readiness, add_routes, http_app
from shared.ids import new_id
from shared.keys import Role
from tests.badging_app import badging_app, staff_keys
from tests.integration.test_focal_points import signed_in as focal_point_signed_in
from tests.integration.test_letters import LETTER
from tests.integration.test_letters import give as give_letter
from tests.integration.test_photos import PHOTO, give, with_photos
from tests.registration_app import FORMS, RegistrationApp, registration_running
from tests.smtp_server import MailBox, smtp_server
from tests.staff_accounts import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = frozenset(Role)
EVERYBODY = frozenset({"everybody"})
ACCREDITATION, PROGRAMME, BADGING = frozenset({"accreditation"}), frozenset({"programme"}), frozenset({"badging"})
AUDITORS = ROLES - PROGRAMME - BADGING
ITS_FORMS, ALL_FORMS = frozenset({"form", "oslo-form"}), frozenset(FORMS)
OWN, OWN_OR_OTHER = frozenset({"focal point of oslo"}), frozenset({"focal point of oslo", "focal point of marseille"})
AT_DESK = frozenset({"accreditation account", "read-only account"})
ACCOUNTS = frozenset(f"{role} account" for role in Role)

PHOTOS = ("/LANG/delegation/{code}/people/{delegate_id}/photo", "/LANG/desk/people/{delegate_id}/photo", "/LANG/photo/{link}")


def _photo_pages(photo: str, give: frozenset[str], see: frozenset[str]) -> dict[str, frozenset[str]]:
    """Of what was uploaded, nothing is there to be chosen from, and nothing waits for a decision."""
    chosen = dict.fromkeys(
        (f"GET {photo}{page}" for page in ("/choose", "/picture", "/portrait", "/proposed")), frozenset[str]()
    )
    return {f"GET {photo}": give, f"GET {photo}/now": see, **chosen}


OF_ALL = {"GET /health": EVERYBODY, "GET /ready": EVERYBODY, "GET /metrics": EVERYBODY, "GET /openapi.json": EVERYBODY}
API: dict[str, frozenset[str]] = {
    **OF_ALL,
    "GET /conference": EVERYBODY,
    "GET /sessions": EVERYBODY,
    "PATCH /sessions": PROGRAMME,
    "PATCH /sessions/{session_id}": PROGRAMME,
    "POST /delegates": ACCREDITATION | ALL_FORMS,
    "OPTIONS /delegates": EVERYBODY,
    "POST /events": ACCREDITATION | PROGRAMME | ALL_FORMS,
    "OPTIONS /events": EVERYBODY,
    "GET /delegates": ROLES | ALL_FORMS,
    "GET /delegates/{delegate_id}": ROLES | ITS_FORMS,
    "PATCH /delegates/{delegate_id}": ACCREDITATION | ITS_FORMS,
    "POST /delegates/{delegate_id}/decision": ACCREDITATION,
    "POST /delegates/{delegate_id}/correction/decision": ACCREDITATION,
    "POST /delegates/{delegate_id}/endorsement": ACCREDITATION,
    "POST /delegates/{delegate_id}/withdrawal": ACCREDITATION | ITS_FORMS,
    "POST /delegates/{delegate_id}/replacement": ACCREDITATION | ALL_FORMS,  # what is asked is read before whose it is
    "DELETE /delegates/{delegate_id}": ACCREDITATION,
    "GET /delegates/{delegate_id}/photo": ROLES | ITS_FORMS,
    "PUT /delegates/{delegate_id}/photo": ACCREDITATION | ALL_FORMS,  # as above
    "PUT /delegates/{delegate_id}/sessions/{session_id}": ACCREDITATION | ITS_FORMS,
    "DELETE /delegates/{delegate_id}/sessions/{session_id}": ACCREDITATION | ITS_FORMS,
    "POST /decisions": ACCREDITATION,
    "GET /audit": AUDITORS,
    "GET /audit/head": AUDITORS,
    "GET /delegations/{code}/letter": ACCREDITATION,
    "GET /delegations/{code}/letter/file": ACCREDITATION,
    "PUT /delegations/{code}/letter": ACCREDITATION,
    "DELETE /delegations/{code}/letter": ACCREDITATION,
    "GET /delegations/{code}/focal-points": ACCREDITATION,
    "PUT /delegations/{code}/focal-points": ACCREDITATION,
    "DELETE /delegations/{code}/focal-points": ACCREDITATION,
}
PAGES: dict[str, frozenset[str]] = {
    "GET /": EVERYBODY,
    "GET /LANG": EVERYBODY,
    "GET /LANG/": EVERYBODY,
    "GET /static/FILE": EVERYBODY,
    "GET /favicon.ico": EVERYBODY,
    "GET /LANG/programme": EVERYBODY,
    "GET /LANG/programme.ics": EVERYBODY,
    "GET /LANG/sessions/{session_id}": EVERYBODY,
    "GET /LANG/sessions/{session_id}.ics": EVERYBODY,
    "GET /LANG/register": EVERYBODY,
    "GET /LANG/register/{category}": EVERYBODY,
    "GET /LANG/registered": frozenset(),  # with a receipt
    **{f"GET /{short}": EVERYBODY for short in SHORT},
    "GET /LANG/focal-point": EVERYBODY,
    "GET /LANG/focal-point/asked": EVERYBODY,
    "GET /LANG/focal-point/link": frozenset(),  # with a link
    "GET /LANG/staff/sign-in": EVERYBODY,
    "GET /LANG/staff/set-password": frozenset(),  # with a link
    "GET /LANG/delegation": OWN_OR_OTHER,
    "GET /LANG/delegation/{code}": OWN,
    "GET /LANG/delegation/{code}/order": OWN,
    "GET /LANG/delegation/{code}/add/{category}": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/amend": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/amend/{category}": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/replace": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/withdraw": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/endorsement": OWN,
    "GET /LANG/delegation/{code}/people/{delegate_id}/sessions": OWN,
    **_photo_pages("/LANG/delegation/{code}/people/{delegate_id}/photo", give=OWN, see=OWN),
    **_photo_pages("/LANG/desk/people/{delegate_id}/photo", give=frozenset({"accreditation account"}), see=AT_DESK),
    **_photo_pages("/LANG/photo/{link}", give=frozenset(), see=frozenset()),  # with a link
    "GET /LANG/delegation/{code}/letter": OWN,
    "GET /LANG/delegation/{code}/letter/file": OWN,
    "GET /LANG/desk/letters/{code}": AT_DESK,
    "GET /LANG/desk/letters/{code}/file": frozenset({"accreditation account"}),
    "GET /LANG/staff": ACCOUNTS,
    "GET /LANG/staff/account": ACCOUNTS,
    "GET /LANG/programme-desk": frozenset({"programme account"}),
    "GET /LANG/programme-desk/change": frozenset({"programme account"}),
    "GET /LANG/desk": AT_DESK,
    "GET /LANG/desk/people/{delegate_id}": AT_DESK,
    "GET /LANG/desk/staged/{staged_id}": frozenset(),  # none is staged
}
POSTED = {
    "POST /LANG/register/{category}",
    "POST /LANG/focal-point",
    "POST /LANG/focal-point/link",
    "POST /LANG/focal-point/sign-out",
    "POST /LANG/delegation/{code}/order",
    "POST /LANG/delegation/{code}/add/{category}",
    "POST /LANG/delegation/{code}/people/{delegate_id}/amend",
    "POST /LANG/delegation/{code}/people/{delegate_id}/amend/{category}",
    "POST /LANG/delegation/{code}/people/{delegate_id}/replace",
    "POST /LANG/delegation/{code}/people/{delegate_id}/withdraw",
    "POST /LANG/delegation/{code}/people/{delegate_id}/endorsement",
    "POST /LANG/delegation/{code}/people/{delegate_id}/sessions",
    *(f"POST {photo}{page}" for photo in PHOTOS for page in ("", "/choose")),
    "POST /LANG/staff/sign-in",
    "POST /LANG/staff/sign-out",
    "POST /LANG/staff/set-password",
    "POST /LANG/staff/account",
    "POST /LANG/programme-desk/change",
    "POST /LANG/desk",
    "POST /LANG/desk/people/{delegate_id}",
    "POST /LANG/desk/staged/{staged_id}/undo",
    "POST /LANG/delegation/{code}/letter",
    "POST /LANG/desk/letters/{code}",
    "POST /LANG/desk/letters/{code}/removal",
}
"""The pages' forms: whoever sends one without its token gets nowhere."""
BADGES = {
    **OF_ALL,
    **{
        f"GET /badges{rest}": ROLES - PROGRAMME for rest in ("", "/verify", "/{badge_id}", "/{badge_id}.pdf", "/{badge_id}.png")
    },
    "POST /badges/{badge_id}/reprint": BADGING,
}
NOTICES = {**OF_ALL, **dict.fromkeys(["GET /notices", "GET /notices/undeliverable"], ROLES - PROGRAMME - BADGING)}
KEYS = {**{role.value: role.value for role in Role}, **{form: form for form in FORMS}, "a wrong key": "guessed", "nobody": ""}


ANSWERS = {"decision": "withdraw", "email": "a@oslo.example"}


def name_of(route: Route, method: str) -> str:
    """A page of each language is one page."""
    path = re.sub(r"^/(\{language:language\}|ar|zh|en|fr|ru|es)(?=/|$)", "/LANG", route.path).replace(":uuid}", "}")
    return f"{method} {re.sub(r'^/static/.*', '/static/FILE', path)}"


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Each route once: its name here, its method, its address."""
    names = set[str]()
    for route in app.router.routes:
        if isinstance(route, Route):
            for method in sorted(set(route.methods or ()) - {"HEAD"}):
                name = name_of(route, method)
                if name not in names:
                    names.add(name)
                    yield name, method, re.sub(r"^/(\{language:language\}|ar)(?=/|$)", "/en", route.path)


def filled(path: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"{(\w+)(:uuid)?}", lambda found: str(values[found[1]]), path)


def got_past(answer: httpx.Response) -> bool:
    """Past the door: neither sent away nor told that there is nothing for them."""
    location = answer.headers.get("location", "")
    return answer.status_code not in (401, 403, 404) and not re.search("/staff/sign-in$|/focal-point$", location)


@dataclass(frozen=True)
class Place:
    """Registration, what its addresses are filled with, and browsers by who is signed in."""

    app: RegistrationApp
    values: Mapping[str, Any]
    visitors: Mapping[str, httpx.AsyncClient]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    conference, folder, box = with_photos(), tmp_path_factory.mktemp("who-may"), MailBox()
    url = f"sqlite:///{folder / 'registration.db'}"
    async with smtp_server(box), registration_running(url, conference, folder, smtp_port=box.port) as app:
        delegate_id = await app.registered(sessions=["welcome"])
        assert (await give(app, delegate_id)).status_code == 200
        for delegation in ("oslo", "no"):
            assert (await give_letter(app, delegation)).status_code == 200
        known = {"session_id": "welcome", "code": "oslo", "category": "guest", "link": "none"}
        values = {**known, "delegate_id": delegate_id, "staged_id": new_id()}
        yield Place(app, values, await visitors_of(app, box))


async def visitors_of(app: RegistrationApp, box: MailBox, roles: Iterable[Role] = Role) -> dict[str, httpx.AsyncClient]:
    visitors = {"nobody": Browser(app).http}
    for role in roles:
        visitors[f"{role} account"] = (await signed_in(app, f"{role}-account", role)).http
    for delegation in ("oslo", "marseille"):
        named = {"focal_points": [{"name": "Focal Point", "email": f"a@{delegation}.example"}]}
        assert (await app.ask("PUT", f"/delegations/{delegation}/focal-points", json=named)).status_code == 200
        await focal_point_signed_in(app, box, f"a@{delegation}.example")
        visitors[f"focal point of {delegation}"] = Browser(app).http
        visitors[f"focal point of {delegation}"].cookies.update(app.http.cookies)
        app.http.cookies.clear()
    return visitors


async def let_in(http: httpx.AsyncClient, method: str, address: str, key: str) -> bool:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    parameters = {"dry_run": "1"} if method not in ("GET", "OPTIONS") else {"delegate": str(new_id()), "credential": "x"}
    parameters = {} if address.partition("?")[0] in ("/delegates", "/conference", "/audit") and method == "GET" else parameters
    return got_past(await http.request(method, address, params=parameters, content=b"{}", headers=headers))


def expected(may: frozenset[str], everybody: Mapping[str, Any]) -> set[str]:
    return set(everybody) if may == EVERYBODY else set(may)


async def test_each_operation_of_registration_is_for_those_it_says(place: Place):
    app, values = place.app, {**place.values, "code": "no"}  # whose focal points are removed
    document = {name: (method, path) for name, method, path in routes_of(app.app) if name not in PAGES and name not in POSTED}
    assert document.keys() == API.keys()
    found = {
        name: {who for who, key in KEYS.items() if await let_in(app.http, method, filled(path, values), key)}
        for name, (method, path) in document.items()
    }
    assert found == {name: expected(may, KEYS) for name, may in API.items()}


async def test_each_page_is_for_those_it_says(place: Place):
    app, values, visitors = place.app, place.values, place.visitors
    pages = {name: path for name, method, path in routes_of(app.app) if method == "GET" and name not in API}
    assert pages.keys() == PAGES.keys()
    found = {
        name: {who for who, http in visitors.items() if passes(await http.get(filled(path, values)))}
        for name, path in pages.items()
    }
    assert found == {name: expected(may, visitors) for name, may in PAGES.items()}


def passes(answer: httpx.Response) -> bool:
    """A sign-in page that leads whoever is signed in to their own page has let them in."""
    return got_past(answer) or answer.request.url.path.removeprefix("/") in SHORT


async def test_no_form_of_a_page_is_taken_without_its_own_token(place: Place):
    """Not by whoever is signed in, with no token or with one that another browser was given; and nothing changes."""
    app, values, visitors = place.app, place.values, place.visitors
    forms = {name: path for name, method, path in routes_of(app.app) if method == "POST" and name not in API}
    assert forms.keys() == POSTED
    strange = re.search(r'name="token" value="([^"]+)"', (await Browser(app).get("/en/register/guest")).text)
    assert strange
    before = app.rows()
    for name, path in forms.items():
        for who, http in visitors.items():
            for token in ("", strange[1]):
                answers = {"token": token, **ANSWERS, "chosen": f"{values['delegate_id']} 1"}
                answer = await http.post(filled(path, values), data=answers, **sent_as(path))
                assert not got_past(answer), (name, who, answer.status_code)
    after = app.rows()
    assert {name for name in before if before[name] != after[name]} == set()


def sent_as(path: str) -> dict[str, Any]:
    """A page that takes a file takes no other form."""
    if path.endswith(("/letter", "/letters/{code}")):
        return {"files": {"letter": ("note.pdf", LETTER, "application/pdf")}}
    if path.endswith(("/photo", "/photo/{link}")):
        return {"files": {"photo": ("me.jpg", PHOTO, "image/jpeg")}}
    return {"headers": {"Content-Type": FORM_TYPE}}


async def test_who_is_signed_in_to_the_pages_has_no_key_to_the_api(place: Place):
    app, values, visitors = place.app, place.values, place.visitors
    for name, method, path in routes_of(app.app):
        if name in API and API[name] != EVERYBODY:
            for who, http in visitors.items():
                answer = await http.request(method, filled(path, values), content=b"{}")
                assert answer.status_code == 401, (name, who)


async def test_each_operation_of_badging_is_for_those_it_says(tmp_path: Path):
    async with badging_app(f"sqlite:///{tmp_path / 'badging.db'}", tmp_path) as badging:
        values = {"badge_id": badging.issue().badge_id}
        found = {
            name: {who for who, key in KEYS.items() if await let_in(badging.http, method, filled(path, values), key)}
            for name, method, path in routes_of(badging.app)
        }
    assert found == {name: expected(may, KEYS) for name, may in BADGES.items()}


async def test_each_operation_of_notifications_is_for_those_it_says(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'notifications.db'}", "notifications")
    database.migrate("notifications:migrations")

    async def ready() -> Readiness:
        return Readiness(ready=True, checks={})

    app = http_app("notifications", ready)
    add_routes(app, notices(database, staff_keys(tmp_path / "keys.toml")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifications.test") as http:
        found = {
            name: {who for who, key in KEYS.items() if await let_in(http, method, path, key)}
            for name, method, path in routes_of(app)
        }
    database.close()
    assert found == {name: expected(may, KEYS) for name, may in NOTICES.items()}
