"""The marks beside a person: how the registration stands, whether the badge is printed, and what is missing. Pure.

They are written here, not in a template: a list has hundreds of them.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Literal, NamedTuple

from markupsafe import Markup

from registration.delegate import Proposed
from registration.needs import Need, Without
from registration.pages.language import PageLanguage
from shared.events import PrintState, Status

Kind = Literal["", "open", "stopped", "full", "closed", "head"]


class Mark(NamedTuple):
    """A word or two; `kind` says how it looks."""

    text: str
    kind: Kind = ""


_KINDS: dict[Status, Kind] = {Status.ACCREDITED: "open", Status.REFUSED: "stopped"}
_MARKS = Markup('<p class="marks">%s</p>')
_MARK = Markup('<span class="mark %s">%s</span> ')


def written(marks: Iterable[Mark]) -> Markup:
    return _MARKS % Markup().join(_MARK % (each.kind, each.text) for each in marks)


def status_name(status: Status, language: PageLanguage) -> str:
    gettext = language.gettext
    match status:
        case Status.SUBMITTED:
            return gettext("Awaits its decision")
        case Status.UNDER_REVIEW:
            return gettext("Under review")
        case Status.ACCREDITED:
            return gettext("Accredited")
        case Status.REFUSED:
            return gettext("Refused")
        case Status.WITHDRAWN:
            return gettext("Withdrawn")
        case Status.ERASED:
            raise AssertionError("the erased are not shown")


def standing_marks(status: Status, badge: PrintState | None, needs: Container[Need], language: PageLanguage) -> Iterator[Mark]:
    """How somebody stands, and then what becomes of their badge, or what must come before one is made."""
    gettext = language.gettext
    yield Mark(status_name(status, language), _KINDS.get(status, ""))
    if status is Status.ACCREDITED:
        yield _badge_mark(badge, language)
    elif status in (Status.SUBMITTED, Status.UNDER_REVIEW):
        if "photo" in needs:
            yield Mark(gettext("Photo missing"), "stopped")
        if "letter" in needs:
            yield Mark(gettext("Letter missing"), "stopped")


def _badge_mark(badge: PrintState | None, language: PageLanguage) -> Mark:
    gettext = language.gettext
    match badge:
        case PrintState.PRINTED:
            return Mark(gettext("Badge printed"), "open")
        case PrintState.ACCEPTED:
            return Mark(gettext("Badge is being printed"))
        case PrintState.FAILED:
            return Mark(gettext("Badge not printed: the conference sees to it"), "stopped")
        case None:
            return Mark(gettext("Badge not printed yet"))


def endorsement_mark(without: Without | None, language: PageLanguage) -> Mark:
    """Of somebody whose endorsement is waited for; `without` is why the desk may decide all the same."""
    if without:
        return Mark(language.gettext("Not endorsed"), "full")
    return Mark(language.gettext("Waits for the focal point"))


def proposal_mark(proposed: Proposed, language: PageLanguage) -> Mark:
    """Of somebody on whom one of two has decided."""
    accredits = proposed.decision == "accredit"
    return Mark(language.gettext("Accreditation proposed") if accredits else language.gettext("Refusal proposed"), "full")


def correction_mark(confirming: Proposed | None, language: PageLanguage) -> Mark:
    """Of somebody of whom a correction waits; `confirming` is what one of two has decided on it."""
    gettext = language.gettext
    if confirming is None:
        return Mark(gettext("Correction waits"), "full")
    if confirming.decision == "accept":
        return Mark(gettext("Correction waits for a second yes"), "full")
    return Mark(gettext("Declining the correction is proposed"), "full")
