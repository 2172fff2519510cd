"""Where a printer lays its sheets: a folder of PDF files, as a print spooler or a person takes them from there."""

import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOM_BYTES = 256 * 1024
"""Room for the largest badge, one with a photo, and some more."""
_UNFINISHED = ".unfinished-"


class Sheet(NamedTuple):
    """A whole sheet that lies in the tray under no serial yet."""

    file: Path

    def lay(self, serial: str) -> Path:
        """Lay it down and return where: `SERIAL.pdf`.

        If that lies there already, the same badge was printed before: the second sheet is `SERIAL-2.pdf`, to be seen
        and destroyed, and so on. It survives a loss of power.
        """
        laid, number = self.file.with_name(f"{serial}.pdf"), 1
        while True:
            try:
                # Unlike a rename, a link never replaces a sheet, also where two printers share a tray.
                os.link(self.file, laid)
            except FileExistsError:
                number += 1
                laid = self.file.with_name(f"{serial}-{number}.pdf")
            else:
                _sync(self.file.parent)
                return laid


class Tray:
    """A folder of sheets. Every method raises `OSError` while it is missing, full or not to be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def holding(self, pdf: bytes) -> Generator[Sheet]:
        """A sheet that needs only to be laid down; one that is not is taken away again."""
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._folder)
        file = Path(name)
        try:
            with open(handle, "wb") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX)  # a living printer's, see `tidy`
                opened.write(pdf)
                opened.flush()
                os.fsync(opened.fileno())
                file.chmod(0o640)
                yield Sheet(file)
        finally:
            file.unlink(missing_ok=True)

    def check(self) -> None:
        """Return when a sheet could be laid down now: lay down one of no serial, and take it away again."""
        with self.holding(bytes(ROOM_BYTES)) as sheet:
            sheet.lay(".check").unlink()

    def tidy(self) -> None:
        """Take away what printers that were killed left unfinished; what another printer holds stays."""
        for file in self._folder.glob(f"{_UNFINISHED}*"):
            with suppress(OSError), file.open("r+b") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.unlink()


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
