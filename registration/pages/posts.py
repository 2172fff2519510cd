"""What browsers post: read into answers by name, and counted, so that nobody posts too often."""

from urllib.parse import parse_qsl

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from shared.http import limited, read_body
from shared.problems import Problem
from shared.said import Said, say

FORM_TYPE = "application/x-www-form-urlencoded"
FILE_FORM_TYPE = "multipart/form-data"
MAX_ANSWERS = 400
BESIDE_A_FILE = 16 * 1024
"""What a form that brings a file has room for beside it."""


class HourlyLimit:
    """How often one address, or whatever else is named, may do a thing within an hour, by the memory of this process."""

    def __init__(self, times: int) -> None:
        self._limit = RateLimitItemPerHour(times)
        self._counted = MovingWindowRateLimiter(MemoryStorage())

    def count(self, name: str, title: Said, detail: Said) -> None:
        """Count once more for `name`; raises 429 where that is too often."""
        if not self._counted.hit(self._limit, name):
            raise Problem(429, "too-many", title, detail, headers={"Retry-After": "3600"})


def client_of(request: Request) -> str:
    return request.client.host if request.client else ""


async def posted_file(request: Request, name: str, most: int) -> tuple[dict[str, list[str]], bytes]:
    """The answers of a form, and the file that it was posted with under `name`; raises 415, 413 and 400.

    No more than `most` bytes of a file are read, and little beside it.
    """
    if not request.headers.get("content-type", "").lower().startswith(FILE_FORM_TYPE):
        raise _wrong_type(FILE_FORM_TYPE)
    answers: dict[str, list[str]] = {}
    file = b""
    parser = MultiPartParser(request.headers, limited(request, most + BESIDE_A_FILE), max_files=1, max_fields=10)
    try:
        form = await parser.parse()
    except MultiPartException:
        raise _not_a_form() from None
    for field, value in form.multi_items():
        if isinstance(value, str):
            answers.setdefault(field, []).append(value)
        elif field == name:
            file = await value.read()
    await form.close()
    return answers, file


async def posted_answers(request: Request) -> dict[str, list[str]]:
    """What was posted, by name; raises 415, 413 and 400."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise _wrong_type(FORM_TYPE)
    body = await read_body(request)
    answers: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode("ascii"), strict_parsing=False, errors="strict", max_num_fields=MAX_ANSWERS):
            answers.setdefault(name, []).append(value)
    except ValueError:
        raise _not_a_form() from None
    return answers


def _wrong_type(expected: str) -> Problem:
    return Problem(
        415, "wrong-media-type", say("This media type is not taken here."), say("Send {expected}.", expected=expected)
    )


def _not_a_form() -> Problem:
    return Problem(400, "not-a-form", say("This is not what the form sends."), say("Open the form anew."))
