"""The audit trail over the API: paged, filtered, with nothing personal; and its head, signed as the command signs it."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import typer
from typer.testing import CliRunner

from registration.audit.entries import START, id_hash
from registration.audit.head import KEY_FILE, SignedHead
from services.commands import operations
from tests.registration_app import RegistrationApp, code, faults
from tests.staff_accounts import signed_in

cli = typer.Typer()
operations.add_to(cli)

GUEST = {"category": "guest", "document_number": "P-1"}


async def a_day(app: RegistrationApp) -> tuple[str, str]:
    """A guest of Oslo is accredited, refused by an account and erased; a member of Marseille is accredited by rule."""
    guest = await app.registered(**GUEST)
    member = await app.registered(by="form", delegation="marseille", given_name="Bo")
    await app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "accredit"})
    desk = await signed_in(app)
    await desk.send(f"/en/desk/people/{guest}", {"decision": "refuse", "reason": "Unknown to Ada Berg"})
    await app.ask("DELETE", f"/delegates/{guest}")
    return guest, member


async def entries(app: RegistrationApp, by: str = "read-only", **asked: Any) -> list[dict[str, Any]]:
    answer = await app.ask("GET", "/audit", by, params=asked)
    assert answer.status_code == 200, answer.text
    return [each["entry"] for each in answer.json()["entries"]]


async def test_the_trail_is_told_by_number_with_hashes_that_chain_and_nothing_personal(registration_app: RegistrationApp):
    guest, member = await a_day(registration_app)
    answer = await registration_app.ask("GET", "/audit", "operations")
    last = START
    for each in answer.json()["entries"]:
        last = hashlib.sha256(last + orjson.dumps(each["entry"], option=orjson.OPT_SORT_KEYS)).digest()
        assert last.hex() == each["hash"]
    told = [(each["entry"]["action"], each["entry"]["by"]["kind"]) for each in answer.json()["entries"]]
    assert told == [("accredit", "form"), ("accredit", "staff-key"), ("refuse", "account"), ("erase", "staff-key")]
    personal = ("Ada", "Berg", "ada@port.example", "P-1", "Unknown", guest, member)
    assert not [each for each in personal if each in answer.text]


async def test_it_is_filtered_by_delegate_delegation_action_and_kind(registration_app: RegistrationApp):
    guest, member = await a_day(registration_app)
    of_guest = ["accredit", "refuse", "erase"]
    for asked, found in (
        ({"delegate": guest}, of_guest),
        ({"delegate_sha256": id_hash(UUID(guest))}, of_guest),
        ({"delegate": member}, ["accredit"]),
        ({"delegation": "oslo"}, of_guest),
        ({"delegation": "marseille"}, ["accredit"]),
        ({"delegation": "marseille", "delegate": guest}, []),
        ({"delegation": "atlantis"}, []),
        ({"action": "accredit"}, ["accredit", "accredit"]),
        ({"kind": "account"}, ["refuse"]),
        ({"kind": "focal-point"}, []),
        ({"kind": "staff-key", "action": "erase", "delegation": "oslo"}, ["erase"]),
    ):
        assert [each["action"] for each in await entries(registration_app, **asked)] == found, asked


async def test_it_is_paged(registration_app: RegistrationApp):
    await a_day(registration_app)
    pages: list[list[int]] = []
    after: int | None = 0
    while after is not None:
        answer = (await registration_app.ask("GET", "/audit", params={"after": after, "limit": 3})).json()
        pages.append([each["entry"]["seq"] for each in answer["entries"]])
        after = answer["next_after"]
    assert pages == [[1, 2, 3], [4]]


@pytest.mark.parametrize("by", ["programme", "badging", "form", "oslo-form"])
async def test_who_watches_over_nothing_reads_none_of_it(registration_app: RegistrationApp, by: str):
    for path in ("/audit", "/audit/head"):
        assert code(await registration_app.ask("GET", path, by)) == "key-of-wrong-kind"


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"after": "-1"}, "after"),
        ({"after": "9" * 30}, "after"),
        ({"limit": "501"}, "limit"),
        ({"kind": "king"}, "kind"),
        ({"action": "crown"}, "action"),
        ({"delegate": "ada"}, "delegate"),
        ({"delegate_sha256": "A" * 64}, "delegate_sha256"),
        ({"delegation": "Oslo\0"}, "delegation"),
        ({"name": "ada"}, "name"),
    ],
)
async def test_what_is_asked_wrongly_is_named(registration_app: RegistrationApp, asked: dict[str, str], where: str):
    assert {pointer for pointer, _ in faults(await registration_app.ask("GET", "/audit", params=asked))} == {where}


async def test_the_head_is_signed_and_says_how_far_the_trail_goes(registration_app: RegistrationApp, tmp_path: Path):
    await a_day(registration_app)
    answer = await registration_app.ask("GET", "/audit/head", "operations")
    assert answer.status_code == 200, answer.text
    head = SignedHead.model_validate(answer.json())
    last = (await registration_app.ask("GET", "/audit")).json()["entries"][-1]
    assert (head.seq, head.hash) == (4, last["hash"])
    assert head.is_signed_by(head.public_key)
    assert not head.model_copy(update={"seq": 3}).is_signed_by(head.public_key)
    again = await registration_app.ask("GET", "/audit/head")
    assert again.json()["public_key"] == head.public_key
    key = tmp_path / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600


async def test_a_key_that_is_none_is_told_and_not_shown(registration_app: RegistrationApp, tmp_path: Path):
    (tmp_path / KEY_FILE).write_text("no key")
    answer = await registration_app.ask("GET", "/audit/head")
    assert (answer.status_code, code(answer)) == (503, "no-audit-key")
    assert "no key" not in answer.text.replace("There is no key", "")


class TestWithTheCommand:
    @pytest.fixture
    def registration_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_what_the_api_signed_the_command_holds_the_trail_against(
        self, registration_app: RegistrationApp, registration_url: str, tmp_path: Path
    ):
        await a_day(registration_app)
        kept = tmp_path / "head.json"
        kept.write_text((await registration_app.ask("GET", "/audit/head")).text)
        environment = {"REGISTRATION_DATABASE_URL": registration_url}
        verified = CliRunner().invoke(cli, ["audit", "verify", "--head", str(kept)], env=environment)
        assert (verified.exit_code, "It goes on from the head" in verified.stdout) == (0, True), verified.output
        by_command = CliRunner().invoke(cli, ["audit", "head"], env=environment)
        assert json.loads(by_command.stdout)["public_key"] == json.loads(kept.read_text())["public_key"]
