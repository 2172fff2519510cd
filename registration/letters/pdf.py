"""Whether a PDF is no more than pages: it is looked at whole, object by object.

It runs in a process of its own (`registration.letters.reader`), since a PDF can be made to keep its reader busy for a
minute, and imports nothing of ours, so that this begins fast: a file comes after its length, its answer is a line.
"""

import io
import logging
import resource
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from pypdf import Configuration, PdfReader, apply_configuration
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject, StreamObject

MOST_PAGES = 20
MOST_OBJECTS = 10_000
MOST_PIXELS = 40_000_000
"""Of a picture in it."""
MOST_UNPACKED = 64 * 1024 * 1024
"""What everything in it but its pictures may unpack to."""
MOST_UNPACKED_AT_ONCE = 16 * 1024 * 1024
MOST_UNPACKED_SLOWLY = 128 * 1024
"""Where the reader goes byte by byte: on a busy machine a MiB takes it half a minute."""
MOST_SECONDS = 8.0
"""How long it may take; an ordinary one takes milliseconds."""
MOST_MEMORY = 1024**3
"""Bytes of addresses that the process may have."""
ALARM_SECONDS = 30
"""After which it ends by itself: whoever waited has gone, or was killed."""
LENGTH = struct.Struct("!I")

_ACTIVE_NAMES = frozenset({"/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/XFA", "/RichMediaContent", "/OnInstantiate"})
_ACTIVE_KINDS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/GoToR",
        "/Rendition",
        "/Movie",
        "/Sound",
        "/RichMedia",
        "/3D",
        "/EmbeddedFile",
    }
)
"""Of actions and annotations: whatever runs, sends, plays or opens something else. A link to an address does not by itself."""
_WITHIN = Configuration(
    zlib_maximum_output_length=MOST_UNPACKED_AT_ONCE,
    zlib_maximum_recovery_input_length=MOST_UNPACKED_SLOWLY,
    lzw_maximum_output_length=MOST_UNPACKED_SLOWLY,
    run_length_maximum_output_length=MOST_UNPACKED_SLOWLY,
    brotli_maximum_output_length=MOST_UNPACKED_AT_ONCE,
    page_tree_maximum_entries=MOST_OBJECTS,
    jbig2dec_binary=None,
)

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it has to say of a file, it quotes from the file


class NotPages(Exception):
    """It is not taken; the message is a code, of those in `registration.letters.files.WHY_NOT`."""


def pages_of(file: bytes) -> int:
    """How many pages it has. Blocks; raises `NotPages`."""
    try:
        with apply_configuration(_WITHIN):
            # Strict: a file that must be mended before it is read could be read otherwise by who opens it.
            return _looked_through(PdfReader(io.BytesIO(file), strict=True))
    except NotPages:
        raise
    except Exception:  # a reader raises anything over bytes that somebody made up
        raise NotPages("unreadable") from None


def _looked_through(reader: PdfReader) -> int:
    if reader.is_encrypted:
        raise NotPages("encrypted")
    unpacked, until = 0, time.monotonic() + MOST_SECONDS
    for each in _objects(reader):
        if _is_active(each):
            raise NotPages("active-content")
        if isinstance(each, StreamObject):
            unpacked += _unpacked(each)
        if unpacked > MOST_UNPACKED or time.monotonic() > until:
            raise NotPages("too-much")
    if (count := len(reader.pages)) > MOST_PAGES:
        raise NotPages("too-many-pages")
    if count == 0:
        raise NotPages("no-pages")
    return count


def _objects(reader: PdfReader) -> Iterator[PdfObject]:
    """Everything in the file, whether a page leads to it or not, and everything in that."""
    known = {(number, generation) for generation, numbers in reader.xref.items() for number in numbers}
    known |= {(number, 0) for number in reader.xref_objStm}
    if len(known) > MOST_OBJECTS:
        raise NotPages("too-much")
    yield from _within(reader.trailer)
    for number, generation in sorted(known):
        found = IndirectObject(number, generation, reader).get_object()
        if found is not None:
            yield from _within(found)


def _within(found: PdfObject) -> Iterator[PdfObject]:
    ahead = [found]
    while ahead:
        each = ahead.pop()
        yield each
        inner = each.values() if isinstance(each, DictionaryObject) else each if isinstance(each, ArrayObject) else ()
        ahead += [value for value in inner if isinstance(value, DictionaryObject | ArrayObject)]


def _is_active(each: PdfObject) -> bool:
    if not isinstance(each, DictionaryObject):
        return False
    named = {str(each[name]) for name in ("/S", "/Subtype", "/Type") if name in each}  # also where it is a reference
    return not (_ACTIVE_NAMES.isdisjoint(each) and _ACTIVE_KINDS.isdisjoint(named))


def _unpacked(stream: StreamObject) -> int:
    """How many bytes it unpacks to. A picture is measured by its pixels, as pictures are elsewhere."""
    if "/Subtype" in stream and str(stream["/Subtype"]) == "/Image":
        if int(str(stream["/Width"])) * int(str(stream["/Height"])) > MOST_PIXELS:
            raise NotPages("too-much")
        return 0
    return len(stream.get_data())


def _answer_to(file: bytes) -> str:
    try:
        return str(pages_of(file))
    except NotPages as error:
        return str(error)


def serve(files: BinaryIO, answers: BinaryIO) -> None:
    """Answer one file after another, until there are no more."""
    while length := files.read(LENGTH.size):
        signal.alarm(ALARM_SECONDS)
        answers.write(_answer_to(files.read(*LENGTH.unpack(length))).encode() + b"\n")
        answers.flush()
        signal.alarm(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    serve(sys.stdin.buffer, sys.stdout.buffer)
