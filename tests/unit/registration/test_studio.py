"""Uploads are read where they harm nobody else: PDFs in a process that is ended when one of them takes too long."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from registration.letters import reader
from registration.letters.files import NotALetter
from registration.letters.pdf import MOST_PAGES
from registration.studio import Studio
from tests.pdfs import pdf, without_end
from tests.pictures import picture
from tests.waiting import until


@pytest_asyncio.fixture
async def here() -> AsyncIterator[Studio]:
    studio = Studio()
    running = asyncio.create_task(studio.letter_reader.run())
    yield studio
    studio.letter_reader.close()
    await running


def process_of(studio: Studio) -> asyncio.subprocess.Process:
    process = studio.letter_reader._process
    assert process is not None
    return process


async def refused(studio: Studio, file: bytes) -> str:
    with pytest.raises(NotALetter) as found:
        await studio.letter(file)
    return found.value.code


async def test_one_process_reads_one_letter_after_another(here: Studio):
    letters = await asyncio.gather(*(here.letter(pdf(pages=pages)) for pages in (1, 2, 3)))
    assert [each.pages for each in letters] == [1, 2, 3]
    first = process_of(here)
    assert await refused(here, pdf(pages=MOST_PAGES + 1)) == "too-many-pages"
    assert await refused(here, pdf() + b"more") == "not-only-a-letter"
    assert process_of(here) is first


async def test_a_pdf_that_takes_too_long_is_refused_and_holds_nobody_up(here: Studio, monkeypatch: pytest.MonkeyPatch):
    await here.letter(pdf())
    stuck = process_of(here)
    monkeypatch.setattr(reader, "WITHIN_SECONDS", 1.0)
    looking = asyncio.create_task(refused(here, without_end()))
    await asyncio.gather(*(here.portrait(picture()) for _ in range(2)))
    assert await looking == "too-much"
    assert stuck.returncode == -signal.SIGKILL
    monkeypatch.undo()
    assert (await here.letter(pdf(pages=2))).pages == 2


async def test_who_goes_away_leaves_no_answer_for_the_next(here: Studio):
    await here.letter(pdf())
    asked = process_of(here)
    looking = asyncio.create_task(here.letter(without_end()))
    await asyncio.sleep(0)
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    assert (await here.letter(pdf(pages=2))).pages == 2
    assert process_of(here) is not asked


async def test_a_process_that_ended_is_begun_again(here: Studio):
    await here.letter(pdf())
    os.kill(process_of(here).pid, signal.SIGKILL)
    await process_of(here).wait()
    assert (await here.letter(pdf(pages=2))).pages == 2


async def test_a_process_that_was_killed_just_now_costs_nobody_their_letter(here: Studio):
    await here.letter(pdf())
    os.kill(process_of(here).pid, signal.SIGKILL)  # of which the service has yet to hear
    assert (await here.letter(pdf(pages=2))).pages == 2


async def test_a_letter_that_ends_its_process_twice_is_refused(here: Studio, monkeypatch: pytest.MonkeyPatch):
    ended = list[int]()

    async def end(process: asyncio.subprocess.Process, file: bytes) -> bytes:
        process.kill()
        ended.append(process.pid)
        return b""

    monkeypatch.setattr(reader, "_answer", end)
    assert await refused(here, pdf()) == "too-much"
    assert len(set(ended)) == 2
    monkeypatch.undo()
    assert (await here.letter(pdf(pages=2))).pages == 2


async def test_the_process_ends_with_the_service():
    studio = Studio()
    running = asyncio.create_task(studio.letter_reader.run())
    await studio.letter(pdf())
    process = process_of(studio)
    studio.letter_reader.close()
    await running
    assert process.returncode is not None


async def test_the_process_ends_where_the_service_was_killed():
    studio = Studio()
    await studio.letter(pdf())
    process = process_of(studio)
    assert process.stdin is not None
    process.stdin.close()
    await until(lambda: process.returncode is not None, "it ended with its input")
    assert process.returncode == 0
