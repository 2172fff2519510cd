"""Has PDFs looked at in a process of its own (`registration.letters.pdf`), which is ended where one of them takes too long.

The library that reads them is Python, and a PDF can be made to keep it busy for a minute: a thread cannot be ended.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from registration.letters import pdf
from registration.letters.files import WHY_NOT, NotALetter, check_alone
from shared.logs import get_log

log = get_log()

WITHIN_SECONDS = 15.0
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")


class LetterReader:
    """Looks at one file at a time. Its process begins with the first of them, and ends with `run`."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._closed = asyncio.Event()
        self._process: Process | None = None

    async def pages(self, file: bytes) -> int:
        """How many pages it has, where it is no more than pages; raises `NotALetter`, also after `WITHIN_SECONDS`."""
        check_alone(file)
        async with self._turn:
            answer = await self._looked_at(file)
            if not answer and not self._closed.is_set():  # it may have been killed, as where memory is short: try once more
                answer = await self._looked_at(file)
        return _read(answer)

    async def _looked_at(self, file: bytes) -> bytes:
        """The line that the process answers; empty where it ended instead. Raises `NotALetter` after `WITHIN_SECONDS`."""
        if self._process is None or self._process.returncode is not None:
            self._process = await _started()
        answer = b""
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                answer = await _answer(self._process, file)
        except TimeoutError:
            raise NotALetter("too-much") from None
        except OSError:
            pass  # it ended, and reads no more
        finally:
            if not answer:  # also where who asked went away: the next file's answer would be this one's
                log.warning("letter_reader_ended", bytes=len(file))
                await self._end()
        return answer

    async def run(self) -> None:
        try:
            await self._closed.wait()
        finally:
            await self._end()

    def close(self) -> None:
        self._closed.set()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


async def _started() -> Process:
    # What it says of a file, it may quote from the file: nobody reads its errors. It needs none of the service's settings.
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", pdf.__name__, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
    )


async def _answer(process: Process, file: bytes) -> bytes:
    """The line that it answers; empty where it ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pdf.LENGTH.pack(len(file)) + file)
    await process.stdin.drain()
    return await process.stdout.readline()


def _read(answer: bytes) -> int:
    line = answer.decode().strip()
    if line in WHY_NOT:
        raise NotALetter(line)
    if not line:
        raise NotALetter("too-much")
    return int(line)
