"""Keys are shown once, kept as hashes, and taken at once by those who read them."""

import json
import os
import stat
from pathlib import Path

import pytest
import typer
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from registration.callers.form_keys import FormKey, find_form_key
from services.commands import operations
from shared.database import Database
from shared.keys import Role, StaffKey, StaffKeys, key_hash

TINY = Path(__file__).parents[2] / "conferences" / "tiny"

app = typer.Typer()
operations.add_to(app)


def keys(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments], env=environment)


class TestStaff:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "keys.toml"

    def add(self, file: Path, name: str = "badge desk", role: str = "badging") -> Result:
        return keys("staff", name, "--role", role, KEYS_FILE=str(file))

    def test_is_valid_with_its_name_and_role(self, file: Path) -> None:
        ran = self.add(file)
        assert ran.exit_code == 0, ran.output
        assert StaffKeys(file).find(ran.stdout.strip()) == StaffKey("badge desk", Role.BADGING)

    def test_may_say_whose_it_is(self, file: Path) -> None:
        ran = keys("staff", "desk", "--role", "accreditation", "--email", "Anna@Office.example", KEYS_FILE=str(file))
        held = StaffKeys(file).find(ran.stdout.strip())
        assert held == StaffKey("desk", Role.ACCREDITATION, "anna@office.example")
        assert "office" not in repr(held)
        wrong = keys("staff", "other", "--role", "accreditation", "--email", "anna", KEYS_FILE=str(file))
        assert (wrong.exit_code, "is not an e-mail address" in wrong.stderr) == (2, True)

    def test_is_alone_on_standard_output_and_not_in_the_file(self, file: Path) -> None:
        ran = self.add(file)
        [key] = ran.stdout.split()
        assert len(key) == 43
        assert key not in ran.stderr
        assert key not in file.read_text()
        assert key_hash(key) in file.read_text()

    def test_is_taken_by_a_service_that_runs(self, file: Path) -> None:
        first = self.add(file).stdout.strip()
        running = StaffKeys(file)
        assert running.find(first)
        second = self.add(file, "programme desk", "programme").stdout.strip()
        assert running.find(second) == StaffKey("programme desk", Role.PROGRAMME)
        assert running.find(first) == StaffKey("badge desk", Role.BADGING)

    def test_only_its_owner_may_read_the_file(self, file: Path) -> None:
        file.write_text('[keys.00ff]\nname = "old"\nrole = "read-only"')
        file.chmod(0o644)
        key = self.add(file).stdout.strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert StaffKeys(file).find(key)
        assert 'name = "old"' in file.read_text()

    def test_a_link_to_the_file_stays_a_link(self, file: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.toml"
        link.symlink_to(file)
        key = self.add(link).stdout.strip()
        assert link.is_symlink()
        assert StaffKeys(file).find(key)

    def test_a_name_is_given_once(self, file: Path) -> None:
        self.add(file)
        before = file.read_text()
        ran = self.add(file)
        assert ran.exit_code == 2
        assert "already" in ran.stderr
        assert (ran.stdout, file.read_text()) == ("", before)

    @pytest.mark.parametrize("name", ['"; x', "[a]\\", "bureau d’accréditation 前台"])
    def test_a_name_is_kept_as_it_is(self, file: Path, name: str) -> None:
        found = StaffKeys(file).find(self.add(file, name).stdout.strip())
        assert found is not None
        assert found.name == name

    @pytest.mark.parametrize("name", ["", " desk", "de\nsk", "\x1b[2J", "x" * 65])
    def test_a_name_that_would_harm_logs_is_refused(self, file: Path, name: str) -> None:
        ran = self.add(file, name)
        assert ran.exit_code == 2
        assert "\x1b" not in ran.output
        assert not file.exists()

    def test_a_file_that_is_not_valid_is_left_alone(self, file: Path) -> None:
        file.write_text("[keys")
        ran = self.add(file)
        assert ran.exit_code == 2
        assert "not valid TOML" in ran.stderr
        assert file.read_text() == "[keys"

    def test_a_failed_write_leaves_the_old_file(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.add(file)
        before = file.read_text()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        ran = self.add(file, "another")
        assert ran.exit_code == 2
        assert "No space left" in ran.stderr
        assert (ran.stdout, file.read_text()) == ("", before)

    def test_the_folder_must_be_there(self, tmp_path: Path) -> None:
        ran = self.add(tmp_path / "none" / "keys.toml")
        assert ran.exit_code == 2
        assert "correct KEYS_FILE" in ran.stderr

    def test_every_role_can_be_given(self, file: Path) -> None:
        for role in Role:
            assert self.add(file, role.value, role.value).exit_code == 0
        assert self.add(file, "other", "other").exit_code == 2


class TestForm:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        return {"REGISTRATION_DATABASE_URL": f"sqlite:///{tmp_path}/registration.db", "CONFERENCE_FOLDER": str(TINY)}

    def kept(self, environment: dict[str, str], key: str) -> FormKey | None:
        def find(tx: Connection) -> FormKey | None:
            return find_form_key(tx, key_hash(key))

        database = Database(environment["REGISTRATION_DATABASE_URL"], "registration")
        try:
            return database.transaction(find)
        finally:
            database.close()

    def test_may_register_all_where_nothing_is_named(self, environment: dict[str, str]) -> None:
        ran = keys("create", "foreign ministry", **environment)
        assert ran.exit_code == 0, ran.output
        assert self.kept(environment, ran.stdout.strip()) == FormKey("foreign ministry", None, None)

    def test_may_register_only_what_is_named(self, environment: dict[str, str]) -> None:
        category, delegation = "guest", "oslo"
        ran = keys("create", "mission", "--category", category, "--delegation", delegation, **environment)
        assert ran.exit_code == 0, ran.output
        expected = FormKey("mission", frozenset({category}), frozenset({delegation}))
        assert self.kept(environment, ran.stdout.strip()) == expected

    def test_unknown_categories_and_delegations_are_named(self, environment: dict[str, str]) -> None:
        ran = keys("create", "mission", "--category", "delegat", "--delegation", "zz", **environment)
        assert ran.exit_code == 2
        assert "category delegat" in ran.stderr
        assert "delegation zz" in ran.stderr
        assert ran.stdout == ""

    def test_a_name_is_given_once(self, environment: dict[str, str]) -> None:
        keys("create", "mission", **environment)
        ran = keys("create", "mission", **environment)
        assert ran.exit_code == 2
        assert "already" in ran.stderr
        assert ran.stdout == ""

    def test_another_services_database_is_refused(self, environment: dict[str, str]) -> None:
        other = Database(environment["REGISTRATION_DATABASE_URL"], "badging")
        other.migrate("badging:migrations")
        other.close()
        ran = keys("create", "mission", **environment)
        assert ran.exit_code == 2
        assert "belongs to badging" in ran.stderr

    def test_missing_settings_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("DATABASE_URL", "REGISTRATION_DATABASE_URL"):
            monkeypatch.delenv(name, raising=False)
        ran = keys("create", "mission")
        assert ran.exit_code == 2
        assert "DATABASE_URL" in ran.stderr

    def test_is_listed_with_all_that_holds_it_and_never_itself(self, environment: dict[str, str]) -> None:
        options = ("--rate", "20", "--origin", "https://forms.example", "--test")
        key = keys("create", "mission", *options, **environment).stdout.strip()
        ran = keys("list", "--json", **environment)
        [listed] = json.loads(ran.stdout)
        assert listed == {
            "name": "mission",
            "categories": None,
            "delegations": None,
            "rate": 20,
            "origins": ["https://forms.example"],
            "test": True,
            "signed": False,
            "revoked": False,
        }
        as_table = keys("list", **environment).output
        assert key not in ran.output + as_table
        assert "mission" in as_table

    def test_that_signs_has_a_secret_that_is_never_listed(self, environment: dict[str, str]) -> None:
        key, secret = keys("create", "ministry", "--signed", **environment).stdout.split()
        assert secret.startswith("whsec_")
        listed, as_table = keys("list", "--json", **environment).output, keys("list", **environment).output
        assert json.loads(listed)[0]["signed"] is True
        for shown in (listed, as_table):
            assert key not in shown
            assert secret not in shown

    def test_of_pages_cannot_sign(self, environment: dict[str, str]) -> None:
        ran = keys("create", "mission", "--origin", "https://forms.example", "--signed", **environment)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert ran.stderr.startswith("A page cannot sign: whoever opens it could read the secret there.")
        assert json.loads(keys("list", "--json", **environment).output) == []

    def test_revoked_is_known_no_more(self, environment: dict[str, str]) -> None:
        key = keys("create", "mission", **environment).stdout.strip()
        for _ in range(2):
            assert keys("revoke", "mission", **environment).exit_code == 0
        assert self.kept(environment, key) is None
        assert "revoked" in keys("list", **environment).output
        assert keys("revoke", "another", **environment).exit_code == 2

    @pytest.mark.parametrize("origin", ["forms.example", "https://forms.example/", "ftp://forms.example", "*", "null"])
    def test_what_is_no_origin_is_refused(self, environment: dict[str, str], origin: str) -> None:
        ran = keys("create", "mission", "--origin", origin, **environment)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert "no origin" in ran.stderr
