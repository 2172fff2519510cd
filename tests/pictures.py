"""Pictures for tests: drawn, of any format and kind."""

import io
from typing import Any

from PIL import Image

LEFT, RIGHT = (200, 30, 30), (30, 30, 200)


def image(width: int = 700, height: int = 900) -> Image.Image:
    """Red on its left, blue on its right, and darker below."""
    made = Image.new("RGB", (width, height), LEFT)
    made.paste(RIGHT, (width // 2, 0, width, height))
    made.paste((0, 90, 0), (0, height * 3 // 4, width, height))
    return made


def picture(width: int = 700, height: int = 900, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image(width, height).save(file, kind, **options)
    return file.getvalue()


def opened(file: bytes) -> Image.Image:
    made = Image.open(io.BytesIO(file))
    made.load()
    return made


def is_red(colour: Any) -> bool:
    return colour[0] > 150 and colour[2] < 90


def is_blue(colour: Any) -> bool:
    return colour[2] > 150 and colour[0] < 90
