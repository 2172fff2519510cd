"""Every decision is in the audit trail, by whom it was taken, and nobody edits the trail unseen."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer
from sqlalchemy import Connection, select, update
from typer.testing import CliRunner, Result

from registration import store
from registration.audit.entries import Head, broken, chained, id_hash, reason_hash
from services.commands import operations
from tests.registration_app import RegistrationApp

ENTRIES = store.metadata.tables["audit_trail"]
HEAD = store.metadata.tables["audit_head"]
GUEST = {"category": "guest", "document_number": "P-1"}

cli = typer.Typer()
operations.add_to(cli)


async def decided(app: RegistrationApp, delegate_id: str, decision: str, **also: Any) -> None:
    answer = await app.ask("POST", f"/delegates/{delegate_id}/decision", json={"decision": decision, **also})
    assert answer.status_code == 200, answer.text


async def a_story(app: RegistrationApp) -> str:
    """One guest is taken under review, accredited, corrected, refused and erased; returns their id."""
    guest = await app.registered(by="form", **GUEST)
    await decided(app, guest, "review")
    await decided(app, guest, "accredit")
    await app.ask("PATCH", f"/delegates/{guest}", json={"person": {"function": "Pilot"}})
    await decided(app, guest, "refuse", reason="Unknown to Ada Berg")
    await app.ask("DELETE", f"/delegates/{guest}")
    return guest


def entries(app: RegistrationApp) -> list[dict[str, Any]]:
    with app.database.connect() as tx:
        return [json.loads(each.content) for each in store.trail.entries(tx)]


def wrong(app: RegistrationApp, kept: Head | None = None) -> str | None:
    with app.database.connect() as tx:
        return broken(store.trail.entries(tx), store.trail.head(tx), kept)


async def test_every_decision_is_kept_with_who_took_it_and_nothing_personal(registration_app: RegistrationApp):
    guest = await a_story(registration_app)
    told = entries(registration_app)
    assert [(each["action"], each["status"], each["revision"], each["by"]["name"]) for each in told] == [
        ("review", "under-review", 2, "accreditation desk"),
        ("accredit", "accredited", 3, "accreditation desk"),
        ("amend", "accredited", 4, "accreditation desk"),
        ("refuse", "refused", 5, "accreditation desk"),
        ("erase", "erased", 6, "accreditation desk"),
    ]
    assert [each["by"]["kind"] for each in told] == ["staff-key"] * 5
    assert {each["delegate_sha256"] for each in told} == {id_hash(UUID(guest))}
    assert guest not in repr(registration_app.rows()["audit_trail"])
    assert told[2]["amended"] == ["person"]
    assert told[3]["reason_sha256"] == reason_hash(UUID(guest), "Unknown to Ada Berg")
    text = json.dumps(told)
    assert not [each for each in ("Ada", "Berg", "ada@port.example", "Pilot", "P-1") if each in text]
    assert wrong(registration_app) is None


async def test_who_is_accredited_by_rule_is_in_the_trail_and_what_is_refused_or_tried_is_not(
    registration_app: RegistrationApp,
):
    await registration_app.registered(by="form")
    guest = await registration_app.registered(given_name="Bo", **GUEST)
    await registration_app.ask("POST", f"/delegates/{guest}/decision?dry_run=1", json={"decision": "accredit"})
    await registration_app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "refuse"})  # without reason
    await registration_app.ask("PATCH", f"/delegates/{guest}", json={"person": {"function": "Pilot"}})
    [told] = entries(registration_app)
    assert (told["action"], told["revision"], told["by"]) == ("accredit", 1, {"kind": "form", "name": "form"})


async def test_the_same_decision_again_is_no_other(registration_app: RegistrationApp):
    guest = await registration_app.registered(**GUEST)
    for _ in range(2):
        await decided(registration_app, guest, "accredit")
    assert len(entries(registration_app)) == 1


async def test_decisions_of_one_group_and_of_many_stand_in_one_chain(registration_app: RegistrationApp):
    names = ["Ada", "Bo", "Cy", "Di"]
    app = registration_app
    await app.together(*(app.register(given_name=each) for each in names))
    await asyncio.gather(*(app.register(delegation="marseille", email="m@port.example", given_name=each) for each in names))
    assert [each["seq"] for each in entries(app)] == list(range(1, 9))
    assert wrong(app) is None


TAMPERING: dict[str, Callable[[Connection], Any]] = {
    "Entry 2 is not what was written": lambda tx: tx.execute(
        update(ENTRIES).where(ENTRIES.c.seq == 2).values(content=_content(tx, 2).replace("accreditation desk", "nobody"))
    ),
    "Entry 3 is missing": lambda tx: tx.execute(ENTRIES.delete().where(ENTRIES.c.seq == 3)),
    "Entry 1 is missing": lambda tx: tx.execute(ENTRIES.delete().where(ENTRIES.c.seq == 1)),
    "Entry 2 is not what was written, or": lambda tx: _swap(tx, 2, 3),
    "Entry 4 stands under another delegate": lambda tx: tx.execute(
        update(ENTRIES).where(ENTRIES.c.seq == 4).values(delegate_hash=id_hash(UUID(int=0)))
    ),
    "The chain ends at entry 4, its head says entry 5": lambda tx: tx.execute(ENTRIES.delete().where(ENTRIES.c.seq == 5)),
    "its head says entry 0": lambda tx: tx.execute(HEAD.delete()),
}


def _content(tx: Connection, seq: int) -> str:
    return tx.execute(select(ENTRIES.c.content).where(ENTRIES.c.seq == seq)).scalar_one()


def _swap(tx: Connection, one: int, other: int) -> None:
    columns = (ENTRIES.c.delegate_hash, ENTRIES.c.content, ENTRIES.c.hash)
    rows = {each: tx.execute(select(*columns).where(ENTRIES.c.seq == each)).one()._asdict() for each in (one, other)}
    tx.execute(update(ENTRIES).where(ENTRIES.c.seq == one).values(rows[other]))
    tx.execute(update(ENTRIES).where(ENTRIES.c.seq == other).values(rows[one]))


@pytest.mark.parametrize("seen", TAMPERING)
async def test_what_is_edited_deleted_or_reordered_is_seen(registration_app: RegistrationApp, seen: str):
    await a_story(registration_app)
    registration_app.database.transaction(TAMPERING[seen])
    assert seen in (wrong(registration_app) or "")


def _cut(tx: Connection, last: int) -> None:
    """Cut the end off so that the trail itself is whole."""
    tx.execute(ENTRIES.delete().where(ENTRIES.c.seq > last))
    hashed = tx.execute(select(ENTRIES.c.hash).where(ENTRIES.c.seq == last)).scalar_one()
    tx.execute(update(HEAD).values(seq=last, hash=hashed))


def _write_anew(tx: Connection) -> None:
    """Change an entry and chain all that follows again, as whoever can write to the database could."""
    last = bytes(32)
    for seq in range(1, 6):
        content = _content(tx, seq).replace("accreditation desk", "nobody")
        last = chained(last, content)
        tx.execute(update(ENTRIES).where(ENTRIES.c.seq == seq).values(content=content, hash=last))
    tx.execute(update(HEAD).values(seq=5, hash=last))


@pytest.mark.parametrize(
    ("tampering", "seen"),
    [(lambda tx: _cut(tx, 3), "The chain ends at entry 3; it went to entry 5"), (_write_anew, "Entry 5 is another")],
)
async def test_only_a_head_that_was_kept_shows_an_end_cut_off_and_a_chain_written_anew(
    registration_app: RegistrationApp, tampering: Callable[[Connection], None], seen: str
):
    await a_story(registration_app)
    with registration_app.database.connect() as tx:
        kept = store.trail.head(tx)
    registration_app.database.transaction(tampering)
    assert wrong(registration_app) is None
    assert seen in (wrong(registration_app, kept) or "")


class TestCommands:
    @pytest.fixture
    def registration_url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.fixture
    def run(self, registration_url: str) -> Callable[..., Result]:
        def run(*arguments: str) -> Result:
            environment = {"REGISTRATION_DATABASE_URL": registration_url}
            return CliRunner().invoke(cli, ["audit", *arguments], env=environment)

        return run

    async def test_verify_export_and_head(self, registration_app: RegistrationApp, run: Callable[..., Result], tmp_path: Path):
        await a_story(registration_app)
        assert run("verify").exit_code == 0
        exported = [json.loads(line) for line in run("export").stdout.splitlines()]
        assert [each["entry"]["seq"] for each in exported] == [1, 2, 3, 4, 5]
        first, again = run("head"), run("head")
        assert first.exit_code == 0, first.output
        head = json.loads(first.stdout)
        assert (head["seq"], head["hash"]) == (5, exported[-1]["hash"])
        assert head["public_key"] == json.loads(again.stdout)["public_key"]
        assert (tmp_path / "audit-key.pem").stat().st_mode & 0o777 == 0o600
        kept = tmp_path / "head.json"
        kept.write_text(first.stdout)
        assert run("verify", "--head", str(kept)).exit_code == 0
        registration_app.database.transaction(lambda tx: _cut(tx, 3))
        assert run("verify").exit_code == 0
        cut = run("verify", "--head", str(kept))
        assert (cut.exit_code, "it went to entry 5" in cut.stderr) == (1, True)
        kept.write_text(json.dumps({**head, "seq": 3, "hash": exported[2]["hash"]}))
        assert run("verify", "--head", str(kept)).exit_code == 2, "a head that was edited is not what was signed"

    async def test_a_broken_chain_ends_with_exit_code_1(self, registration_app: RegistrationApp, run: Callable[..., Result]):
        await a_story(registration_app)
        registration_app.database.transaction(lambda tx: tx.execute(ENTRIES.delete().where(ENTRIES.c.seq == 2)))
        ran = run("verify")
        assert (ran.exit_code, "Entry 2 is missing" in ran.stderr) == (1, True)
