"""Names of every script are welcome; what hides, or passes for another letter, is refused."""

import unicodedata

import pytest
from fontTools import unicodedata as scripts
from hypothesis import given
from hypothesis import strategies as st

from shared.events import LANGUAGES
from shared.spelling import name_faults

WELCOME = """
Ann | José | O’Connor | Gal·la | Nguyễn Thị Minh Khai | Mª José | Łódź | Đặng | İbrahim | ʻOkina | Kaʻiulani | Ọlá | Ɛkow | Zoë́
Иван Ёлкин | Щукін | Ђорђе | Anna-Мария | Пётр Ⅰ | Γιώργος | Μαρία‑Ελένη | Հայկ | ქეთი | ა̈ნა | ᏣᎳᎩ | ⵉⴷⵉⵔ | אבג | שָׁלוֹם
علی‌رضا | نور‌الدین | ژیله‌ | سید محمّد | عبد الـله | ܐܦܪܝܡ | ދިވެހި | ߒߞߏ | አበበ | ᠮᠣᠩᠭᠣ᠋ᠯ
श्री राम | र‍्यान | ශ්‍රී | র‍্যাচেল | ക്‍ | நரேந்திர | ఎన్‌టిఆర్ | ಕ‌್ | ꯃꯅꯤꯄꯨꯔ | ᱥᱟᱱᱛᱟᱲ | ཀརྨ | မောင်မောင် | ថៃ | เกศินี
王小明 | 王Peter | 葛󠄀城 | 田中さくら | ヴァン・ダム | 김철수 | 金씨
"""
REFUSED = {
    "mixed-scripts": "Аnn | Ann Вorn | Ivаn | Иvan | Οdysseus | pаypal | O’Сonnor | אbc | gօօgle | Ꭺnn | Anna-Mаria | ﬀﬀа",
    "hidden-character": "Ann‌A | A‍nn | علی‌‌رضا | ‌علی | Ann️ | Ann︀ | Aliͅ͏ | abㅤc | ᅟAnn | 1‍2 | Ann᠋",
    "not-a-letter": "𝐀nn | ℂarl | µann | ℵbram | 𝒜𝓃𝓃",
}
NAMES = [each.strip() for line in WELCOME.split("\n") for each in line.split("|") if each.strip()]
MARKED = [(code, each.strip()) for code, names in REFUSED.items() for each in names.split("|")]

letters = st.characters(categories=["Lu", "Ll", "Lt", "Lo"])


def codes(name: str) -> list[str]:
    return [each.code for each in name_faults(name, "/person/given_name")]


def own_script(letter: str) -> str:
    return scripts.script(letter)


@pytest.mark.parametrize("name", NAMES)
def test_names_in_the_worlds_scripts_are_welcome(name: str):
    assert codes(name) == []


@pytest.mark.parametrize(("code", "name"), MARKED)
def test_what_hides_or_passes_for_another_letter_is_refused(code: str, name: str):
    assert code in codes(name)


def test_the_letters_are_named_in_each_language():
    [fault] = name_faults("Ann Вorn", "/person/family_name")
    assert fault.pointer == "/person/family_name"
    for language in LANGUAGES:
        said = fault.detail.in_language(language)
        assert "Вorn" in said
        assert "В (U+0412)" in said


@given(st.text(st.characters(codec="ascii")))
def test_what_is_ascii_is_never_refused(name: str):
    assert codes(name) == []


@given(letters, letters)
def test_two_letters_of_one_script_go_together(one: str, other: str):
    if own_script(one) == own_script(other) != "Zyyy":
        assert "mixed-scripts" not in codes(one + other)


@given(st.text(letters, min_size=1, max_size=20), st.sampled_from("аеорсухАВЕКМНОРСТХ"), st.sampled_from("aeopcyxABEKMHOPCTX"))
def test_a_cyrillic_letter_beside_a_latin_one_is_never_taken(word: str, cyrillic: str, latin: str):
    assert "mixed-scripts" in codes(word + cyrillic + latin)


@given(st.text(max_size=40))
def test_the_spelling_of_a_word_does_not_hang_on_the_words_beside_it(name: str):
    """And nothing makes it fail."""
    alone = "mixed-scripts" in codes(name)
    assert ("mixed-scripts" in codes(f"Ann {name} 王小明")) is alone


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=1), st.sampled_from("\u200c\u200d"))
def test_no_latin_name_holds_a_joiner(name: str, joiner: str):
    assert "hidden-character" in codes(unicodedata.normalize("NFC", name) + joiner)
