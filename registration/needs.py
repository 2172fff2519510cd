"""What a registration still needs before anybody can be accredited: it is taken without, and waits. Pure.

A category that is accredited automatically is so in the revision in which the last of it comes.
"""

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Literal

from registration.delegate import Endorsement, Registration
from shared.conference import Accreditation, Category, Conference
from shared.events import Status
from shared.said import FieldFault, Said, say

Need = Literal["photo", "endorsement", "letter"]
Without = Literal["no-focal-point", "overdue"]

_SAID: dict[Need, Said] = {
    "photo": say("The photo that its badge shows is not there yet."),
    "endorsement": say("The delegation’s focal point has not endorsed this person yet."),
    "letter": say("The delegation’s letter of credentials is not there yet."),
}


def needs_of(registration: Registration, conference: Conference, letters: Container[str]) -> list[Need]:
    """What is not there yet. Of the protected no photo is needed, since none is shown.

    `letters` are the delegations whose letter of credentials is there.
    """
    needs: list[Need] = []
    if conference.category[registration.category].photo and not registration.protected and registration.photo is None:
        needs.append("photo")
    if registration.lacks_endorsement:
        needs.append("endorsement")
    if conference.needs_letter(registration.category, registration.delegation) and registration.delegation not in letters:
        needs.append("letter")
    return needs


def need_faults(needs: Iterable[Need]) -> list[FieldFault]:
    return [FieldFault(f"/{need}", f"{need}-needed", _SAID[need]) for need in needs]


def endorsement_in(category: Category, held: Endorsement | None, at: datetime, *, themselves: bool) -> Endorsement | None:
    """What somebody who comes into `category` needs, or has; `themselves` is whether a form brought them there.

    Whom a focal point or the desk brings needs none: that they do is one.
    """
    if held is not None and (category.needs_endorsement or not held.waits):
        return held
    if not category.needs_endorsement or not themselves:
        return None
    within = category.endorsed_within
    return Endorsement(state="waiting", since=at, until=None if within is None else at + timedelta(days=within))


def goes_without(registration: Registration, *, has_focal_point: bool, at: datetime) -> Without | None:
    """Why the desk may decide without the endorsement that is waited for; `None` where it may not, or none is.

    `at` is the true time.
    """
    endorsement = registration.endorsement
    if endorsement is None or not endorsement.waits:
        return None
    if not has_focal_point:
        return "no-focal-point"
    return "overdue" if endorsement.until is not None and endorsement.until <= at else None


def status_at_first(registration: Registration, conference: Conference, letters: Container[str]) -> Status:
    """As what somebody is registered, or stands once what was missing has come."""
    automatic = conference.category[registration.category].accreditation is Accreditation.AUTOMATIC
    if registration.status is not Status.SUBMITTED or not automatic or needs_of(registration, conference, letters):
        return registration.status
    return Status.ACCREDITED
