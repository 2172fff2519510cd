"""A letter of credentials as pages show it: whether it is there, who gave it and when. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from registration.delegations.focal_points import FocalPoint
from registration.letters.letter import Letter
from registration.pages.language import PageLanguage
from registration.pages.people import Past
from shared.conference import Conference
from shared.keys import key_hash

FOCAL_POINT = "focal-point"


@dataclass(frozen=True, slots=True)
class LetterShown:
    """Whether it is `there`; all else is empty where it is not."""

    there: bool
    needed_of: str
    """The categories whose people wait for it, as a list in words; empty where it is asked for by none."""
    at: str = ""
    by: str = ""
    """The name of who gave it: of a focal point only while they are one."""
    kind: str = ""
    """As the audit trail has it: focal-point, account or staff-key."""
    pages: int = 0


def letter_shown(
    letter: Letter | None, delegation: str, focal_points: Sequence[FocalPoint], conference: Conference, language: PageLanguage
) -> LetterShown:
    waiting = [each for each in conference.categories if conference.needs_letter(each.slug, delegation)]
    needed_of = language.listed(language.plain(each.names) for each in waiting) if waiting else ""
    if letter is None:
        return LetterShown(False, needed_of)
    kind, _, name = letter.given_by.partition(" ")
    at = language.moment(letter.given_at, conference.zone_info)
    return LetterShown(True, needed_of, at, _named(kind, name, focal_points), kind, letter.pages)


def letter_past(
    entries: Iterable[str], focal_points: Sequence[FocalPoint], conference: Conference, language: PageLanguage
) -> list[Past]:
    """Who gave and removed a delegation's letters, the newest first."""
    told: list[dict[str, Any]] = [orjson.loads(each) for each in entries]
    return [
        Past(
            action=each["action"],
            by=_named(each["by"]["kind"], each["by"]["name"], focal_points),
            kind=each["by"]["kind"],
            at=language.moment(datetime.fromisoformat(each["at"]), conference.zone_info),
            reason="",
        )
        for each in reversed(told)
    ]


def _named(kind: str, name: str, focal_points: Sequence[FocalPoint]) -> str:
    """A focal point's name, whom the trail knows by a hash of their address, while they are one; else the name as it is."""
    if kind != FOCAL_POINT:
        return name
    known = name.rpartition(" ")[2]
    return next((each.name for each in focal_points if key_hash(each.address).startswith(known)), "")
