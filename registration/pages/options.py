"""What a question lets one choose among. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from unicodedata import combining, normalize

from markupsafe import Markup

from registration.pages.language import PageLanguage
from shared.conference import Conference


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    group: str = ""


class Options(tuple[Option, ...]):
    """Options in their order, those of a group together. They are written once: hundreds are kept by who shows them, and of
    few the same ones are known again.
    """

    @property
    def grouped(self) -> dict[str, list[Option]]:
        return {name: list(group) for name, group in groupby(self, lambda each: each.group)}

    def html(self, given: Collection[str] = ()) -> Markup:
        """The content of a `select`, in which what is `given` is chosen."""
        chosen = self._html
        for value in given:
            written = _VALUE.format(value)
            chosen = chosen.replace(written, written + " selected", 1)
        return chosen

    @cached_property
    def _html(self) -> Markup:
        return _written(self)


NONE = Options()
_VALUE = Markup(' value="{}"')
_OPTION, _GROUP = Markup("<option{}>{}</option>"), Markup('<optgroup label="{}">{}</optgroup>')


@lru_cache
def _written(options: Options) -> Markup:
    return Markup().join(
        _GROUP.format(name, _listed(each)) if name else _listed(each) for name, each in options.grouped.items()
    )


def _listed(options: Iterable[Option]) -> Markup:
    return Markup().join(_OPTION.format(_VALUE.format(each.value), each.label) for each in options)


def delegation_options(conference: Conference, language: PageLanguage, kinds: Collection[str]) -> Options:
    """The delegations of these kinds, by kind, in the order of an alphabet."""
    return Options(
        Option(each.code, language.plain(each.names), language.plain(kind.names))
        for kind in conference.delegation_kinds
        if kind.slug in kinds
        for each in sorted(
            (each for each in conference.delegations if each.kind == kind.slug),
            key=lambda each: _sorted_as(language.plain(each.names)),
        )
    )


def _sorted_as(name: str) -> str:
    """Accents and case do not part what stands together in an alphabet."""
    return "".join(each for each in normalize("NFKD", name.casefold()) if not combining(each))
