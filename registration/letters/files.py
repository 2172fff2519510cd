"""Letters of credentials: an uploaded PDF that does nothing but show its pages, or a picture, which is written anew.

What is uploaded is foreign: a PDF is looked at whole (`registration.letters.pdf`) and kept as it was signed or not at all.
"""

import hashlib

from PIL import Image

from registration.letters.letter import LetterFile
from registration.letters.pdf import MOST_PAGES
from registration.photos.portraits import NotAPicture, as_jpeg, is_something_else_as_well, upright
from shared.said import FieldFault, Said, say

MOST_BYTES = 10 * 1024 * 1024
"""Of a picture; of any letter that is taken in."""
MOST_PDF_BYTES = 5 * 1024 * 1024
PDF, JPEG = "application/pdf", "image/jpeg"
LEAST_SIDE = 500
"""The pixels of a picture's shorter side: with fewer a page cannot be read."""
LONGEST_SIDE = 2400

_BLANK = b"\0\t\n\f\r "

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
    """A PDF of which each object was looked at, as it is kept."""
    return _kept(PDF, file, pages)


def picture_letter(file: bytes) -> LetterFile:
    """Any other upload, as it is kept. Blocks for up to a second; raises `NotALetter`."""
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


def check_alone(file: bytes) -> None:
    """Raises `NotALetter` where a PDF is too large, or something else as well."""
    if len(file) > MOST_PDF_BYTES:
        raise NotALetter("pdf-too-large")
    if is_something_else_as_well(file):
        raise NotALetter("not-only-a-letter")
    if not file.rstrip(_BLANK).endswith(b"%%EOF"):  # it was cut off, or goes on behind its end
        raise NotALetter("not-only-a-letter" if b"%%EOF" in file else "unreadable")
