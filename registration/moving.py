"""What another category brings to somebody who comes into it. Pure, as `registration.model`."""

from datetime import datetime

from registration.delegate import Registration, released
from registration.needs import endorsement_in
from registration.register import Register
from shared.conference import Accreditation, Category
from shared.events import Status

RELEASED_BY_CATEGORY = "category-changed"


def brought(
    current: Registration, category: Category, register: Register, at: datetime, *, themselves: bool
) -> dict[str, object]:
    """The category's pass, its way to be endorsed and accredited, no place where it may not enter. `at` is the true time."""
    if category.slug == current.category:
        return {}
    closed = {each.session_id for each in register.sessions.values() if category.slug not in each.audience}
    enrolments = [released(each, RELEASED_BY_CATEGORY) if each.session_id in closed else each for each in current.enrolments]
    automatic = category.accreditation is Accreditation.AUTOMATIC
    return {
        "category": category.slug,
        "pass_type": category.pass_type,
        "enrolments": enrolments,
        "endorsement": endorsement_in(category, current.endorsement, at, themselves=themselves),
        "status": Status.ACCREDITED if automatic else current.status,
    }
