"""What is taken as a letter of credentials, and what is not."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from registration.letters.files import (
    JPEG,
    LONGEST_SIDE,
    PDF,
    NotALetter,
    check_alone,
    is_pdf,
    pdf_letter,
    picture_letter,
)
from registration.letters.letter import LetterFile
from registration.letters.pdf import MOST_PAGES, NotPages, pages_of
from shared.events import LANGUAGES
from tests.pdfs import HOSTILE, opens_with, pdf
from tests.pictures import opened, picture


def letter_of(file: bytes) -> LetterFile:
    """As the studio has it looked at, in this process."""
    if not is_pdf(file):
        return picture_letter(file)
    check_alone(file)
    try:
        return pdf_letter(file, pages_of(file))
    except NotPages as error:
        raise NotALetter(str(error)) from None


def refused(file: bytes) -> NotALetter:
    with pytest.raises(NotALetter) as found:
        letter_of(file)
    return found.value


@pytest.mark.parametrize("pages", [1, MOST_PAGES])
def test_a_pdf_is_kept_as_it_was_signed(pages: int):
    file = pdf(pages=pages)
    letter = letter_of(file)
    assert (letter.content, letter.media_type, letter.pages) == (file, PDF, pages)


@pytest.mark.parametrize("kind", ["/GoTo", "/URI"])
def test_a_link_is_no_action_that_does_anything_by_itself(kind: str):
    assert letter_of(pdf(opens_with(kind))).media_type == PDF


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_pdf_that_is_more_than_pages_is_refused(kind: str):
    made, code = HOSTILE[kind]
    assert refused(made()).code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_written_anew_without_what_came_with_it(kind: str):
    exif = Image.Exif()
    exif[0x010E] = "taken at the mission"
    letter = letter_of(picture(3000, 4000, kind, exif=exif))
    assert (letter.media_type, letter.pages) == (JPEG, 1)
    assert b"taken at the mission" not in letter.content
    assert opened(letter.content).size == (LONGEST_SIDE * 3 // 4, LONGEST_SIDE)
    assert dict(opened(letter.content).getexif()) == {}


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "empty"),
        (b"Note verbale", "not-a-letter"),
        (picture(400, 900), "too-small"),
        (picture(600, 900)[:2000], "unreadable"),
        (picture(600, 900) + b"PK\5\6" + bytes(18), "not-only-a-picture"),
        (picture(600, 900)[:20] + b"%PDF-1.7" + picture(600, 900)[20:], "not-only-a-picture"),
        (b"<svg/>", "wrong-format"),
    ],
)
def test_what_is_no_letter_is_refused(file: bytes, code: str):
    assert refused(file).code == code


def test_what_is_wrong_is_said_in_six_languages():
    said = refused(pdf(pages=21)).detail
    assert len({said.in_language(each) for each in LANGUAGES}) == len(LANGUAGES)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(pdf()) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_change_of_any_bytes_is_a_letter_still_or_refused(changes: list[tuple[int, int]]):
    file = bytearray(pdf())
    for place, byte in changes:
        file[place] = byte
    with suppress(NotALetter):
        letter_of(bytes(file))
