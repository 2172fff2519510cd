"""Portraits: what is a picture and what is not, which part of it is kept, and that nothing else is."""

import io
import struct
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from registration.photos.portraits import LEAST, MOST_PORTRAIT_BYTES, SIZE, Area, NotAPicture, picture_of, portrait_of
from tests.pictures import image, is_blue, is_red, opened, picture

JPEG, PNG, WEBP = picture(), picture(kind="PNG"), picture(kind="WEBP")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int) -> bytes:
    """Says that it is so large, and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def webp_of(side: int) -> bytes:
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + struct.pack("<I", side - 1)[:3] * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated(kind: str) -> bytes:
    return picture(kind=kind, save_all=True, append_images=[Image.new("RGB", (700, 900))], duration=100)


def code_of(file: bytes) -> str:
    with pytest.raises(NotAPicture) as refused:
        portrait_of(file)
    return refused.value.code


@pytest.mark.parametrize("file", [JPEG, PNG, WEBP, picture(kind="JPEG", progressive=True), picture(4000, 3000)])
def test_a_picture_becomes_a_portrait_of_the_badges_proportion(file: bytes):
    made = opened(portrait_of(file).jpeg)
    assert (made.format, made.size) == ("JPEG", SIZE)
    assert len(portrait_of(file).jpeg) <= MOST_PORTRAIT_BYTES


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "I;16", "CMYK"])
def test_a_picture_of_any_colours_is_read(mode: str):
    file = io.BytesIO()
    made = image().convert("L").convert("I;16") if mode == "I;16" else image().convert(mode)
    made.save(file, "JPEG" if mode == "CMYK" else "PNG")
    assert opened(portrait_of(file.getvalue()).jpeg).mode == "RGB"


def test_what_is_transparent_becomes_white():
    file = io.BytesIO()
    Image.new("RGBA", (300, 400), (0, 0, 0, 0)).save(file, "PNG")
    assert min(opened(portrait_of(file.getvalue()).jpeg).getpixel((10, 10))) > 250  # pyright: ignore


def test_even_noise_fits_into_an_event():
    file = io.BytesIO()
    Image.effect_noise((1400, 1800), 120).save(file, "PNG")
    assert len(portrait_of(file.getvalue()).jpeg) <= MOST_PORTRAIT_BYTES


def test_the_area_chosen_is_what_is_kept():
    red, blue = (opened(portrait_of(JPEG, Area(left, 5, 45)).jpeg) for left in (1, 54))
    assert all(is_red(red.getpixel((x, 100))) for x in (5, 150, 300))
    assert all(is_blue(blue.getpixel((x, 100))) for x in (5, 150, 300))


def test_a_picture_is_turned_upright_before_anything_else():
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright, the sensor lies
    file = io.BytesIO()
    image().transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=turned)
    made = opened(portrait_of(file.getvalue()).jpeg)
    assert is_red(made.getpixel((20, 100)))
    assert is_blue(made.getpixel((400, 100)))
    assert (picture_of(file.getvalue()).width, picture_of(file.getvalue()).height) == (700, 900)


def test_nothing_of_the_file_but_the_picture_is_kept():
    secret = Image.Exif()
    secret[0x010E] = "taken at CANARY street"
    file = io.BytesIO()
    image().save(file, "JPEG", exif=secret, comment=b"CANARY", icc_profile=b"CANARY" * 9)
    assert b"CANARY" in file.getvalue()
    for made in (portrait_of(file.getvalue() + b"CANARY").jpeg, picture_of(file.getvalue() + b"CANARY").jpeg):
        assert b"CANARY" not in made
        assert not opened(made).getexif()
        assert set(opened(made).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "empty"),
        (b"hello", "not-a-picture"),
        (b"MZ" + bytes(500), "not-a-picture"),
        (b"%PDF-1.7\n" + JPEG, "not-a-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "wrong-format"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", "wrong-format"),
        (b"\0\0\0\x18ftypheic" + bytes(500), "wrong-format"),
        (b"\0\0\0\x18ftypavif" + bytes(500), "wrong-format"),
        (picture(kind="GIF"), "wrong-format"),
        (picture(kind="BMP"), "wrong-format"),
        (picture(kind="TIFF"), "wrong-format"),
        (JPEG + b"PK\x03\x04" + bytes(50) + b"PK\x05\x06" + bytes(18), "not-only-a-picture"),
        (JPEG[:20] + b"%PDF-1.7" + JPEG[20:], "not-only-a-picture"),
        (JPEG + b"<?php system($_GET['x']); ?>", "not-only-a-picture"),
        (PNG + b"<SCRIPT>alert(1)</SCRIPT>", "not-only-a-picture"),
        (JPEG[: len(JPEG) // 2], "unreadable"),
        (PNG[: len(PNG) // 2], "unreadable"),
        (WEBP[: len(WEBP) // 2], "unreadable"),
        (png_of(2000, 2000), "unreadable"),
        (animated("PNG"), "animated"),
        (animated("WEBP"), "animated"),
        (png_of(30_000, 30_000), "too-many-pixels"),
        (png_of(10_000, 10_000), "too-many-pixels"),
        (webp_of(16_383), "too-many-pixels"),
        (picture(LEAST[0] - 1, 900), "too-small"),
        (picture(700, LEAST[1] - 1), "too-small"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(file: bytes, code: str):
    assert code_of(file) == code


def test_a_bomb_is_refused_before_it_is_unpacked():
    tracemalloc.start()
    assert code_of(png_of(60_000, 60_000)) == "too-many-pixels"
    assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    tracemalloc.stop()


def test_the_second_picture_in_a_telephones_file_is_no_film():
    file = io.BytesIO()
    image().save(file, "MPO", save_all=True, append_images=[image()])
    assert opened(file.getvalue()).format == "MPO"
    assert is_red(opened(portrait_of(file.getvalue()).jpeg).getpixel((20, 100)))


@pytest.mark.parametrize("area", [Area(-1, 0, 50), Area(0, -1, 50), Area(60, 0, 50), Area(0, 60, 50)])
def test_a_part_outside_the_picture_is_refused(area: Area):
    with pytest.raises(NotAPicture, match="area-outside"):
        portrait_of(JPEG, area)


def test_too_small_a_part_is_refused():
    with pytest.raises(NotAPicture, match="too-small"):
        portrait_of(JPEG, Area(10, 10, 29))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([JPEG, PNG, WEBP]), st.integers(0, 10**6), st.binary(max_size=40), st.integers(0, 30))
def test_a_broken_picture_is_a_portrait_or_refused_and_nothing_else(file: bytes, at: int, put: bytes, cut: int):
    at %= len(file)
    broken = file[:at] + put + file[at + cut :]
    with suppress(NotAPicture):
        assert opened(portrait_of(broken).jpeg).size[0] >= LEAST[0]
