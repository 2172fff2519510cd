"""How a name is spelt: in any script, but with nothing in it that hides or that passes for another letter.

After Unicode's security mechanisms (https://www.unicode.org/reports/tr39/): the letters of a word are of one script, or
"highly restrictive", that is of Latin beside Chinese, Japanese or Korean. Control and format characters are refused
before, in every line (`shared.events`); which characters are of which scripts is Unicode's own data, as fontTools has them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache

from fontTools import unicodedata as scripts

from shared.said import FieldFault, say

_WORD = re.compile(r"[^\W_](?:[\w'’·‧\u200c\u200d]|[^\w\s!-/:-@\u2000-\u206f])*")
"""An apostrophe and a middle dot stand within a word, a hyphen between two; marks are no letters to Python, and stay."""
_SHARED = frozenset({"Zyyy", "Zinh"})
_TOGETHER = tuple(map(frozenset, (("Latn", "Hani", "Hira", "Kana"), ("Latn", "Hani", "Bopo"), ("Latn", "Hani", "Hang"))))

_JOINERS = "\u200c\u200d"
_CURSIVE = frozenset({"Arab", "Syrc", "Mong", "Mand", "Nkoo", "Adlm", "Rohg"})
"""Scripts whose letters join: joiners say where they do not, or do nevertheless."""
_VARIANTS = {"Hani": "\ufe00-\ufe02\U000e0100-\U000e01ef", "Mong": "\u180b-\u180d\u180f"}
"""Selectors of a letter's variant, of which people's names are particular, by the script that has them."""
_IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef\u200c\u200d]")
"""What Unicode has nobody see (Default_Ignorable_Code_Point), of what Python does not call a control or format character."""


def name_faults(name: str, where: str) -> Iterator[FieldFault]:
    """What is wrong with the spelling of `name`, which stands at the JSON Pointer `where`."""
    if name.isascii():
        return
    if hidden := dict.fromkeys(_hidden_in(name)):
        characters = ", ".join(map(_code, hidden))
        detail = say("It holds what nobody sees, {characters}, where no script needs it. Remove it.", characters=characters)
        yield FieldFault(where, "hidden-character", detail)
    if symbols := dict.fromkeys(filter(_is_symbol, name)):
        letters = ", ".join(map(_shown, symbols))
        detail = say("{letters} looks like a letter and is a symbol. Type the letter itself.", letters=letters)
        yield FieldFault(where, "not-a-letter", detail)
    if mixed := next(((word, strange) for word in _WORD.findall(name) if (strange := _strange_in(word))), None):
        detail = say(
            "“{word}” mixes letters of two scripts, which may look alike: {letters}. Write each word in one script.",
            word=mixed[0],
            letters=", ".join(map(_shown, mixed[1])),
        )
        yield FieldFault(where, "mixed-scripts", detail)


def _hidden_in(name: str) -> Iterator[str]:
    for found in _IGNORED.finditer(name):
        character, letter = found[0], _letter_before(name, found.start())
        of = _scripts_of(letter) if letter else _SHARED
        if character in _JOINERS:
            needed = not of.isdisjoint(_scripts_with_joiners())
        else:
            needed = any(each in of and re.match(f"[{variants}]", character) for each, variants in _VARIANTS.items())
        if not needed:
            yield character


def _letter_before(name: str, at: int) -> str:
    """What a mark at `at` would stand on; empty where there is nothing."""
    while at > 0 and unicodedata.category(name[at - 1])[0] == "M":
        at -= 1
    return name[at - 1 : at] if at else ""


def _is_symbol(character: str) -> bool:
    """Mathematical letters and the like, which belong to no script."""
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo") and _scripts_of(character) == frozenset({"Zyyy"})


def _strange_in(word: str) -> list[str]:
    """The letters of another script than most of the word; none where all go together."""
    if word.isascii():
        return []
    of = {each: _scripts_of(each) for each in set(word) if not _is_shared(each)}
    if not of or frozenset.intersection(*of.values()) or any(all(found & each for found in of.values()) for each in _TOGETHER):
        return []
    [(most, _)] = Counter(each for letter in word for each in of.get(letter, ())).most_common(1)
    return [letter for letter, found in of.items() if most not in found]


@cache
def _scripts_with_joiners() -> frozenset[str]:
    """Cursive ones, and India's: those that have a virama (combining class 9)."""
    viramas = (chr(code) for code in range(0x900, 0x12000) if unicodedata.combining(chr(code)) == 9)
    return _CURSIVE | {each for virama in viramas for each in _scripts_of(virama)}


@lru_cache(maxsize=4096)
def _scripts_of(character: str) -> frozenset[str]:
    """Every script that it is written in; a letter's own alone."""
    found: set[str] = scripts.script_extension(character)
    return frozenset(found)


@lru_cache(maxsize=4096)
def _is_shared(character: str) -> bool:
    """Whether it is of no script by itself: digits, most marks."""
    own: str = scripts.script(character)
    return own in _SHARED


def _shown(letter: str) -> str:
    return f"{letter} ({_code(letter)})"


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
