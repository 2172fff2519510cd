"""Photos of people: an uploaded picture becomes a portrait in the badge's proportion, and nothing else of it is kept.

What is uploaded is foreign: it is read as JPEG, PNG or WebP alone, never larger than `MOST_PIXELS`, and written anew, so
that neither metadata nor anything hidden in it comes along. These functions block, for up to a second: call them in a thread.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from shared.said import FieldFault, Said, say

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
MOST_PORTRAIT_BYTES = 48 * 1024
"""What an event has room for, `shared.events.Photo`."""
PROPORTION = (7, 9)
"""Width to height: the badge prints 28 by 36 mm."""
LEAST = (210, 270)
"""The pixels that a portrait needs: fewer are seen as such in print."""
SIZE = (420, 540)
PICTURE_SIZE = 1600
"""The longest side of a picture while its portrait is chosen."""

_STEPS = ((1, 88), (1, 78), (1, 66), (1, 50), (0.7, 50), (0.5, 25))
"""How a portrait becomes small enough, by scale and quality. Even noise does at the last."""

_FORMATS = ("JPEG", "PNG", "WEBP")
_GROUND = (255, 255, 255)
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""
_MOST_CENTRAL_DIRECTORY = 65_557
"""Where, from its end, a ZIP file says what it holds."""

# Pillow warns above this and refuses twice as much when it opens a file, before anything is decoded.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


class NotAPicture(Exception):
    """No portrait can be made of it; the fault says why."""

    def __init__(self, code: str, detail: Said) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail

    def fault(self, pointer: str) -> FieldFault:
        return FieldFault(pointer, self.code, self.detail)


@dataclass(frozen=True, slots=True)
class Portrait:
    """A JPEG of at most `MOST_PORTRAIT_BYTES` in the badge's proportion, without metadata."""

    sha256: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Area:
    """The part of an upright picture that is printed, in hundredths of the picture's width and height.

    Its height follows from its width, by the badge's proportion.
    """

    left: float
    top: float
    width: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made ready for choosing its portrait: an upright JPEG without metadata, and its pixels."""

    jpeg: bytes
    width: int
    height: int


def picture_of(file: bytes) -> Picture:
    """What was uploaded, upright and of a size for screens. Raises `NotAPicture`."""
    image = upright(file)
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    _box(image.size, middle(*image.size))  # at least one portrait must be in it
    return Picture(as_jpeg(image, 90), *image.size)


def portrait_of(file: bytes, area: Area | None = None) -> Portrait:
    """The portrait in `area` of a picture, by default the largest in its middle. Raises `NotAPicture`."""
    image = upright(file)
    left, top, right, bottom = _box(image.size, area or middle(*image.size))
    image = image.crop((left, top, right, bottom))
    jpeg = b""
    for scale, quality in _STEPS:
        width = round(min(SIZE[0], right - left) * scale)
        size = (width, round(width * PROPORTION[1] / PROPORTION[0]))
        jpeg = as_jpeg(image.resize(size, Image.Resampling.LANCZOS), quality)
        if len(jpeg) <= MOST_PORTRAIT_BYTES:
            break
    return Portrait(hashlib.sha256(jpeg).hexdigest(), jpeg)


def middle(width: int, height: int) -> Area:
    """The largest area of a picture: in its middle, and nearer to its top, where faces are."""
    tall = width * PROPORTION[1] <= height * PROPORTION[0]
    across = 100.0 if tall else 100.0 * height * PROPORTION[0] / PROPORTION[1] / width
    return Area((100 - across) / 2, (100 - area_height(across, width, height)) / 3, across)


def area_height(across: float, width: int, height: int) -> float:
    """How high an area of this width is, in hundredths of the picture's height."""
    return across * width * PROPORTION[1] / PROPORTION[0] / height


def _box(size: tuple[int, int], area: Area) -> tuple[int, int, int, int]:
    """The area in pixels. Raises `NotAPicture` where it is not within the picture, or has too few."""
    width, height = size
    tall = area_height(area.width, width, height)
    inside = min(area.left, area.top) >= 0 and max(area.left + area.width, area.top + tall) <= 100.01
    if not inside:
        raise NotAPicture("area-outside", say("The part chosen lies outside the picture."))
    left, top = round(area.left * width / 100), round(area.top * height / 100)
    right = min(width, round((area.left + area.width) * width / 100))
    bottom = min(height, round((area.top + tall) * height / 100))
    if right - left < LEAST[0] or bottom - top < LEAST[1]:
        detail = say(
            "Its part for the badge has {width} by {height} pixels; it needs {least_width} by {least_height}. Take a larger "
            "picture, or a larger part of it.",
            width=right - left,
            height=bottom - top,
            least_width=LEAST[0],
            least_height=LEAST[1],
        )
        raise NotAPicture("too-small", detail)
    return left, top, right, bottom


def upright(file: bytes) -> Image.Image:
    """A picture in RGB, turned as its metadata say, and without them. Raises `NotAPicture`."""
    if (another := _something_else(file)) is not None:
        raise another
    image = _decoded(lambda: Image.open(io.BytesIO(file), formats=_FORMATS))
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()
    # A telephone's JPEG may hold a second picture, such as its depths; the first is the photo.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise NotAPicture("animated", say("The picture moves. Send one that does not."))
    return _decoded(lambda: _in_rgb(image))


def _in_rgb(image: Image.Image) -> Image.Image:
    image.draft("RGB", (2 * PICTURE_SIZE, 2 * PICTURE_SIZE))  # a JPEG is not decoded larger than needed
    orientation = _orientation(image)
    image.load()
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Image.new("RGB", image.size, _GROUND)
        image.paste(above, mask=above)
    turned = _UPRIGHT.get(orientation)
    image = image.convert("RGB")
    image.info.clear()  # a comment or profile would be written again
    return image if turned is None else image.transpose(turned)


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # metadata that cannot be read turn nothing
        return None


def _decoded(decode: Callable[[], Image.Image]) -> Image.Image:
    """What a decoder makes of foreign bytes. Whatever it raises over them, they are no picture."""
    try:
        return decode()
    except (Image.DecompressionBombError, MemoryError):
        raise _too_many_pixels() from None
    except Exception:  # decoders raise anything over bytes that somebody made up
        detail = say("It cannot be read as JPEG, PNG or WebP: it is damaged, or cut off.")
        raise NotAPicture("unreadable", detail) from None


def _something_else(file: bytes) -> NotAPicture | None:
    """What the file is where it is no picture that is read here, or could be taken for something else as well."""
    start = file[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not file:
        return NotAPicture("empty", say("No picture was sent."))
    if file[4:8] == b"ftyp":
        kind = "AVIF" if file[8:12] in (b"avif", b"avis") else "HEIC"
        return NotAPicture("wrong-format", _not_read(kind))
    if b"<svg" in start:
        return NotAPicture("wrong-format", _not_read("SVG"))
    if file.startswith((b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return NotAPicture("wrong-format", _not_read({b"G": "GIF", b"B": "BMP"}.get(file[:1], "TIFF")))
    if not (file.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (file[:4] == b"RIFF" and file[8:12] == b"WEBP")):
        return NotAPicture("not-a-picture", say("This is not a picture. Send a JPEG, PNG or WebP file."))
    if b"%pdf-" in file[:1024].lower() or is_something_else_as_well(file):
        detail = say("The file is a picture and something else as well. Send the picture alone.")
        return NotAPicture("not-only-a-picture", detail)
    return None


def is_something_else_as_well(file: bytes) -> bool:
    """Whether a program could take it for an archive, a script or a page, whatever else it is."""
    small = file.lower()
    hidden = (b"<?php", b"<script", b"<html", b"<!doctype")
    return b"PK\5\6" in file[-_MOST_CENTRAL_DIRECTORY:] or any(each in small for each in hidden)


def _not_read(kind: str) -> Said:
    return say("{kind} pictures are not read here. Save it as JPEG, and send that.", kind=kind)


def _too_many_pixels() -> NotAPicture:
    detail = say("The picture has more than {most} million pixels. Send a smaller one.", most=MOST_PIXELS // 1_000_000)
    return NotAPicture("too-many-pixels", detail)


def as_jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
