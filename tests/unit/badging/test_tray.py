"""The folder that a printer lays its sheets in."""

import subprocess
import sys
from pathlib import Path

import pytest

from badging.tray import Tray


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def lay(tray: Tray, serial: str, pdf: bytes) -> Path:
    with tray.holding(pdf) as sheet:
        return sheet.lay(serial)


def test_a_sheet_is_named_by_its_serial(tmp_path: Path) -> None:
    assert lay(Tray(tmp_path), "CT18-000001", b"sheet") == tmp_path / "CT18-000001.pdf"
    assert files(tmp_path) == {"CT18-000001.pdf": b"sheet"}


def test_a_second_sheet_of_the_same_badge_lies_beside_the_first(tmp_path: Path) -> None:
    for sheet in (b"first", b"second", b"third"):
        lay(Tray(tmp_path), "CT18-000001", sheet)
    assert files(tmp_path) == {"CT18-000001.pdf": b"first", "CT18-000001-2.pdf": b"second", "CT18-000001-3.pdf": b"third"}


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    Tray(tmp_path).check()
    assert files(tmp_path) == {}


@pytest.mark.parametrize("missing", ["not there", "a file/below"])
def test_a_missing_tray_is_an_os_error(tmp_path: Path, missing: str) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(OSError):
        Tray(tmp_path / missing).check()
    with pytest.raises(OSError):
        lay(Tray(tmp_path / missing), "CT18-000001", b"sheet")


def test_a_full_tray_is_an_os_error_and_keeps_no_part_of_a_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("badging.tray.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        lay(Tray(tmp_path), "CT18-000001", b"sheet")
    assert files(tmp_path) == {}


def test_what_a_killed_printer_left_unfinished_is_taken_away_and_what_a_living_one_holds_stays(tmp_path: Path) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from badging.tray import Tray\n"
        "with Tray(Path(sys.argv[1])).holding(b'half') as sheet: sheet.lay('CT18-000009'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    assert len(files(tmp_path)) == 2
    tray = Tray(tmp_path)
    with tray.holding(b"whole") as sheet:
        Tray(tmp_path).tidy()
        assert sorted(files(tmp_path)) == sorted([sheet.file.name, "CT18-000009.pdf"])
    assert list(files(tmp_path)) == ["CT18-000009.pdf"]


def test_a_sheet_that_is_not_laid_down_leaves_nothing(tmp_path: Path) -> None:
    with Tray(tmp_path).holding(b"whole"):
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == {}
