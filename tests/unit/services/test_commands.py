"""What the commands say of what they cannot take."""

import re

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared.keys import Role


@pytest.mark.parametrize(
    ("command", "choices"),
    [
        ("staff add eve boss", list(Role)),
        ("keys staff eve --role boss", list(Role)),
        ("focal-points add oslo a@oslo.example Eve --role boss", ["primary", "backup"]),
        ("logs --level boss", ["debug", "info", "warning", "error"]),
    ],
)
def test_what_is_none_of_the_choices_is_said_in_a_sentence_that_names_them(command: str, choices: list[str]):
    ran = CliRunner().invoke(app, command.split(), env={"COLUMNS": "200"})
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", ran.stderr).split())
    assert ran.exit_code == 2
    named = ", ".join(f"'{each}'" for each in choices)
    assert f": 'boss' is not one of {named}." in said
    assert "Value error" not in said
