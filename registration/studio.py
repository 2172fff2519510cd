"""Reads uploaded files: pictures in threads, few at once, since one at the limit takes a second and some hundred MiB."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from registration.letters.files import is_pdf, pdf_letter, picture_letter
from registration.letters.letter import LetterFile
from registration.letters.reader import LetterReader
from registration.photos.portraits import Area, Picture, Portrait, picture_of, portrait_of

AT_ONCE = 2

T = TypeVar("T")


class Studio:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.letter_reader = LetterReader()

    async def portrait(self, file: bytes, area: Area | None = None) -> Portrait:
        """As `portrait_of`; raises `NotAPicture`."""
        return await self._in_turn(partial(portrait_of, file, area))

    async def picture(self, file: bytes) -> Picture:
        """As `picture_of`; raises `NotAPicture`."""
        return await self._in_turn(partial(picture_of, file))

    async def letter(self, file: bytes) -> LetterFile:
        """What was uploaded, as it is kept; raises `NotALetter`. No picture waits for a PDF."""
        if is_pdf(file):
            return pdf_letter(file, await self.letter_reader.pages(file))
        return await self._in_turn(partial(picture_letter, file))

    async def _in_turn(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)
