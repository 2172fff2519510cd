"""Examples for the tests of registration: people of the tiny conference, its desk, its callers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registration.callers.caller import Caller
from registration.callers.form_keys import FormKey
from registration.programme import changes
from registration.register import Register
from registration.service import Desk
from shared.clock import ConferenceClock
from shared.conference import Conference
from shared.conference_folder import load
from shared.events import PersonSubmitted, RegistrationSubmitted
from shared.keys import Role, StaffKey

TINY = load(Path(__file__).with_name("conferences") / "tiny")


def tiny(**changed: Any) -> Conference:
    """The tiny conference with other parts: read anew, for a copy would keep what is looked up in the first one's parts."""
    return Conference.model_validate({**TINY.model_dump(), **changed})


AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""The true time of a change; the conference's own time is that of its folder."""
BEFORE = datetime(2026, 5, 5, 7, 0, tzinfo=UTC)
"""A week before the tiny conference."""

ACCREDITATION = Caller("staff accreditation", staff=StaffKey("accreditation desk", Role.ACCREDITATION))
PROGRAMME = Caller("staff programme", staff=StaffKey("programme desk", Role.PROGRAMME))
FORM = Caller("form all", form=FormKey("form", None, None))
OSLO_FORM = Caller("form oslo", form=FormKey("Oslo's form", frozenset({"member"}), frozenset({"oslo"})))


def person(**changed: Any) -> PersonSubmitted:
    fields: dict[str, Any] = {
        "given_name": "Ada",
        "family_name": "Berg",
        "function": "Harbour master",
        "email": "ada@port.example",
        "language": "en",
        "time_zone": "Europe/Oslo",
    }
    return PersonSubmitted(**(fields | changed))


def submitted(*, category: str = "member", delegation: str = "oslo", sessions: list[str] | None = None, **changed: Any) -> Any:
    """A request to register somebody; what is not of the request is of the person."""
    own = {name: changed.pop(name) for name in ("protected", "pass_days") if name in changed}
    return RegistrationSubmitted(
        category=category, delegation=delegation, person=person(**changed), sessions=sessions or [], **own
    )


def programme_of(conference: Conference) -> Register:
    """A register that knows the conference's sessions and nobody yet."""
    planned = {each.session_id: changes.planned(each, conference, AT) for each in conference.sessions}
    return Register(sessions=planned)


def desk(conference: Conference = TINY) -> Desk:
    return Desk(conference, ConferenceClock(conference.now))
