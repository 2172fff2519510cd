"""Badges as PDF and PNG: what they say, that all of it fits, and what can never be printed."""

from datetime import date
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple

import pypdfium2
import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from badging import render
from shared.events import BadgeJob, Photo, Zone
from shared.letters import LETTERS
from tests.badge_jobs import badge_job, red_photo
from tests.badge_letters import as_ranges, in_the_fonts

A6 = (105 / 25.4 * 72, 148 / 25.4 * 72)
EVERY_LAYOUT = pytest.mark.parametrize("layout", render.layouts())


class Box(NamedTuple):
    """In points from the lower left corner."""

    left: float
    bottom: float
    right: float
    top: float


def letters(pdf: bytes, page: int = 0) -> list[tuple[str, Box]]:
    """Every letter with its ink's box, as a reader of the PDF finds them."""
    text = pypdfium2.PdfDocument(pdf)[page].get_textpage()
    return [(text.get_text_range(at, 1), Box(*text.get_charbox(at))) for at in range(text.count_chars())]


def text_of(pdf: bytes, page: int = 0) -> str:
    return " ".join(pypdfium2.PdfDocument(pdf)[page].get_textpage().get_text_range().split())


def picture(job: BadgeJob, *, ppi: float = 100, void: bool = False) -> Image.Image:
    return Image.open(BytesIO(render.png(job, ppi, void))).convert("RGB")


def around(found: list[tuple[str, Box]], letter: str) -> Box:
    boxes = [box for each, box in found if each == letter]
    return Box(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )


@EVERY_LAYOUT
def test_a_badge_says_all_that_its_job_says_on_one_a6_page(layout: str) -> None:
    job = badge_job(7, layout=layout, pass_days=[date(2018, 6, 28), date(2018, 6, 29)])
    document = pypdfium2.PdfDocument(render.pdf([job]))
    assert len(document) == 1
    assert document.get_page_size(0) == pytest.approx(A6, abs=0.1)
    said = text_of(render.pdf([job]))
    content = job.content
    for text in (content.conference, content.venue_and_dates, content.name, content.function, content.delegation):
        assert text in said
    for text in (content.category, content.pass_type, "28–29 Jun", "General Assembly Hall", "Conference rooms", job.serial):
        assert text in said


@EVERY_LAYOUT
def test_its_qr_code_is_the_credential(layout: str) -> None:
    credential = "LANYARD1:" + "Aa0_-." * 80
    found = zxingcpp.read_barcodes(picture(badge_job(layout=layout, credential=credential), ppi=300))
    assert [code.text for code in found] == [credential]


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("ru", "Александра Константинопольская"),
        ("zh", "王晓明"),
        ("fr", "Zoé Çelik-Œuvré"),
        ("es", "Íñigo Muñoz"),
        ("en", "Nguyễn Văn Ấn"),
    ],
)
@EVERY_LAYOUT
def test_names_in_every_script_are_set(layout: str, language: str, name: str) -> None:
    assert name in text_of(render.pdf([badge_job(layout=layout, name=name, language=language)]))


NAMES = {
    "Georgian": "გიორგი ბერიძე",
    "Hebrew": "דוד לוי",
    "Armenian": "Արամ Խաչատրյան",
    "Hangul": "김민준",
    "Kana": "やまだ タロウ",
    "Devanagari": "श्री कृष्ण त्रिपाठी",
    "Bengali": "রবীন্দ্রনাথ ঠাকুর",
    "Tamil": "சுப்பிரமணியன்",
    "Sinhala": "ශ්‍රී ලංකා",
    "Thai": "ที่ปรึกษา ผู้ใหญ่",
    "Lao": "ຜູ້ໃຫຍ່",
    "Myanmar": "ကျွန်ုပ်",
    "Khmer": "ស្រ្តី ក្រុម",
    "Ethiopic": "ሰላም ተስፋዬ",
}


@pytest.mark.parametrize("script", NAMES)
@EVERY_LAYOUT
def test_a_name_in_any_script_stands_clear_of_the_line_below(layout: str, script: str) -> None:
    name = NAMES[script] + " " + NAMES[script]
    found = letters(render.pdf([badge_job(layout=layout, name=name, function="QQQQ QQQQ")]))
    of_the_name = [box for letter, box in found if letter in name and letter.strip() and box.top > box.bottom]
    assert of_the_name
    assert min(box.bottom for box in of_the_name) > around(found, "Q").top


def test_the_listed_letters_are_those_of_the_fonts() -> None:
    assert " ".join(LETTERS.split()) == as_ranges(in_the_fonts()), "write them again: python -m tests.badge_letters"


def test_arabic_is_joined_and_starts_at_the_right() -> None:
    job = badge_job(name="محمد", language="ar")
    apart = badge_job(name="\u200c".join("محمد"), language="ar")
    assert around(letters(render.pdf([job])), "م").right > A6[0] - 25
    assert ImageChops.difference(picture(job), picture(apart)).getbbox() is not None, "joined letters look like single ones"


def test_an_arabic_name_runs_right_to_left_on_any_badge() -> None:
    found = letters(render.pdf([badge_job(name="محمد QQQ", language="en")]))
    assert around(found, "Q").right < around(found, "م").left


def test_a_latin_name_on_an_arabic_badge_starts_at_the_right_too() -> None:
    found = letters(render.pdf([badge_job(name="QQQ", language="ar")]))
    assert around(found, "Q").right > A6[0] - 25


LONG = {
    "in words": lambda letter: ((letter * 9 + " ") * 16).strip(),
    "in long words": lambda letter: ((letter * 39 + " ") * 4).strip(),
    "without a space": lambda letter: letter * 160,
    "with hyphens": lambda letter: ((letter * 30 + "-") * 5)[:160],
}


@pytest.mark.parametrize("how", LONG)
@pytest.mark.parametrize("pictured", [False, True])
@EVERY_LAYOUT
def test_the_longest_texts_fit_one_below_the_other(layout: str, pictured: bool, how: str) -> None:
    long = LONG[how]
    job = badge_job(
        layout=layout,
        conference=long("Z"),
        venue_and_dates=long("X"),
        name=long("W"),
        function=long("M"),
        delegation=long("Q"),
        pass_type=long("K"),
        category=long("G"),
        zones=[],
        photo=red_photo() if pictured else None,
    )
    found = letters(render.pdf([job]))
    expected = {letter: long(letter).count(letter) for letter in "ZXWMQKG"}
    assert {letter: sum(each == letter for each, _ in found) for letter in expected} == expected, "no letter is lost"
    blocks = [around(found, letter) for letter in "ZXWMQKG"]
    assert all(block.left > 8 and block.right < A6[0] - 8 and block.bottom > 8 and block.top < A6[1] - 8 for block in blocks)
    assert all(upper.bottom > lower.top for upper, lower in pairwise(blocks))


@given(
    st.text(st.sampled_from("abcWMi'- éÅжЩ中文字محمدﷺ"), min_size=1, max_size=160).filter(str.strip),
    st.sampled_from(["en", "ar", "zh"]),
    st.sampled_from(render.layouts()),
)
@example(name="ح-", language="en", layout="standard")
@settings(max_examples=25, deadline=None)
def test_no_name_leaves_its_column(name: str, language: str, layout: str) -> None:
    job = badge_job(layout=layout, name=name, language=language)
    margin = 17
    for letter, box in letters(render.pdf([job])):
        if letter.strip():
            assert box.left > margin
            assert box.right < A6[0] - margin


@EVERY_LAYOUT
def test_many_zones_fit_above_the_band(layout: str) -> None:
    zones = [Zone(code=f"Z{number}", name=f"§ {'Committee room ' * 3}{number}") for number in range(30)]
    found = letters(render.pdf([badge_job(layout=layout, zones=zones, category="%", pass_days=[date(2018, 6, 28)])]))
    assert sum(letter == "§" for letter, _ in found) == 30
    assert around(found, "§").bottom > around(found, "%").top


def test_what_a_delegate_wrote_is_text_and_never_typst() -> None:
    name = '#panic("x") $x^2$ *b* _i_ \\u{41} <l> @l #read("/etc/hosts") "); [#sys.inputs]'
    without_line_breaks = text_of(render.pdf([badge_job(name=name)])).replace(" ", "")
    assert name.replace(" ", "") in without_line_breaks


def test_many_badges_in_one_document_each_in_its_layout() -> None:
    jobs = [badge_job(number, layout=layout) for number, layout in enumerate(render.layouts() * 3)]
    document = render.pdf(jobs)
    assert [job.serial in text_of(document, page) for page, job in enumerate(jobs)] == [True] * len(jobs)


def test_the_same_job_makes_the_same_bytes() -> None:
    job = badge_job()
    first = render.pdf([job])
    render.pdf([badge_job(2)])
    assert render.pdf([job]) == first


def test_a_badge_stays_small() -> None:
    assert len(render.pdf([badge_job(credential="LANYARD1:" + "Aa0" * 50)])) < 20_000
    assert (
        len(render.pdf([badge_job(name="محمد بن عبد الرحمن", function="مدير عام", delegation="مصر", language="ar")])) < 32_000
    )


def test_the_photo_is_shown_where_there_is_one() -> None:
    def reds(job: BadgeJob) -> int:
        return sum(1 for red, green, blue in picture(job).get_flattened_data() if red > 200 and green < 60 and blue < 60)

    assert reds(badge_job()) == 0
    assert reds(badge_job(photo=red_photo())) > 5000


def test_a_void_badge_says_so_in_its_language() -> None:
    job = badge_job(language="fr")
    assert "ANNULÉ" in text_of(render.pdf([job], void=True))
    assert "ANNULÉ" not in text_of(render.pdf([job]))
    assert ImageChops.difference(picture(job), picture(job, void=True)).getbbox() is not None


# --- what can never be printed ------------------------------------------------------------------------------------


def test_an_unknown_layout_names_those_that_exist() -> None:
    with pytest.raises(render.UnknownLayout, match=r"no layout 'gala'; there are: standard, vip"):
        render.pdf([badge_job(layout="gala")])


def test_what_layouts_share_is_no_layout() -> None:
    assert render.layouts() == ["standard", "vip"]
    with pytest.raises(render.UnknownLayout):
        render.png(badge_job(layout="parts"))


def test_a_letter_that_no_font_has_is_a_fault_and_not_a_box() -> None:
    with pytest.raises(render.CannotRender, match=r"^no font here has U\+13E3$") as raised:
        render.pdf([badge_job(name="Kim Ꮳ Minjun")])
    assert "Minjun" not in str(raised.value)


@pytest.mark.parametrize("jpeg", [b"GIF89a", b"\xff\xd8\xff, but another one"])
def test_a_photo_that_is_not_the_one_named_is_a_fault(jpeg: bytes) -> None:
    with pytest.raises(render.CannotRender, match="photo"):
        render.pdf([badge_job(photo=Photo(sha256="0" * 64, jpeg=jpeg))])


# --- colours and days ---------------------------------------------------------------------------------------------


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_the_category_can_be_read_on_any_colour(colour: str) -> None:
    def luminance(of: str) -> float:
        channels = [int(of[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted([luminance(colour), luminance(render.ink_on(colour))])
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "28–29 Jun, 2 Jul"),
        ("fr", "28–29 juin, 2 juil."),
        ("es", "28–29 jun, 2 jul"),
        ("ru", "28–29 июн., 2 июл."),
        ("ar", "28–29 يونيو، 2 يوليو"),
        ("zh", "6月28日至29日、7月2日"),
    ],
)
def test_named_days_are_said_in_the_badges_language(language: str, words: str) -> None:
    days = [date(2018, 7, 2), date(2018, 6, 29), date(2018, 6, 28)]
    assert render.days_in_words(days, language) == words
