"""The studio's turns: what one upload takes long for, no other kind waits for."""

import asyncio
import threading

import pytest

from registration import studio
from registration.letter import LetterFile
from registration.studio import Studio
from tests.pictures import picture


async def test_no_photo_waits_for_letters_that_take_long(monkeypatch: pytest.MonkeyPatch):
    may_end, looked_at = threading.Event(), list[bytes]()

    def slow(file: bytes) -> LetterFile:
        looked_at.append(file)
        assert may_end.wait(60)
        return LetterFile("", "application/pdf", file, 1)

    monkeypatch.setattr(studio, "letter_of", slow)
    here = Studio()
    letters = [asyncio.create_task(here.letter(name)) for name in (b"a", b"b", b"c")]
    try:
        async with asyncio.timeout(30):
            await asyncio.gather(*(here.portrait(picture()) for _ in range(2)))
        assert looked_at == [b"a"], "letters are looked at one at a time"
    finally:
        may_end.set()
    assert [each.content for each in await asyncio.gather(*letters)] == [b"a", b"b", b"c"]
