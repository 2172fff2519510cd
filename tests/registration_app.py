"""Registration in this process, over its real routes, intake and database, for tests.

Every answer that a test gets is held against the OpenAPI document: its status, media type and content must be there.
"""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI
from jsonschema_rs import Draft202012Validator
from sqlalchemy import Connection, delete, select

from registration import store
from registration.api import router
from registration.audit.head import HeadSigner
from registration.callers.caller import Callers
from registration.callers.form_keys import FormKey, keep_form_key
from registration.decisions.decider import Decider
from registration.delegate import Registration as Delegate
from registration.delegations.focal_news import Pace
from registration.intake.group_commit import Intake
from registration.intake.submitting import FrontDesk
from registration.mailer import Mailer
from registration.pages.focal_news_mail import FocalNewsPost
from registration.pages.focal_point import FocalDesk
from registration.pages.nowhere import answer_no_route
from registration.pages.photo_mail import PhotoPost
from registration.pages.public_form import PublicDesk
from registration.pages.sign_in_mail import SignInMail
from registration.pages.site import Site, languages
from registration.programme.seeding import seed_sessions
from registration.queries import find_delegate
from registration.service import Desk
from registration.settings import RegistrationSettings
from registration.staff.provider import Provider
from shared.clock import ConferenceClock
from shared.conference import Conference
from shared.database import POSTGRESQL_WRITERS, Database
from shared.events import FACTS, Fact
from shared.http import Readiness, add_routes, http_app
from shared.ids import new_id
from shared.keys import Role, StaffKeys, key_hash
from shared.mail_server import MailServer
from shared.settings import KafkaSettings
from tests.registration_examples import FORM, OSLO_FORM, submitted

URL = "http://registration.test"
AT_ONCE = Pace(gathered=timedelta(0), rest=timedelta(0))
KAFKA = KafkaSettings(topic_prefix="t.")
FORMS = {"form": FORM.form, "oslo-form": OSLO_FORM.form, "no-form": FormKey("nobody's form", frozenset(), frozenset())}


@dataclass(frozen=True, slots=True)
class Published:
    """An event as it waits in the outbox."""

    topic: str
    fact: Fact
    headers: Mapping[str, str]


@dataclass
class RegistrationApp:
    """The service as its callers see it. `by` is a staff role, a name of `FORMS`, or `None` for nobody."""

    app: FastAPI
    database: Database
    intake: Intake
    conference: Conference
    http: httpx.AsyncClient
    decider: Decider

    async def ask(self, method: str, path: str, by: str | None = "accreditation", **request: Any) -> httpx.Response:
        headers = {} if by is None else {"Authorization": f"Bearer {by}"}
        return await self.http.request(method, path, headers=headers | request.pop("headers", {}), **request)

    async def register(self, by: str = "accreditation", key: str | None = None, **fields: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.ask("POST", "/delegates", by, json=body_of(**fields), headers=headers)

    async def registered(self, **fields: Any) -> str:
        """Register somebody; returns their id."""
        answer = await self.register(**fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["delegate_id"]

    @asynccontextmanager
    async def writer_held(self) -> AsyncIterator[None]:
        """Keep the database's writers busy: what is asked meanwhile waits, and is not answered before the end."""
        writers = POSTGRESQL_WRITERS if self.database.is_postgresql else 1
        held, begun = threading.Event(), threading.Barrier(writers + 1)

        def wait(_: Connection) -> None:
            begun.wait(60)
            assert held.wait(60)

        holding = [asyncio.create_task(self.database.write(wait, announce=False)) for _ in range(writers)]
        await asyncio.to_thread(begun.wait, 60)
        try:
            yield
        finally:
            held.set()
            await asyncio.gather(*holding)

    async def together(self, *asked: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
        """Have requests decided in one group."""
        async with self.writer_held():
            before = asyncio.create_task(self.ask("POST", f"/delegates/{new_id()}/withdrawal"))
            await until(lambda: bool(self.intake.deciding))
            waiting = [asyncio.create_task(each) for each in asked]
            await until(lambda: self.intake.waiting == len(asked))
        await before
        return await asyncio.gather(*waiting)

    def rows(self) -> dict[str, list[Any]]:
        """Everything in the database."""
        with self.database.connect() as tx:
            return {
                table.name: sorted((tuple(row) for row in tx.execute(select(table))), key=repr)
                for table in store.metadata.sorted_tables
            }

    def rows_of_requests(self) -> dict[str, list[Any]]:
        """Everything but what mailers write by themselves, whenever they come to it."""
        return {name: rows for name, rows in self.rows().items() if name not in ("focal_news", "focal_mails")}

    def published(self) -> list[Published]:
        """Every event in the outbox, in order."""
        by_type = {each.event_type: each for each in FACTS}
        table = store.outbox.table.c
        with self.database.connect() as tx:
            rows = tx.execute(select(table.topic, table.key, table.value, table.headers).order_by(table.seq)).all()
        events: list[Published] = []
        for topic, key, value, packed in rows:
            headers = dict(orjson.loads(packed))
            fact = by_type[headers["ce_type"]].model_validate_json(value)
            assert key == fact.key.encode()
            events.append(Published(topic, fact, headers))
        return events

    def forget_published(self) -> None:
        self.database.transaction(lambda tx: tx.execute(delete(store.outbox.table)))

    def delegate(self, delegate_id: str) -> Delegate:
        """A delegate as stored."""
        with self.database.connect() as tx:
            found = find_delegate(tx, UUID(delegate_id))
        assert found
        return found


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until `condition` holds; what it looks at signals nothing."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def body_of(**fields: Any) -> dict[str, Any]:
    """The body of a request to register somebody."""
    return orjson.loads(submitted(**fields).model_dump_json(exclude_none=True))


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """The places and codes of every fault in a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {(fault["pointer"], fault["code"]) for fault in answer.json().get("errors", [])}


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    return document["type"].removeprefix("urn:lanyard:problem:")


@asynccontextmanager
async def registration_running(
    url: str,
    conference: Conference,
    folder: Path,
    *,
    outbox_limit: int = 100_000,
    form_posts_an_hour: int = 1000,
    smtp_port: int = 1,
    own_url: str = URL,
    provider: Provider | None = None,
    news_pace: Pace | None = AT_ONCE,
) -> AsyncIterator[RegistrationApp]:
    """The service on the database at `url`, migrated and seeded; its keys are the names of their roles and forms.

    It mails to `smtp_port` of this machine, with links to `own_url`; without `news_pace` nothing but sign-in links.
    """
    database = Database(url, "registration")
    await asyncio.to_thread(database.migrate, "registration:migrations")
    clock = ConferenceClock(conference.now)
    desk = Desk(conference, clock)
    intake = Intake(database, desk, KAFKA, outbox_limit=outbox_limit)
    await database.write(lambda tx: seed_sessions(tx, conference, KAFKA))
    await database.write(_keep_forms)
    site = Site(conference, database, intake, clock, languages())
    public_desk = PublicDesk(site, form_posts_an_hour)
    mail = SignInMail(conference, site.languages, public_desk.tokens, own_url, conference.contact)
    server = MailServer.at(f"smtp://127.0.0.1:{smtp_port}")
    photos = PhotoPost(conference, site.languages, public_desk.tokens, own_url, conference.contact)
    mailers: list[Mailer[Any]] = [Mailer(database, server, mail), Mailer(database, server, photos)]
    if news_pace is not None:
        news = FocalNewsPost(conference, site.languages, database, own_url, conference.contact, news_pace)
        mailers.append(Mailer(database, server, news))
    focal_desk = FocalDesk(site, public_desk.tokens, mailers[0].wake, form_posts_an_hour)
    decider = Decider(database, intake)
    callers = Callers(database, _staff_keys(folder))
    settings = RegistrationSettings.load({"REGISTRATION_DATABASE_URL": url, "KEYS_FILE": str(folder / "staff-keys.toml")})
    signer = HeadSigner(settings, database, lambda _: None)
    front_desk = FrontDesk(intake, callers, database, conference, public_desk, focal_desk, decider, signer, own_url, provider)
    app = http_app("Registration", _ready)
    add_routes(app, router(front_desk), answer_no_route(site))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    documented = _documented(app)
    reader = site.studio.letter_reader
    tasks = [intake.run, decider.run, reader.run, *(mailer.run for mailer in mailers)]
    working = [asyncio.create_task(task()) for task in tasks]
    hooks = {"response": [documented.check]}
    async with httpx.AsyncClient(transport=transport, base_url=URL, event_hooks=hooks) as client:
        yield RegistrationApp(app, database, intake, conference, client, decider)
    decider.close()
    reader.close()
    intake.close()
    for mailer in mailers:
        mailer.close()
    await asyncio.gather(*working)
    await asyncio.to_thread(database.close)


async def _ready() -> Readiness:
    return Readiness(ready=True, checks={})


def _keep_forms(tx: Any) -> None:
    known = set(tx.execute(select(store.form_keys.c.key_hash)).scalars())
    for key, form in FORMS.items():
        if key_hash(key) not in known:
            assert form
            keep_form_key(tx, key_hash(key), form)


def _staff_keys(folder: Path) -> StaffKeys:
    path = folder / "staff-keys.toml"
    path.write_text("".join(f'[keys.{key_hash(role)}]\nname = "{role} desk"\nrole = "{role}"\n' for role in Role))
    return StaffKeys(path)


class Documented:
    """What the OpenAPI document says may be answered."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self._paths = [
            (re.compile(re.sub(r"{[^}]+}", "[^/]+", path)), operations) for path, operations in document["paths"].items()
        ]

    async def check(self, answer: httpx.Response) -> None:
        await answer.aread()
        operation = self._operation(answer.request)
        if operation is None:
            page = not answer.headers.get("content-type", "").endswith("json")
            assert page or answer.status_code in (404, 405) or answer.request.url.path == "/openapi.json"
            return
        if answer.status_code == 500:
            return
        assert str(answer.status_code) in operation["responses"], f"{answer.status_code} is not documented: {answer.text}"
        content = operation["responses"][str(answer.status_code)]["content"]
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in content, f"{media_type} is not documented for {answer.status_code}"
        if media_type.endswith("json"):
            schema = {"components": self._components, **content[media_type]["schema"]}
            Draft202012Validator(schema, validate_formats=True).validate(answer.json())

    def _operation(self, request: httpx.Request) -> Mapping[str, Any] | None:
        found = [operations for path, operations in self._paths if path.fullmatch(request.url.path)]
        return found[0].get(request.method.lower()) if found else None


_known: list[Documented] = []


def _documented(app: FastAPI) -> Documented:
    """The document is the same whatever the conference, and takes longer to make than most tests to run."""
    if not _known:
        _known.append(Documented(app.openapi()))
    return _known[0]
