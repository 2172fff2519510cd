"""What staff see of notices, with which keys, and that it is neither an address nor what a notice says."""

from pathlib import Path

import httpx
import pytest

from notifications import records
from notifications.api import router
from notifications.convergence import address_hash
from notifications.outgoing import Refused
from shared.http import Readiness, http_app
from shared.ids import new_id
from shared.keys import Role, StaffKeys, key_hash
from tests import notification_examples as examples
from tests.notification_examples import received, registered
from tests.unit.notifications.conftest import Tables


def key(role: Role) -> str:
    return f"key-of-{role}"


@pytest.fixture
def api(tables: Tables, tmp_path: Path) -> httpx.AsyncClient:
    keys = "\n".join(f'[keys.{key_hash(key(role))}]\nname = "{role}"\nrole = "{role}"' for role in Role)
    (tmp_path / "keys.toml").write_text(keys, encoding="utf-8")

    async def ready() -> Readiness:
        return Readiness(ready=True, checks={})

    app = http_app("notifications", ready)
    app.include_router(router(tables.database, StaffKeys(tmp_path / "keys.toml")))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://notifications",
        headers={"Authorization": f"Bearer {key(Role.OPERATIONS)}"},
    )


def told(tables: Tables, *, refused: bool = False) -> str:
    """A delegate who was told of a registration, and of a new function which perhaps could not be delivered."""
    desk, converge = examples.desk(), examples.convergence().converge
    delegate = registered()
    tables.write(lambda tx: desk.take_delegates(tx, [received(delegate)]))
    tables.write(converge)
    tables.post()
    promoted = registered(delegate.delegate_id, revision=2, function="Pilot")
    tables.write(lambda tx: desk.take_delegates(tx, [received(promoted)]))
    tables.clock.pass_by(1)
    tables.write(converge)
    if refused:
        tables.post(lambda letter, at: Refused(letter.key, 550, address_hash(letter.address)))
    else:
        tables.post()
    return delegate.key


async def test_the_notices_to_a_delegate_with_their_kind_state_and_message_id(api: httpx.AsyncClient, tables: Tables) -> None:
    delegate = told(tables)
    answer = await api.get("/notices", params={"delegate": delegate})
    first, second = answer.json()["notices"]
    assert answer.status_code == 200
    assert (first["number"], first["kind"], first["state"]) == (1, "confirmation", "sent")
    assert (second["number"], second["kind"], second["message_id"]) == (2, "change", f"<{delegate}.2@port.example>")
    assert second["sent_at"] is not None
    assert not any(personal in answer.text for personal in ("Ada", "ada@", "Pilot", "Harbour"))


async def test_a_delegate_nobody_wrote_to_has_none(api: httpx.AsyncClient) -> None:
    assert (await api.get("/notices", params={"delegate": str(new_id())})).json() == {"notices": []}


async def test_what_could_not_be_delivered_is_listed_with_the_reply_code(api: httpx.AsyncClient, tables: Tables) -> None:
    told(tables)
    delegate = told(tables, refused=True)
    [notice] = (await api.get("/notices/undeliverable")).json()["notices"]
    assert (notice["delegate_id"], notice["number"], notice["reply_code"]) == (delegate, 2, 550)
    standing = tables.write(records.standing)
    assert (standing.due, standing.waiting, standing.undeliverable) == (0, 0, 1)


@pytest.mark.parametrize("path", ["/notices?delegate=01890000-0000-7000-8000-000000000000", "/notices/undeliverable"])
async def test_only_the_roles_that_need_it_may_read(api: httpx.AsyncClient, path: str) -> None:
    status = {role: (await api.get(path, headers={"Authorization": f"Bearer {key(role)}"})).status_code for role in Role}
    may = {Role.OPERATIONS, Role.READ_ONLY, Role.ACCREDITATION}
    assert status == {role: 200 if role in may else 403 for role in Role}
    assert (await api.get(path, headers={"Authorization": ""})).status_code == 401


@pytest.mark.parametrize("query", ["", "?delegate=nobody"])
async def test_a_delegate_must_be_named_by_id(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/notices{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "delegate"


def test_waiting_and_due_are_counted(tables: Tables) -> None:
    tables.write(lambda tx: examples.desk().take_delegates(tx, [received(registered()), received(registered())]))
    assert tables.write(records.standing).due == 2
    tables.write(examples.convergence().converge)
    standing = tables.write(records.standing)
    assert (standing.due, standing.waiting) == (0, 2)
