"""The command that writes the contract's files: it writes what changed, and releases nothing that breaks somebody."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from services.commands import operations
from shared import schema_export

app = typer.Typer()
operations.add_to(app)


def schemas(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["schemas", "--dir", str(folder), *options])


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}


def test_every_file_is_written_once(tmp_path: Path) -> None:
    assert schemas(tmp_path / "new").output.count("wrote") == len(schema_export.files())
    assert contents(tmp_path / "new") == schema_export.files()
    assert schemas(tmp_path / "new").output == ""


def test_a_check_names_what_is_out_of_date_and_writes_nothing(tmp_path: Path) -> None:
    schemas(tmp_path)
    assert schemas(tmp_path, "--check").exit_code == 0
    (tmp_path / "badge-status.json").write_text("{}")
    checked = schemas(tmp_path, "--check")
    assert checked.exit_code == 1
    assert "badge-status.json is out of date" in checked.output
    assert (tmp_path / "badge-status.json").read_text() == "{}"


def test_a_release_keeps_the_schemas(tmp_path: Path) -> None:
    assert schemas(tmp_path, "--release").exit_code == 0
    assert schema_export.read_released(tmp_path / "released") == schema_export.schemas()


def test_a_release_that_would_break_somebody_is_refused(tmp_path: Path) -> None:
    schemas(tmp_path, "--release")
    before = schema_export.schemas()["badge-status"]
    before["properties"]["tray"] = {"type": "string"}
    file = tmp_path / "released" / "badge-status.json"
    file.write_text(json.dumps(before))
    refused = schemas(tmp_path, "--release")
    assert refused.exit_code == 2
    assert "badge-status: in a record of the version before, `tray` is not known any more" in refused.output
    assert json.loads(file.read_text()) == before
