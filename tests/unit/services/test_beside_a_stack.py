"""Commands find the stack that runs in a folder: by `VAR`, which `make run` is told, or by `--var`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from registration.settings import RegistrationSettings
from services.commands.operations import add_to
from services.commands.terminal import load_beside_stack, registration_beside_stack
from services.embedded.stack_file import StackFile
from shared.database import Database
from shared.settings import KafkaSettings

app = typer.Typer()
add_to(app)


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stack on ports of its own, whose registration has its tables."""
    url = f"sqlite:///{tmp_path / 'registration.db'}"
    settings = {"REGISTRATION_DATABASE_URL": url, "REGISTRATION_PUBLIC_URL": "http://127.0.0.1:8400"}
    StackFile(processes=[], kafka="127.0.0.1:8404", settings=settings).write(tmp_path)
    database = Database(url, "registration")
    database.migrate("registration:migrations")
    database.close()
    for name in ("KAFKA_BOOTSTRAP_SERVERS", *settings):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("var")
def test_the_broker_is_the_stacks():
    assert load_beside_stack(KafkaSettings).kafka_bootstrap_servers == "127.0.0.1:8404"


@pytest.mark.usefixtures("var")
def test_an_account_is_opened_in_its_registration_and_its_link_leads_there():
    opened = CliRunner().invoke(app, ["staff", "add", "bob", "programme"])
    assert (opened.exit_code, "http://127.0.0.1:8400/en/staff/set-password?link=" in opened.output) == (0, True), opened.output
    assert "bob" in CliRunner().invoke(app, ["staff", "list"]).output


@pytest.mark.usefixtures("var")
@pytest.mark.parametrize(
    ("command", "listing", "named"),
    [
        ("keys create our-page --category civil-society", "keys list", "our-page"),
        ("focal-points add fr claire@mission.example Claire", "focal-points list", "claire@mission.example"),
    ],
)
def test_what_is_checked_against_the_conference_is_kept_in_its_registration(command: str, listing: str, named: str):
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    assert named in CliRunner().invoke(app, listing.split()).output


def test_people_are_simulated_in_its_registration(var: Path, monkeypatch: pytest.MonkeyPatch):
    assert registration_beside_stack() == "http://127.0.0.1:8400"
    monkeypatch.setenv("VAR", str(var / "none"))
    assert registration_beside_stack() == "http://127.0.0.1:8000"


def test_what_is_set_wins(var: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REGISTRATION_PUBLIC_URL", "https://conference.example")
    assert load_beside_stack(RegistrationSettings).own_url == "https://conference.example"
    file = var / "elsewhere"
    file.write_text("sqlite:////elsewhere.db")
    for name, value in {"REGISTRATION_DATABASE_URL_FILE": str(file), "DATABASE_URL": "sqlite:////elsewhere.db"}.items():
        with pytest.MonkeyPatch.context() as also:
            also.setenv(name, value)
            assert load_beside_stack(RegistrationSettings).database_url.get_secret_value() == "sqlite:////elsewhere.db"


def test_logs_are_those_of_the_folder_that_is_named(var: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    for folder, name in ((var, "service_ready"), (other, "agents_started")):
        (folder / "log").mkdir()
        line = {"timestamp": "2018-06-21T08:00:00.000000Z", "service": "badging", "level": "info", "event": name}
        (folder / "log" / "badging.jsonl").write_text(json.dumps(line) + "\n")
    assert "service_ready" in CliRunner().invoke(app, ["logs", "--no-follow"]).output
    assert "agents_started" in CliRunner().invoke(app, ["logs", "--var", str(other), "--no-follow"]).output
