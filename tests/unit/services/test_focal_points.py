"""Focal points are named on the command line: one by one, or all of a file, or none of it."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.commands import operations

TINY = Path(__file__).parents[2] / "conferences" / "tiny"

app = typer.Typer()
operations.add_to(app)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'registration.db'}"


def run(database: str, *arguments: str) -> Result:
    environment = {"REGISTRATION_DATABASE_URL": database, "CONFERENCE_FOLDER": str(TINY)}
    return CliRunner().invoke(app, ["focal-points", *arguments], env=environment)


def listed(database: str) -> list[list[str]]:
    return [line.split("\t") for line in run(database, "list").stdout.splitlines()]


def test_one_is_added_changed_and_removed(database: str):
    assert run(database, "add", "oslo", "Astrid@Oslo.example", "Astrid Vik").exit_code == 0
    assert run(database, "add", "oslo", "bo@oslo.example", "Bo").exit_code == 0
    assert listed(database) == [
        ["oslo", "primary", "astrid@oslo.example", "Astrid Vik"],
        ["oslo", "backup", "bo@oslo.example", "Bo"],
    ]
    second = run(database, "add", "oslo", "bo@oslo.example", "Bo", "--role", "primary")
    assert second.exit_code == 2
    assert "one primary" in second.stderr
    assert run(database, "add", "oslo", "ASTRID@oslo.example", "Astrid Vik-Berg").exit_code == 0
    assert ["oslo", "primary", "astrid@oslo.example", "Astrid Vik-Berg"] in listed(database), "no role was given: it stays"
    assert run(database, "add", "oslo", "ASTRID@oslo.example", "Astrid Vik-Berg", "--role", "backup").exit_code == 0
    assert ["oslo", "backup", "astrid@oslo.example", "Astrid Vik-Berg"] in listed(database)
    assert run(database, "remove", "oslo", " BO@oslo.example").exit_code == 0
    assert len(listed(database)) == 1
    assert run(database, "remove", "oslo", "bo@oslo.example").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "atlantis", "a@b.example", "A"), "no delegation 'atlantis' Nothing was added."),
        (("add", "Olso", "a@b.example", "A"), "no delegation 'Olso'. Is it oslo ("),
        (("add", "oslo", "nobody", "A"), "email: This is not an e-mail address."),
        (("add", "oslo", "a@b.example"), "--from FILE"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_added(database: str, arguments: tuple[str, ...], told: str):
    ran = run(database, *arguments)
    assert ran.exit_code == 2
    assert told in " ".join(ran.stderr.split())
    assert listed(database) == []


def test_a_file_is_added_whole(database: str, tmp_path: Path):
    file = tmp_path / "focal points.csv"
    file.write_text(
        'delegation,name,email,role\noslo,"Vik, Astrid",astrid@oslo.example,primary\nmarseille,Marius,m@marseille.example,\n',
        encoding="utf-8-sig",
    )
    assert run(database, "add", "--from", str(file)).exit_code == 0
    assert [each[0] for each in listed(database)] == ["marseille", "oslo"]
    assert listed(database)[1][3] == "Vik, Astrid"


def test_a_file_may_name_the_primary_one_after_others_of_whom_it_says_nothing(database: str, tmp_path: Path):
    file = tmp_path / "focal points.csv"
    file.write_text("delegation,name,email,role\noslo,Astrid,a@oslo.example,\noslo,Bo,bo@oslo.example,primary\n", "utf-8")
    assert run(database, "add", "--from", str(file)).exit_code == 0
    assert [each[1:3] for each in listed(database)] == [["primary", "bo@oslo.example"], ["backup", "a@oslo.example"]]


def test_every_faulty_line_of_a_file_is_named_and_none_is_taken(database: str, tmp_path: Path):
    file = tmp_path / "focal points.csv"
    lines = [
        "delegation,name,email,role",
        "oslo,Astrid,astrid@oslo.example,primary",
        "atlantis,Poseidon,p@sea.example,primary",
        "oslo,,nobody,chief",
        "oslo,Astrid,ASTRID@oslo.example,backup",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    ran = run(database, "add", "--from", str(file))
    assert ran.exit_code == 2
    told = ran.stderr.splitlines()
    assert [each.partition(":")[0] for each in told] == ["line 3", "line 4", "line 4", "line 4", "line 5", "Nothing was added."]
    assert "as on line 2" in told[4]
    assert listed(database) == []


def test_a_file_without_its_columns_is_told_so(database: str, tmp_path: Path):
    file = tmp_path / "focal points.csv"
    file.write_text("code;mail\n", encoding="utf-8")
    ran = run(database, "add", "--from", str(file))
    assert (ran.exit_code, "must name the columns" in ran.stderr) == (2, True)
