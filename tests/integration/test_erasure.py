"""What registration publishes of an erased person, taken by the other services' own use cases: void, wiped, told nothing."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import MetaData, select

from badging import store as badging_store
from badging.model import BadgeState
from badging.service import BadgeDesk
from notifications import store as notices_store
from registration.store import delegates
from shared.clock import utc_now
from shared.database import Database
from shared.events import DelegateRegistered, SessionChanged
from shared.settings import KafkaSettings
from shared.topics import DELEGATE_REGISTERED
from tests import parts
from tests.badging_desk import converge, look
from tests.integration.deployment import Deployment
from tests.integration.topic_reading import records_in
from tests.notifications_running import migrated_at, running
from tests.registration_app import KAFKA, RegistrationApp, registration_running
from tests.registration_examples import TINY
from tests.smtp_server import MailBox
from tests.waiting import until

_prefixes = parts.prefixes()
PERSONAL = ("Ada", "Berg", "ada@port.example", "Harbour master", "Pilot")


@pytest.fixture
def registration_url(tmp_path: Path, new_url: Callable[[Path], str]) -> str:
    return new_url(tmp_path / "registration.db")


@pytest.fixture
def badging(tmp_path: Path, new_url: Callable[[Path], str]) -> Iterator[Database]:
    database = Database(new_url(tmp_path / "badging.db"), "badging")
    database.migrate("badging:migrations")
    yield database
    database.close()


@pytest.fixture
def notices(tmp_path: Path, new_url: Callable[[Path], str]) -> Iterator[Database]:
    with migrated_at(new_url(tmp_path / "notifications.db")) as database:
        yield database


def published(app: RegistrationApp) -> list[DelegateRegistered | SessionChanged]:
    """What registration published since it was last asked."""
    facts = [each.fact for each in app.published()]
    app.forget_published()
    return [fact for fact in facts if isinstance(fact, DelegateRegistered | SessionChanged)]


def kept(database: Database, metadata: MetaData, *, beside: str = "outbox") -> str:
    """Everything in the tables, but what is on its way to Kafka."""
    with database.connect() as tx:
        return repr([tx.execute(select(each)).all() for each in metadata.sorted_tables if each.name != beside])


async def test_badging_voids_and_wipes_what_an_erased_person_had(registration_app: RegistrationApp, badging: Database):
    desk = BadgeDesk(TINY, KAFKA)
    delegate = await registration_app.registered(sessions=["pilots"])
    converge(badging, desk, *_registrations(registration_app))
    [badge] = look(badging, UUID(delegate)).badges
    assert badge.state is BadgeState.VALID
    assert "Ada Berg" in kept(badging, badging_store.metadata)

    await registration_app.ask("DELETE", f"/delegates/{delegate}")
    converge(badging, desk, *_registrations(registration_app))
    [badge] = look(badging, UUID(delegate)).badges
    assert (badge.state, badge.content, badge.credential) == (BadgeState.VOID, None, None)
    assert not any(personal in kept(badging, badging_store.metadata) for personal in PERSONAL)

    badging.transaction(lambda tx: desk.forget(tx, [delegate]))
    held = kept(badging, badging_store.metadata)
    assert badge.serial in held
    assert delegate not in held
    assert UUID(delegate).hex not in held


@pytest.mark.parametrize("told_of_the_change", [True, False])
async def test_notifications_tells_an_erased_person_nothing_and_wipes(
    registration_app: RegistrationApp, notices: Database, told_of_the_change: bool
):
    box = MailBox()
    delegate = await registration_app.registered(sessions=["pilots"])
    async with running(notices, box) as notifications:
        await notifications.take(*published(registration_app))
        await notifications.settled()
        assert box.to == ["ada@port.example"]

        await registration_app.ask("PATCH", f"/delegates/{delegate}", json={"person": {"function": "Pilot"}})
        amended = published(registration_app)
        await registration_app.ask("DELETE", f"/delegates/{delegate}")
        erased = published(registration_app)
        await notifications.take(*amended)
        if told_of_the_change:
            await notifications.settled()
        before = len(box.to)
        await notifications.take(*erased)
        await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"title": {"en": "Elsewhere"}})
        await notifications.take(*published(registration_app))
        standing = await notifications.settled()
    assert (standing.due, standing.waiting, len(box.to)) == (0, 0, before)
    assert not any(personal in kept(notices, notices_store.metadata) for personal in PERSONAL)

    notices.transaction(lambda tx: notifications.desk.forget(tx, [delegate]))
    assert delegate not in kept(notices, notices_store.metadata)


@pytest.mark.thorough
async def test_the_service_ends_the_key_of_whom_it_finds_erased_long_ago(tmp_path: Path, bootstrap: str):
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"erasure-{next(_prefixes)}.")
    deployment = Deployment(tmp_path, kafka)
    async with registration_running(deployment.environment["REGISTRATION_DATABASE_URL"], TINY, tmp_path) as app:
        delegate = await app.registered()
        await app.ask("DELETE", f"/delegates/{delegate}")
        long_ago = app.delegate(delegate).model_copy(update={"changed_at": utc_now() - timedelta(days=8)})
        aged = delegates.update().values(content=long_ago.model_dump_json())
        await app.database.write(lambda tx: tx.execute(aged))
        app.forget_published()

    def ended() -> bool:
        return [(each.key, each.value) for each in records_in(kafka, DELEGATE_REGISTERED)] == [(delegate.encode(), None)]

    with deployment.running("registration"):
        await until(lambda: asyncio.to_thread(ended), "the null is on the topic")


def _registrations(app: RegistrationApp) -> list[DelegateRegistered]:
    return [fact for fact in published(app) if isinstance(fact, DelegateRegistered)]
