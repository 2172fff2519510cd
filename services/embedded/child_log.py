"""What a child process says, kept in a file that cannot grow without bound."""

import asyncio
import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
"""How many full logs are kept beside the current one: NAME.jsonl.1 is the newest of them."""
CHUNK = 64 * 1024


class ChildLog(RotatingFileHandler):
    """Appends a child's output to `file`, and begins a new file between two lines, never inside one.

    While the disk is full what is said is lost: a child that cannot log goes on with its work.
    """

    def __init__(self, file: Path, max_bytes: int = LOG_BYTES) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(file, maxBytes=max_bytes, backupCount=LOG_FILES, encoding="utf-8", errors="replace")
        self.terminator = ""

    async def listen(self, pipe: int) -> None:
        """Write all that comes out of a pipe's reading end, and close it, at its end or when cancelled."""
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), os.fdopen(pipe, "rb", 0))
        rest = b""
        try:
            while chunk := await output.read(CHUNK):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                self._write(lines + newline)
                if len(rest) > CHUNK:  # no line of a log: do not collect it for ever
                    self._write(rest)
                    rest = b""
            self._write(rest)
        finally:
            transport.close()

    def tail(self, characters: int = 2000) -> str:
        """Return the last of what was said."""
        with Path(self.baseFilename).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - characters))
            return file.read().decode(errors="replace") or "(nothing)"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the standard library's name
        """Go on."""

    def _write(self, text: bytes) -> None:
        if text:
            self.handle(logging.makeLogRecord({"msg": text.decode(errors="replace")}))
