"""What we say to people: a sentence that is English wherever it goes, and the reader's language once it is answered.

    detail = say("There is no category '{category}'; see `GET /conference`.", category=slug)
    detail.in_language("fr")

The other five languages are gettext catalogues in `catalogues/`; a test names the sentences that one of them lacks. To
look a sentence up costs something only where somebody is answered: to say it is to format it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from babel import Locale

from shared.catalogue import translations
from shared.events import Language

CATALOGUES = Path(__file__).parent / "catalogues"
_FIRST_STRONG_ISOLATE, _POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"
_CODE = re.compile("`[^`]*`")


class Said(str):
    """A sentence in English, by `say` or `say_counted`, that knows what it was made of and so what it is elsewhere."""

    __slots__ = ("_many", "_one", "_values")

    def __new__(cls, one: str, many: str, values: Mapping[str, object]) -> Self:
        template = many if many and values["count"] != 1 else one
        said = super().__new__(cls, template.format_map(values) if values else template)
        said._one, said._many, said._values = one, many, values
        return said

    def in_language(self, language: Language) -> str:
        """The sentence as the catalogue of `language` has it, in English where it has none.

        In a language that runs from right to left, values and code in backticks are isolated: whatever their script, they
        do not turn the sentence around.
        """
        if language == "en":
            return self
        template = self._translated(language)
        if Locale(language).text_direction == "ltr":
            values = {name: _shown(value, language) for name, value in self._values.items()}
        else:
            template = _CODE.sub(lambda code: _isolated(code[0]), template)
            values = {name: _isolated(_shown(value, language)) for name, value in self._values.items()}
        return template.format_map(values) if values else template

    def _translated(self, language: Language) -> str:
        catalogue = translations(CATALOGUES, language)
        if not self._many:
            return catalogue.gettext(self._one)
        count = self._values["count"]
        assert isinstance(count, int)
        return catalogue.ngettext(self._one, self._many, count)


def say(sentence: str, /, **values: object) -> Said:
    """`sentence` with `values` in its braces. It must stand here as a literal, for the catalogues are made from the source."""
    return Said(sentence, "", values)


def say_counted(one: str, many: str, /, *, count: int, **values: object) -> Said:
    """As `say`, of one or of `{count}`: each language has as many forms for that as it has."""
    return Said(one, many, {"count": count, **values})


def one_of(choices: Sequence[str]) -> str:
    """Of which one is to be chosen, as a value of a sentence."""
    *others, last = choices
    return say("{choices} or {last}", choices=", ".join(others), last=last) if others else last


def quoted(sentence: str) -> Said:
    """What others said, such as a library: it stays as it is."""
    return Said(sentence, "", {})


def _shown(value: object, language: Language) -> str:
    return value.in_language(language) if isinstance(value, Said) else str(value)


def _isolated(text: str) -> str:
    return _FIRST_STRONG_ISOLATE + text + _POP_DIRECTIONAL_ISOLATE


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field; `pointer` is its JSON Pointer (RFC 6901) in the body, or a header's or parameter's name."""

    pointer: str
    code: str
    """Stable, for programs."""
    detail: Said
    """For people."""
