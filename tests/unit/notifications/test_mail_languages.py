"""The mail in six languages: every sentence translated, and dates, lists and directions as each language has them."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from notifications.languages import NOTICES, notice_languages
from notifications.mail import MailWriter
from notifications.model import Notice
from notifications.outgoing import Key, Letter
from notifications.views import View, view
from shared.catalogue import translations
from shared.conference_folder import load
from shared.events import LANGUAGES, DelegateRegistered, Enrolment, EnrolmentState, Language, Party, SessionChanged
from tests import notification_examples as examples

EXAMPLE = load(Path(__file__).parents[3] / "conferences" / "counter-terrorism-2018")
SPOKEN = notice_languages()
WRITER = MailWriter(EXAMPLE, SPOKEN, "notices@port.example", "https://register.port.example")
TRANSLATED = [code for code in LANGUAGES if code != "en"]
ISOLATES = {0x2068: None, 0x2069: None}


def catalogue_of(code: str) -> Catalog:
    with (NOTICES / f"{code}.po").open("rb") as file:
        return read_po(file)


def sentences() -> Catalog:
    """Every sentence of the templates."""
    catalogue = Catalog()
    methods = [("**.j2", "jinja2.ext:babel_extract")]
    options = {"**.j2": {"trimmed": "true", "newstyle_gettext": "true"}}
    for _, _, message, _, _ in extract_from_dir(NOTICES, method_map=methods, options_map=options):
        catalogue.add(message)
    return catalogue


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_language_says_every_sentence_and_no_other(code: str) -> None:
    catalogue = catalogue_of(code)
    assert {message.id for message in catalogue if message.id} == {message.id for message in sentences() if message.id}
    for message in catalogue:
        assert all(forms(message.string)), message.id
        assert not list(message.check(catalogue)), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_sentence_has_the_placeholders_it_has_in_english(code: str) -> None:
    for message in catalogue_of(code):
        if message.id and not isinstance(message.id, tuple):
            assert placeholders(str(message.string)) == placeholders(message.id), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_plural_form_for_several_numbers_says_the_number(code: Language) -> None:
    catalogue = catalogue_of(code)
    form_of: Callable[[int], int] = translations(NOTICES, code).plural
    several = {form for form, numbers in groupby(sorted(range(1, 200), key=form_of), key=form_of) if len(list(numbers)) > 1}
    plural = [message for message in catalogue if isinstance(message.id, tuple)]
    assert len(plural) == 2
    for message in plural:
        assert len(message.string) == catalogue.num_plurals
        for form, said in enumerate(message.string):
            assert placeholders(said) <= {"count"}
            assert form not in several or "count" in placeholders(said), said


# --- every kind of notice, of the example conference


def session_of(session_id: str, **changed: Any) -> SessionChanged:
    planned = next(each for each in EXAMPLE.sessions if each.session_id == session_id)
    fields: dict[str, Any] = {
        "title": planned.title,
        "room": EXAMPLE.room[planned.room].names,
        "starts_at": EXAMPLE.instant(planned.starts_at),
        "ends_at": EXAMPLE.instant(planned.ends_at),
    }
    return examples.session(session_id, **(fields | changed))


PLANNED = [session_of("opening"), session_of("session-1"), session_of("youth")]
OPENING, SESSION_1, YOUTH = PLANNED
STATE = next(each for each in EXAMPLE.delegations if each.kind == "member-state")
ENROLLED = {"opening": "enrolled", "session-1": "enrolled", "youth": "waiting"}


def delegate(code: Language, **changed: Any) -> DelegateRegistered:
    fields: dict[str, Any] = {
        "language": code,
        "printed_name": "李 ليلى",
        "function": "—",
        "time_zone": "Africa/Cairo",
        "category": "delegate",
        "pass_type": "delegate",
        "delegation": Party(code=STATE.code, names=STATE.names),
        "enrolments": ENROLLED,
    }
    return examples.registered(**(fields | changed))


def told(registration: DelegateRegistered, *changed: SessionChanged) -> View:
    assert registration.person is not None
    sessions = {each.session_id: each for each in [*PLANNED, *changed]}
    return view(registration, sessions, registration.person.language)


def released(cause: str) -> list[Enrolment]:
    return [Enrolment(session_id=each, state=EnrolmentState.RELEASED, cause=cause) for each in ENROLLED]


def kinds(code: Language) -> Iterator[tuple[View | None, View]]:
    """A notice of each kind, and of each turn of a session."""
    accredited = told(delegate(code))
    cancelled = told(delegate(code), session_of("opening", status="cancelled"))
    for status in ("submitted", "under-review", "accredited", "refused", "withdrawn"):
        yield None, told(delegate(code, status=status))
        if status != "accredited":
            ended = delegate(code, status=status, status_reason="٤٢", enrolments=released("status-ended"))
            yield accredited, told(ended)
    yield accredited, told(delegate(code), session_of("opening", room=EXAMPLE.room["ecosoc-chamber"].names))
    yield accredited, told(delegate(code), session_of("opening", starts_at=OPENING.starts_at + timedelta(minutes=5)))
    yield accredited, told(delegate(code), session_of("opening", title=SESSION_1.title))
    yield accredited, cancelled
    yield cancelled, accredited
    yield accredited, told(delegate(code, enrolments=ENROLLED | {"youth": "enrolled"}))
    yield told(delegate(code, enrolments={})), accredited
    yield (
        told(delegate(code, enrolments={"opening": "enrolled"})),
        told(delegate(code, enrolments={"opening": "enrolled", "youth": "waiting"})),
    )
    for cause in ("left", "audience-changed", "some-other"):
        yield accredited, told(delegate(code, enrolments=released(cause)))
    yield accredited, told(delegate(code, category="diplomat", pass_type="vip", pass_days=[date(2018, 6, 28)]))


def mail_of(was: View | None, now: View, write: MailWriter = WRITER) -> EmailMessage:
    delegate_id, number = "0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e", 3
    notice, at = Notice(was, now), datetime(2018, 6, 21, 13, 0, tzinfo=UTC)
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    letter = Letter(
        Key(delegate_id, number), "ada@port.example", f"<{delegate_id}.{number}@port.example>", notice, at, 1, trace, 0
    )
    return message_from_bytes(write.write(letter), policy=policy.default)


def page(mail: EmailMessage, subtype: str = "plain") -> str:
    body = mail.get_body((subtype,))
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    return re.sub(r'<span style="white-space:nowrap">(.*?)</span>', r"\1", text)


def read(mail: EmailMessage, subtype: str) -> str:
    """What is read on the page: no markup, and none of what is Latin in every language."""
    shown = re.sub(r"<[^>]*>", " ", page(mail, subtype))
    return re.sub(r"https://\S+|\S+@\S+|[0-9a-f]+(-[0-9a-f]+){4}", "", shown)


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("code", ["ar", "zh", "ru"])
def test_no_kind_of_notice_leaves_a_word_in_latin_letters(code: Language, subtype: str) -> None:
    for was, now in kinds(code):
        mail = mail_of(was, now)
        assert re.findall("[A-Za-z]{2,}", f"{mail['Subject']} {read(mail, subtype)}") == []


@pytest.mark.parametrize("code", ["fr", "es"])
def test_no_kind_of_notice_leaves_a_sentence_in_english(code: Language) -> None:
    english = {str(each.id) for each in catalogue_of(code) if each.id and each.id != each.string and "%" not in str(each.id)}
    for was, now in kinds(code):
        mail = mail_of(was, now)
        lines = {line.strip("* ") for line in f"{mail['Subject']}\n{read(mail, 'plain')}".splitlines()}
        assert lines & english == set()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_kind_of_notice_says_its_language_and_closes_what_it_isolates(code: Language) -> None:
    direction = "rtl" if code == "ar" else "ltr"
    for was, now in kinds(code):
        mail = mail_of(was, now)
        assert mail["Content-Language"][:2] == code
        assert f'dir="{direction}"' in page(mail, "html")
        for text in (page(mail), page(mail, "html")):
            assert text.count("\u2068") == text.count("\u2069")
            assert ("\u2068" in text) == (code == "ar")


# --- dates, times and lists

MOVED_ABROAD = {
    "ar": "الخميس، 28 حزيران/يونيو 2018، 10:00–10:30 (نيويورك)؛ 16:00–16:30 (القاهرة)، قاعة الجمعية العامة",
    "zh": "2018年6月28日星期四 10:00–10:30（纽约时间）；16:00–16:30（开罗时间），联合国大会堂",
    "en": "Thursday, 28 June 2018, 10:00–10:30 (New York); 16:00–16:30 (Cairo), General Assembly Hall",
    "fr": "jeudi 28 juin 2018, 10:00 – 10:30 (New York) ; 16:00 – 16:30 (Le Caire), Salle de l’Assemblée générale",
    "ru": "четверг, 28 июня 2018 г., 10:00–10:30 (Нью-Йорк); 16:00–16:30 (Каир), Зал Генеральной Ассамблеи",
    "es": "jueves, 28 de junio de 2018, 10:00–10:30 (Nueva York); 16:00–16:30 (El Cairo), Salón de la Asamblea General",
}
CONFERENCE_DAYS = {
    "ar": "من الخميس، 28 حزيران/يونيو 2018 إلى الجمعة، 29 حزيران/يونيو 2018",
    "zh": "2018年6月28日星期四至2018年6月29日星期五",
    "en": "Thursday, 28 June 2018 – Friday, 29 June 2018",
    "fr": "jeudi 28 juin 2018 – vendredi 29 juin 2018",
    "ru": "четверг, 28 июня 2018 г. – пятница, 29 июня 2018 г.",
    "es": "jueves, 28 de junio de 2018 – viernes, 29 de junio de 2018",
}
COMMON_SPACES = {0xA0: " ", 0x2009: " ", 0x202F: " ", **ISOLATES}


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("code", LANGUAGES)
def test_where_and_when_as_the_language_writes_it(code: Language, subtype: str) -> None:
    text = page(mail_of(None, told(delegate(code))), subtype).translate(COMMON_SPACES)
    assert MOVED_ABROAD[code] in text
    assert CONFERENCE_DAYS[code] in text
    assert EXAMPLE.badge_collection is not None
    assert EXAMPLE.badge_collection[code] in text


def test_arabic_counts_in_six_ways() -> None:
    say = translations(NOTICES, "ar").ngettext
    changes = "A change to your registration", "%(count)s changes to your registration and sessions"
    said = {number: say(*changes, number) for number in (1, 2, 3, 10, 11, 99, 100, 102, 103)}
    assert said[1].startswith("تغيير واحد")
    assert said[2].startswith("تغييران")
    assert said[3] == said[10] == said[103] != said[11]
    assert said[11] == said[99] != said[100] == said[102]


def test_a_latin_name_is_kept_apart_in_arabic_and_a_heading_is_underlined_as_wide_as_it_is() -> None:
    text = page(mail_of(None, told(delegate("ar", printed_name="Ada Berg (2)"))))
    assert "\u2068Ada Berg (2)\u2069" in text
    assert "تسجيلكم\n-------\n" in text
    assert "会议\n----\n" in page(mail_of(None, told(delegate("zh"))))


@pytest.mark.parametrize("code", LANGUAGES)
def test_hours_stay_in_one_line(code: Language) -> None:
    html = mail_of(None, told(delegate(code))).get_body(("html",))
    assert html is not None
    assert re.search(r'<span style="white-space:nowrap">10:00\s?–\s?10:30</span>', html.get_content())


def test_a_city_in_a_part_of_a_country_is_named_alone() -> None:
    moved = told(delegate("es", time_zone="America/Argentina/Buenos_Aires"))
    assert "11:00–11:30 (Buenos Aires)" in page(mail_of(None, moved))


def test_the_first_of_a_month_in_french() -> None:
    assert SPOKEN["fr"].day(date(2018, 7, 1)) == "dimanche 1er juillet 2018"
    assert SPOKEN["fr"].day(date(2018, 7, 11)) == "mercredi 11 juillet 2018"
    assert SPOKEN["en"].day(date(2018, 7, 1)) == "Sunday, 1 July 2018"


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_french_keeps_its_double_points_to_the_word_before(subtype: str) -> None:
    for was, now in kinds("fr"):
        shown = re.sub("<[^>]*>", "", page(mail_of(was, now), subtype))
        assert "Questions\u202f: " in shown
        # The texts of the conference's folder are its own.
        said = [line for line in shown.splitlines() if not any(each.title["fr"] in line for each in PLANNED)]
        assert not [line for line in said if re.search("[ \u00a0][:;?!]", line)]
