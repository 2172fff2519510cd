"""Who is registered for the search, by every way there is, and what happens to them: each protected in another way."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx

from registration.callers.form_keys import FormKey, keep_form_key
from shared.database import Database
from shared.keys import Role, key_hash
from tests.integration.live_stack import LiveStack
from tests.integration.protected.canaries import ANSWER, DOCUMENT, EMAIL, FAMILY, GIVEN, PRINTED, canary
from tests.pdfs import pdf
from tests.pictures import picture
from tests.staff_accounts import Browser, add_account, signed_in_at, token_of
from tests.waiting import until

OWN, OTHER = "fr", "no"
"""The delegation whose people most of them are, and another."""
OTHER_FORM = "a form of another delegation"
NOBODY = "nobody"


@dataclass
class Someone:
    """`number` is that of their canaries."""

    number: int
    delegation: str = OWN
    protected: bool = True
    delegate_id: str = ""
    since: bool = False
    """Whether they were registered unprotected first."""


@dataclass
class Crowd:
    live: LiveStack
    people: list[Someone] = field(default_factory=list[Someone])
    visitors: dict[str, httpx.AsyncClient] = field(default_factory=dict[str, httpx.AsyncClient])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    session: str = ""
    staged: list[str] = field(default_factory=list[str])
    photo_links: list[str] = field(default_factory=list[str])
    uploads: list[str] = field(default_factory=list[str])
    """The pages on which a portrait is chosen of what was uploaded."""
    refusals: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return self.live.settings.url("registration")

    def someone(self, **known: Any) -> Someone:
        self.people.append(Someone(len(self.people), **known))
        return self.people[-1]

    async def ask(self, method: str, path: str, body: Any = None, by: str = "accreditation", **headers: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[by]}", **headers}
        return await self.live.http.request(method, f"{self.url}{path}", json=body, headers=headers)

    async def done(self, method: str, path: str, body: Any = None, by: str = "accreditation", **headers: str) -> Any:
        answer = await self.ask(method, path, body, by, **headers)
        assert answer.is_success, (method, path, answer.text)
        return answer.json()


def body_of(someone: Someone, *, arabic: bool = False, category: str = "security", printed: bool = False) -> dict[str, Any]:
    name = lambda kind: canary(someone.number, kind, arabic=arabic)  # noqa: E731
    person = {
        "given_name": name(GIVEN),
        "family_name": name(FAMILY),
        "function": f"Counsellor {someone.number}",
        "email": f"{canary(someone.number, EMAIL)}@people.example",
        "language": "ar" if arabic else "en",
        "birth_date": "1971-02-03",
        "document_number": canary(someone.number, DOCUMENT),
        **({"printed_name": name(PRINTED)} if printed else {}),
    }
    fields = {"accessibility": name(ANSWER)}
    asked = {"category": category, "delegation": someone.delegation, "protected": someone.protected}
    days = {"pass_days": ["2018-06-28"]} if category == "speaker" else {}
    return {**asked, **days, "person": person, "fields": fields}


def answers_of(body: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A request as what somebody types into the form."""
    given = {f"person/{name}": value for name, value in body["person"].items()}
    return {**given, "fields/accessibility": body["fields"]["accessibility"], "delegation": body["delegation"], **more}


async def doors_opened(crowd: Crowd) -> None:
    """An account of each role and the focal points of two delegations sign in; a form of the other has a key."""
    live, database = crowd.live, Database(crowd.live.settings.database("registration"), "registration")
    form = FormKey(OTHER_FORM, None, frozenset({OTHER}))
    links = {role: add_account(database, f"{role}-account", role) for role in Role}
    database.transaction(lambda tx: keep_form_key(tx, key_hash(OTHER_FORM), form))
    database.close()
    kinds = {each: live.stack.keys[each] for each in ("form", *Role)}
    crowd.keys = {**kinds, OTHER_FORM: OTHER_FORM, "a key of nobody's": "guessed", NOBODY: ""}
    crowd.visitors[NOBODY] = Browser(crowd.url).http
    for role, link in links.items():
        browser = await signed_in_at(Browser(crowd.url), link, f"{role}-account")
        crowd.visitors[role.value] = browser.http
    for delegation in (OWN, OTHER):
        crowd.visitors[f"focal point of {delegation}"] = (await focal_point(crowd, delegation)).http


async def focal_point(crowd: Crowd, delegation: str) -> Browser:
    email, browser = f"focal.point@{delegation}.example", Browser(crowd.url)
    named = {"focal_points": [{"name": "Focal Point", "email": email}]}
    await crowd.done("PUT", f"/delegations/{delegation}/focal-points", named)
    assert (await browser.send("/en/focal-point", {"email": email})).status_code == 303
    found: list[str] = []
    await until(lambda: found.extend(links_to(email, crowd.live.settings.mail_folder)) or found, "a link was mailed")
    address = found[0].removeprefix(crowd.url)
    answer = await browser.send("/en/focal-point/link", {"link": address.partition("link=")[2]}, form=address)
    assert answer.status_code == 303, answer.text
    return browser


def links_to(email: str, mailed: Path) -> list[str]:
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in mailed.glob("*.eml")]
    return [link for mail in mails if mail["To"] == email for link in re.findall(r"http\S+link=\S+", mail.get_content())]


async def registered(crowd: Crowd) -> None:
    """Everybody, by every way; whoever has to be decided on is accredited."""
    programme = await crowd.done("GET", "/sessions", by="read-only")
    crowd.session = programme["sessions"][0]["session_id"]
    for arabic in (False, True):  # not protected: what is found of them shows that the search can see
        await by_api(crowd, crowd.someone(protected=False), category="head-of-agency", arabic=arabic)
    for arabic in (False, True):
        await by_api(crowd, crowd.someone(), arabic=arabic, printed=True)
        await by_event(crowd, crowd.someone(), arabic=arabic)
        await by_focal_point(crowd, crowd.someone(), arabic=arabic)
        await by_api(crowd, crowd.someone(protected=False, since=True), category="head-of-agency", arabic=arabic)
        await by_public_form(crowd, crowd.someone(protected=False, since=True), arabic=arabic)
    waiting = crowd.someone()
    await by_api(crowd, waiting, category="speaker")
    await by_api(crowd, crowd.someone(delegation=OTHER))
    await until(lambda: told_who_waits(crowd), "the focal point was mailed that somebody waits")
    for delegation in (OWN, OTHER):
        await lettered(crowd, delegation)
    for someone in crowd.people:
        if someone is waiting:  # for the focal point, to the end
            continue
        if not someone.protected:
            await photographed(crowd, someone)
        if "endorsement" in (await crowd.done("GET", f"/delegates/{someone.delegate_id}")).get("needs", []):
            await crowd.done("POST", f"/delegates/{someone.delegate_id}/endorsement", {"decision": "endorse"})
        await crowd.done("POST", f"/delegates/{someone.delegate_id}/decision", {"decision": "accredit"})


def told_who_waits(crowd: Crowd) -> bool:
    """Whether the mail came; of the protected it tells the function."""
    mails = [file.read_bytes() for file in crowd.live.settings.mail_folder.glob("*.eml")]
    return any(b"focal-news" in each and f"Counsellor {crowd.people[-2].number}".encode() in each for each in mails)


async def lettered(crowd: Crowd, delegation: str) -> None:
    """The delegation's letter of credentials, which names all of its people."""
    names = " ".join(canary(each.number, GIVEN) for each in crowd.people if each.delegation == delegation)
    headers = {"Authorization": f"Bearer {crowd.keys['accreditation']}", "Content-Type": "application/pdf"}
    address = f"{crowd.url}/delegations/{delegation}/letter"
    answer = await crowd.live.http.put(address, content=pdf(text=names), headers=headers)
    assert answer.is_success, answer.text


async def photographed(crowd: Crowd, someone: Someone) -> None:
    headers = {"Authorization": f"Bearer {crowd.keys['accreditation']}", "Content-Type": "image/jpeg"}
    address = f"{crowd.url}/delegates/{someone.delegate_id}/photo"
    answer = await crowd.live.http.put(address, content=picture(), headers=headers)
    assert answer.is_success, answer.text


async def by_api(crowd: Crowd, someone: Someone, **also: Any) -> None:
    someone.delegate_id = (await crowd.done("POST", "/delegates", body_of(someone, **also), by="form"))["delegate_id"]


async def by_event(crowd: Crowd, someone: Someone, **also: Any) -> None:
    event = {
        "specversion": "1.0", "id": str(someone.number), "source": "/search", "type": "registration-submitted",
        "data": body_of(someone, **also),
    }  # fmt: skip
    headers = {"Content-Type": "application/cloudevents+json"}
    someone.delegate_id = (await crowd.done("POST", "/events", event, by="form", **headers))["delegate_id"]


async def by_focal_point(crowd: Crowd, someone: Someone, **also: Any) -> None:
    answers = answers_of(body_of(someone, **also), protected="yes")
    browser = browser_of(crowd, f"focal point of {someone.delegation}")
    await sent(crowd, someone, browser, f"/en/delegation/{someone.delegation}/add/security", answers)


async def by_public_form(crowd: Crowd, someone: Someone, **also: Any) -> None:
    answers = answers_of(body_of(someone, **also), pass_days="2018-06-28", protected="yes")
    browser = browser_of(crowd, NOBODY)
    receipt = await browser.get(await sent(crowd, someone, browser, "/en/register/speaker", answers))
    crowd.photo_links += re.findall(r'"/en/photo/([^"/]+)"', receipt.text)


def browser_of(crowd: Crowd, who: str) -> Browser:
    browser = Browser(crowd.url)
    browser.http = crowd.visitors[who]
    return browser


async def sent(crowd: Crowd, someone: Someone, browser: Browser, address: str, answers: dict[str, Any]) -> str:
    known = {each.delegate_id for each in crowd.people}
    answer = await browser.send(address, answers)
    assert answer.status_code == 303, answer.text
    listed = (await crowd.done("GET", "/delegates"))["delegates"]
    [someone.delegate_id] = {each["delegate_id"] for each in listed} - known
    return answer.headers["location"]


async def uploaded(crowd: Crowd) -> None:
    """A picture of which the portrait is not chosen yet: by a focal point, at the desk and by who registered themselves."""
    one, another = crowd.people[4], crowd.people[5]  # a later upload takes an earlier one's place
    pages = {
        f"focal point of {OWN}": f"/en/delegation/{OWN}/people/{one.delegate_id}/photo",
        "accreditation": f"/en/desk/people/{another.delegate_id}/photo",
        NOBODY: f"/en/photo/{crowd.photo_links[0]}",
    }
    for who, address in pages.items():
        http = crowd.visitors[who]
        token = token_of(await http.get(address))
        file = {"photo": ("me.jpg", picture(), "image/jpeg")}
        answer = await http.post(address, data={"token": token}, files=file)
        assert answer.status_code == 303, (address, answer.text)
        crowd.uploads.append(answer.headers["location"])


async def protected(crowd: Crowd) -> None:
    """Those who were not are protected now; and of those who are one is withdrawn, replaced, renamed, refused, staged."""
    for someone in crowd.people:
        if someone.since:
            someone.protected = True
            await crowd.done("PATCH", f"/delegates/{someone.delegate_id}", {"protected": True})
    _, _, withdrawn, replaced, renamed, *_, refused = crowd.people
    await crowd.done("POST", f"/delegates/{withdrawn.delegate_id}/withdrawal")
    next_one = crowd.someone()
    answer = await crowd.done("POST", f"/delegates/{replaced.delegate_id}/replacement", body_of(next_one))
    next_one.delegate_id = answer["registered"]["delegate_id"]
    names = {"given_name": canary(crowd.someone(delegate_id=renamed.delegate_id).number, GIVEN), "printed_name": None}
    await crowd.done("PATCH", f"/delegates/{renamed.delegate_id}", {"person": names})
    naming = {"decision": "refuse", "reason": f"{canary(refused.number, FAMILY).upper()} is known here"}
    assert (await crowd.ask("POST", f"/delegates/{refused.delegate_id}/decision", naming)).status_code == 422
    await crowd.done("POST", f"/delegates/{refused.delegate_id}/decision", {"decision": "refuse", "reason": "Known here"})
    desk = browser_of(crowd, "accreditation")
    staged = await desk.send("/en/desk", {"decision": "accredit", "chosen": f"{next_one.delegate_id} 1"})
    crowd.staged = [staged.headers["location"].rpartition("/")[2]]
    await desk.send(f"{staged.headers['location']}/undo", {}, form=staged.headers["location"])


async def mistaken(crowd: Crowd) -> None:
    """Requests with their names in them that are refused, each in another way: the answers and the logs must not keep them."""
    body = body_of(crowd.people[7], arabic=True)
    whole = json.dumps(body, ensure_ascii=False).encode()
    for content, media_type in (
        (whole[:-20], "application/json"),
        (whole.replace(b'"protected"', b'"protectd"'), "application/json"),
        (whole.replace(b"1971-02-03", b"Quexidb"), "application/json"),
        (whole, "application/json"),  # known already
        (whole, "text/plain"),
        (json.dumps([{"data": body}]).encode(), "application/cloudevents-batch+json"),
    ):
        for who in ("form", OTHER_FORM, "accreditation"):
            headers = {"Authorization": f"Bearer {crowd.keys[who]}", "Content-Type": media_type}
            answer = await crowd.live.http.post(
                f"{crowd.url}/{'events' if 'batch' in media_type else 'delegates'}", content=content, headers=headers
            )
            assert 400 <= answer.status_code < 500, answer.text
            crowd.refusals.append(answer.text)
    await browser_of(crowd, NOBODY).send("/en/staff/sign-in", {"account": canary(2, GIVEN), "password": "x"})
