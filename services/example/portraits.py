"""Placeholder portraits for the example's people: drawn outlines, of nobody."""

import io
from colorsys import hls_to_rgb
from functools import cache

from PIL import Image, ImageDraw

PORTRAITS = 12
_SIZE = (280, 360)
_TWICE = (560, 720)


def portrait(number: int) -> bytes:
    """A JPEG of 280 by 360 pixels; numbers that differ by `PORTRAITS` have the same."""
    return _drawn(number % PORTRAITS / PORTRAITS)


@cache
def _drawn(hue: float) -> bytes:
    image = Image.new("RGB", _TWICE, _colour(hue, 0.88))
    draw = ImageDraw.Draw(image)
    draw.ellipse((180, 150, 380, 410), _colour(hue, 0.45))
    draw.rounded_rectangle((60, 460, 500, 900), 190, _colour(hue, 0.45))
    file = io.BytesIO()
    image.resize(_SIZE, Image.Resampling.LANCZOS).save(file, "JPEG", quality=80)
    return file.getvalue()


def _colour(hue: float, lightness: float) -> tuple[int, int, int]:
    red, green, blue = hls_to_rgb(hue, lightness, 0.3)
    return round(255 * red), round(255 * green), round(255 * blue)
