"""What is said to people, in six languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from shared.catalogue import translations
from shared.events import LANGUAGES, Language
from shared.problems import invalid_body
from shared.said import CATALOGUES, FieldFault, Said, one_of, quoted, say

ROOT = Path(__file__).parents[3]
SERVICES = ("registration", "badging", "notifications", "shared", "services")
OTHERS: list[Language] = [each for each in LANGUAGES if each != "en"]
in_every_other_language = pytest.mark.parametrize("language", OTHERS)


def said_in_the_source() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Every sentence with where it is said; of a counted one both forms."""
    for service in SERVICES:
        keywords = {"say": None, "say_counted": (1, 2)}
        found = extract_from_dir(ROOT / service, method_map=[("**.py", "python")], keywords=keywords)
        for file, line, sentence, _, _ in found:
            yield f"{service}/{file}:{line}", sentence


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of these functions, with where it is."""
    for path in (path for service in SERVICES for path in (ROOT / service).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


SAID = {sentence: place for place, sentence in said_in_the_source()}


def catalogue_of(language: Language) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def sentences_of(catalogue: Catalog) -> dict[str | tuple[str, ...], Message]:
    return {each.id if isinstance(each.id, str) else tuple(each.id): each for each in catalogue if each.id}


def values_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def code_in(sentence: str) -> set[str]:
    return set(re.findall("`[^`]*`", sentence))


@in_every_other_language
def test_every_sentence_is_in_every_catalogue_and_no_other_is(language: Language) -> None:
    catalogue = catalogue_of(language)
    known = sentences_of(catalogue)
    assert {place: sentence for sentence, place in SAID.items() if sentence not in known} == {}
    assert [sentence for sentence in known if sentence not in SAID] == []
    assert not catalogue.obsolete
    assert [each.id for each in known.values() if each.fuzzy] == []


@in_every_other_language
def test_every_sentence_is_translated_with_the_same_values_and_code(language: Language) -> None:
    catalogue = catalogue_of(language)
    for sentence, message in sentences_of(catalogue).items():
        if isinstance(sentence, str):
            written = [(message.string, True)]
        else:
            assert len(message.string) == catalogue.num_plurals
            written = [(form, counts_several(language, number)) for number, form in enumerate(message.string)]
            sentence = sentence[1]
        for form, counted in written:
            assert isinstance(form, str)
            assert form.strip(), f"{sentence} is not translated"
            optional = set() if counted else {"count"}
            assert values_in(form) | optional == values_in(sentence) | optional, form
            assert code_in(form) == code_in(sentence), form
            assert form != sentence or not re.search("[A-Za-z]", re.sub("{[a-z_]+}", "", sentence)), form


def counts_several(language: Language, form: int) -> bool:
    """Whether a plural form is used of more than one number, and so must name it."""
    form_of = translations(CATALOGUES, language).plural
    return sum(form_of(count) == form for count in range(1000)) > 1


@in_every_other_language
def test_a_plural_form_is_chosen_as_the_language_counts(language: Language) -> None:
    """By CLDR's rules."""
    form_of = translations(CATALOGUES, language).plural
    of_category: dict[str, set[int]] = {}
    for count in range(200):
        of_category.setdefault(Locale(language).plural_form(count), set()).add(form_of(count))
    forms = [form for found in of_category.values() for form in found]
    assert sorted(forms) == list(range(catalogue_of(language).num_plurals))


def test_a_sentence_is_english_wherever_it_goes() -> None:
    said = say("There is no category '{category}'; see `GET /conference`.", category="pirate")
    assert said == "There is no category 'pirate'; see `GET /conference`."
    assert said.in_language("en") == said
    assert said.in_language("fr") == "Il n’existe pas de catégorie «\u00a0pirate\u00a0»\u202f; voir `GET /conference`."
    assert quoted("a library's own {words}").in_language("fr") == "a library's own {words}"


def test_a_sentence_that_no_catalogue_has_stays_english() -> None:
    assert Said("The {thing} is new.", "", {"thing": "ship"}).in_language("ru") == "The ship is new."


def test_braces_in_a_value_are_not_read() -> None:
    assert say("Send {expected}.", expected="{a}").in_language("fr") == "Envoyez {a}."


@pytest.mark.parametrize(
    ("count", "english", "russian", "arabic"),
    [
        (1, "1 fault; ", "1 ошибка; ", "خطأ واحد؛ "),
        (2, "2 faults; ", "2 ошибки; ", "خطآن؛ "),
        (5, "5 faults; ", "5 ошибок; ", "\u20685\u2069 أخطاء؛ "),
        (21, "21 faults; ", "21 ошибка; ", "\u206821\u2069 خطأ؛ "),
    ],
)
def test_each_language_counts_in_its_own_way(count: int, english: str, russian: str, arabic: str) -> None:
    said = invalid_body([FieldFault("", "code", quoted(""))] * count).detail
    assert said.startswith(english)
    assert said.in_language("ru").startswith(russian)
    assert said.in_language("ar").startswith(arabic)


def test_values_and_code_do_not_turn_an_arabic_sentence_around() -> None:
    said = say("There is no session '{session}'; see `GET /sessions`.", session="pilots")
    assert said.in_language("ar") == "لا توجد جلسة باسم «\u2068pilots\u2069»؛ انظروا \u2068`GET /sessions`\u2069."


def test_what_is_said_within_a_sentence_is_in_its_language() -> None:
    said = say("Choose one of these: {expected}.", expected=one_of(["ar", "zh", "en"]))
    assert said == "Choose one of these: ar, zh or en."
    assert said.in_language("es") == "Elija uno de estos valores: ar, zh o en."
    assert one_of(["ar"]) == "ar"
    assert FieldFault("/language", "enum", said).detail.in_language("fr").endswith("ar, zh ou en.")
