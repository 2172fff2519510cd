"""What a badge says: a conference's blank badges, and a registration put on one. Pure rules, as in `badging.model`."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from shared.conference import Category, Conference
from shared.events import BadgeContent, DelegateRegistered, Language, Zone, in_language
from shared.said import Said, say


class Filled(NamedTuple):
    """A badge but for its serial: what it says, in which layout, and the `fingerprint` of what it says."""

    content: BadgeContent
    layout: str
    fingerprint: str


class Unprintable(Exception):
    """No badge can be made of this registration; `reason` says why, without naming the person."""

    def __init__(self, reason: Said) -> None:
        super().__init__(reason)
        self.reason = reason


class Blanks:
    """A conference's badges before a person is on them, in each category and language.

    `days` says the conference's dates in each language. Raises `ValidationError` where a line of the conference is too
    long for a badge.
    """

    def __init__(self, conference: Conference, days: Mapping[Language, str]) -> None:
        self._conference = conference
        self._blanks = {
            (category.slug, language): _blank(conference, category, language, days[language])
            for category in conference.categories
            for language in days
        }

    def fill(self, registration: DelegateRegistered) -> Filled:
        """What is printed for `registration`, in the delegate's language; raises `Unprintable`.

        Of protected people only the function is printed, and no photo, whatever the registration carries.
        """
        person = registration.person
        if person is None:
            raise Unprintable(say("the registration names no person"))
        language = person.language
        blank = self._blanks.get((registration.category, language))
        pass_type = self._conference.pass_type.get(registration.pass_type)
        if blank is None or pass_type is None:
            reason = say(
                "category '{category}' or pass type '{pass_type}' is not in the conference that badging was started with: "
                "start it with the same conference folder as registration",
                category=registration.category,
                pass_type=registration.pass_type,
            )
            raise Unprintable(reason)
        category = self._conference.category[registration.category]
        with_photo = category.photo and not registration.protected
        # Every value was validated in the event or the folder; to copy the blank costs a tenth of validating it again.
        content = blank.model_copy(
            update={
                "name": person.function if registration.protected else person.printed_name,
                "function": person.function,
                "delegation": in_language(registration.delegation.names, language),
                "pass_type": in_language(pass_type.names, language),
                "pass_days": registration.pass_days,
                "photo": registration.photo if with_photo else None,
            }
        )
        return Filled(content, category.layout, fingerprint(content))


def _blank(conference: Conference, category: Category, language: Language, days: str) -> BadgeContent:
    zones = [conference.zone[slug] for slug in category.zones]
    return BadgeContent(
        conference=in_language(conference.title, language),
        venue_and_dates=f"{in_language(conference.venue, language)} · {days}",
        name="–",
        function="–",
        delegation="–",
        category=in_language(category.names, language),
        colour=category.colour,
        pass_type="–",
        zones=[Zone(code=zone.code, name=in_language(zone.names, language)) for zone in zones],
        language=language,
    )


def fingerprint(content: BadgeContent) -> str:
    """Equal for two badges that say the same about their holder.

    The conference's own lines are left out: they are the same on every badge, and correcting one must not reprint people
    one by one as they happen to be amended. So are defaults: a field that a later version adds changes nobody's badge.
    """
    said = content.model_dump_json(
        exclude={"conference": True, "venue_and_dates": True, "photo": {"jpeg"}}, exclude_defaults=True
    )
    return hashlib.sha256(said.encode()).hexdigest()
