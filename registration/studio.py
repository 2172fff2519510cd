"""Reads uploaded files in threads, few at once: a picture at the limit takes a second and some hundred MiB."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from registration.letter import LetterFile
from registration.letter_files import letter_of
from registration.portraits import Area, Picture, Portrait, picture_of, portrait_of

AT_ONCE = 2

T = TypeVar("T")


class Studio:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._letters = asyncio.Semaphore(1)

    async def portrait(self, file: bytes, area: Area | None = None) -> Portrait:
        """As `portrait_of`; raises `NotAPicture`."""
        return await self._in_turn(partial(portrait_of, file, area))

    async def picture(self, file: bytes) -> Picture:
        """As `picture_of`; raises `NotAPicture`."""
        return await self._in_turn(partial(picture_of, file))

    async def letter(self, file: bytes) -> LetterFile:
        """As `letter_of`; raises `NotALetter`. One at a time, and no photo waits for it: one PDF may take long."""
        async with self._letters:
            return await asyncio.to_thread(letter_of, file)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)
