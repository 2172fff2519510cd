"""Letters of credentials: an uploaded PDF that does nothing but show its pages, or a picture, which is written anew.

What is uploaded is foreign: a PDF is looked at whole, object by object, and kept as it was signed or not at all. These
functions block, `pages_of` for up to a minute over a PDF that was made for it: `letter_reader` ends it before.
"""

import hashlib
import io
import logging
import time
from collections.abc import Iterator

from PIL import Image
from pypdf import Configuration, PdfReader, apply_configuration
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject, StreamObject

from registration.letter import LetterFile
from registration.portraits import MOST_PIXELS, NotAPicture, as_jpeg, is_something_else_as_well, upright
from shared.said import FieldFault, Said, say

MOST_BYTES = 10 * 1024 * 1024
"""Of a picture; of any letter that is taken in."""
MOST_PDF_BYTES = 5 * 1024 * 1024
MOST_PAGES = 20
MOST_OBJECTS = 10_000
MOST_UNPACKED = 64 * 1024 * 1024
"""What everything in a PDF but its pictures may unpack to."""
MOST_UNPACKED_AT_ONCE = 16 * 1024 * 1024
MOST_UNPACKED_SLOWLY = 128 * 1024
"""Where the reader goes byte by byte: on a busy machine a MiB takes it half a minute, which nothing cuts short."""
MOST_SECONDS = 8.0
"""How long a PDF may take to be looked at; an ordinary one takes milliseconds."""
PDF, JPEG = "application/pdf", "image/jpeg"
LEAST_SIDE = 500
"""The pixels of a picture's shorter side: with fewer a page cannot be read."""
LONGEST_SIDE = 2400

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
_BLANK = b"\0\t\n\f\r "

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it has to say of a file, it quotes from the file


WHY_NOT = {
    "empty": say("No file was sent."),
    "not-a-letter": say("This is no PDF and no picture. Send a PDF, JPEG, PNG or WebP file."),
    "too-small": say(
        "The picture is too small for its text to be read. Its shorter side needs {least} pixels.", least=LEAST_SIDE
    ),
    "pdf-too-large": say("The PDF is larger than {most} MiB.", most=MOST_PDF_BYTES // 1024**2),
    "not-only-a-letter": say("The file is a PDF and something else as well. Send the PDF alone."),
    "unreadable": say("The PDF cannot be read: it is damaged, or packed to be larger than it seems. Print it to a PDF again."),
    "encrypted": say("The PDF is encrypted. Send it without a password."),
    "active-content": say(
        "The PDF holds a script, another file, or something that opens or sends one. Print it to a PDF again."
    ),
    "too-many-pages": say("The PDF has more than {most} pages.", most=MOST_PAGES),
    "no-pages": say("The PDF has no pages."),
    "too-much": say("The PDF holds too much for a letter. Print it to a PDF again, or send a picture of it."),
}


class NotALetter(Exception):
    """It is not taken as a letter; the fault says why."""

    def __init__(self, code: str, detail: Said | None = None) -> None:
        """`detail` is what there is to say, where it is not one of `WHY_NOT`."""
        super().__init__(code)
        self.code, self.detail = code, detail or WHY_NOT[code]

    def fault(self, pointer: str) -> FieldFault:
        return FieldFault(pointer, self.code, self.detail)


def is_pdf(file: bytes) -> bool:
    return file.startswith(b"%PDF-")


def pdf_letter(file: bytes, pages: int) -> LetterFile:
    """A PDF that `pages_of` took, as it is kept."""
    return _kept(PDF, file, pages)


def picture_letter(file: bytes) -> LetterFile:
    """Any other upload, as it is kept. Raises `NotALetter`."""
    if not file:
        raise NotALetter("empty")
    try:
        return _kept(JPEG, _jpeg_of(file), 1)
    except NotAPicture as error:
        if error.code == "not-a-picture":
            raise NotALetter("not-a-letter") from None
        raise NotALetter(error.code, error.detail) from None


def _kept(media_type: str, content: bytes, pages: int) -> LetterFile:
    return LetterFile(hashlib.sha256(content).hexdigest(), media_type, content, pages)


def _jpeg_of(file: bytes) -> bytes:
    image = upright(file)
    if min(image.size) < LEAST_SIDE:
        raise NotALetter("too-small")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return as_jpeg(image, 82)


def pages_of(file: bytes) -> int:
    """How many pages a PDF has that is no more than pages. Raises `NotALetter`."""
    if len(file) > MOST_PDF_BYTES:
        raise NotALetter("pdf-too-large")
    if is_something_else_as_well(file) or not file.rstrip(_BLANK).endswith(b"%%EOF"):
        raise NotALetter("not-only-a-letter")
    try:
        with apply_configuration(_WITHIN):
            # Strict: a file that must be mended before it is read could be read otherwise by who opens it.
            return _looked_through(PdfReader(io.BytesIO(file), strict=True))
    except NotALetter:
        raise
    except Exception:  # a reader raises anything over bytes that somebody made up
        raise NotALetter("unreadable") from None


def _looked_through(reader: PdfReader) -> int:
    if reader.is_encrypted:
        raise NotALetter("encrypted")
    unpacked, until = 0, time.monotonic() + MOST_SECONDS
    for each in _objects(reader):
        if _is_active(each):
            raise NotALetter("active-content")
        if isinstance(each, StreamObject):
            unpacked += _unpacked(each)
        if unpacked > MOST_UNPACKED or time.monotonic() > until:
            raise NotALetter("too-much")
    if (count := len(reader.pages)) > MOST_PAGES:
        raise NotALetter("too-many-pages")
    if count == 0:
        raise NotALetter("no-pages")
    return count


def _objects(reader: PdfReader) -> Iterator[PdfObject]:
    """Everything in the file, whether a page leads to it or not, and everything in that."""
    known = {(number, generation) for generation, numbers in reader.xref.items() for number in numbers}
    known |= {(number, 0) for number in reader.xref_objStm}
    if len(known) > MOST_OBJECTS:
        raise NotALetter("too-much")
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
            raise NotALetter("too-much")
        return 0
    return len(stream.get_data())
