"""Where a printer lays its sheets: a folder of PDF files, as a print spooler or a person takes them from there."""

import os
import tempfile
from pathlib import Path

ROOM_BYTES = 256 * 1024
"""Room for the largest badge, one with a photo, and some more."""


class Tray:
    """A folder of sheets. Every method raises `OSError` while it is missing, full or not to be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay(self, serial: str, pdf: bytes) -> Path:
        """Lay down one sheet, whole or not at all, and return where: `SERIAL.pdf`.

        If that lies there already, the same badge was printed before: the second sheet is `SERIAL-2.pdf`, to be seen
        and destroyed, and so on. It survives a loss of power.
        """
        unfinished = self._write(pdf)
        try:
            sheet = self._link(unfinished, serial)
        finally:
            unfinished.unlink(missing_ok=True)
        self._sync_folder()
        return sheet

    def check(self) -> None:
        """Return when a sheet could be laid down now: lay down one of no serial, and take it away again."""
        self.lay(".check", bytes(ROOM_BYTES)).unlink()

    def _write(self, content: bytes) -> Path:
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=self._folder)
        file = Path(name)
        try:
            with open(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            file.chmod(0o640)
        except OSError:
            file.unlink(missing_ok=True)
            raise
        return file

    def _link(self, unfinished: Path, serial: str) -> Path:
        """Give the file its name. Unlike a rename, a link never replaces a sheet, also where two printers share a tray."""
        sheet, number = self._folder / f"{serial}.pdf", 1
        while True:
            try:
                os.link(unfinished, sheet)
            except FileExistsError:
                number += 1
                sheet = self._folder / f"{serial}-{number}.pdf"
            else:
                return sheet

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
