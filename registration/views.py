"""How delegates, sessions and the conference are shown: as JSON and as CSV. A protected name only to whom may read it."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from registration.delegate import Registration, printed_name
from shared.conference import Conference
from shared.events import SessionChanged

CSV_COLUMNS = (
    "delegate_id",
    "revision",
    "status",
    "category",
    "delegation",
    "name",
    "function",
    "email",
    "language",
    "protected",
    "sessions",
    "badge",
    "changed_at",
)


def delegate_decided(registration: Registration) -> dict[str, Any]:
    """What whoever asked for a change is told: ids and states, nothing personal."""
    return {
        "delegate_id": str(registration.delegate_id),
        "revision": registration.revision,
        "status": registration.status.value,
        "status_reason": registration.status_reason,
        "category": registration.category,
        "delegation": registration.delegation,
        "enrolments": [each.model_dump(mode="json") for each in registration.enrolments],
        "changed_at": registration.changed_at.isoformat(),
    }


def delegate_view(registration: Registration, *, with_protected_name: bool, badge: str | None) -> dict[str, Any]:
    """A delegate for a reader with a key. Birth date and document number are not shown at all."""
    person = registration.person
    hidden = registration.protected and not with_protected_name
    return {
        **delegate_decided(registration),
        "pass_type": registration.pass_type,
        "pass_days": [day.isoformat() for day in registration.pass_days],
        "protected": registration.protected,
        "person": {
            "printed_name": person.function if registration.protected else printed_name(person),
            "given_name": None if hidden else person.given_name,
            "family_name": None if hidden else person.family_name,
            "function": person.function,
            "email": None if hidden else person.email,
            "language": person.language,
            "time_zone": person.time_zone,
        },
        "badge": badge,
        "submitted_at": registration.submitted_at.isoformat(),
    }


def delegates_csv(views: Iterable[dict[str, Any]]) -> str:
    """A table for spreadsheets. A cell that a spreadsheet would run as a formula is quoted with an apostrophe."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for view in views:
        person = view["person"]
        row = {
            **view,
            "name": person["printed_name"],
            "function": person["function"],
            "email": person["email"] or "",
            "language": person["language"],
            "sessions": " ".join(each["session_id"] for each in view["enrolments"] if each["state"] == "enrolled"),
        }
        writer.writerow({column: _inert(row[column]) for column in CSV_COLUMNS})
    return text.getvalue()


def _inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def session_view(session: SessionChanged, enrolled: int) -> dict[str, Any]:
    return {**session.model_dump(mode="json"), "enrolled": enrolled}


def conference_view(conference: Conference) -> dict[str, Any]:
    """The conference as anyone may read it: its notice, its days, and what a form needs to offer."""
    return {
        "slug": conference.slug,
        "title": conference.title,
        "venue": conference.venue,
        "time_zone": conference.time_zone,
        "opens_on": conference.opens_on.isoformat(),
        "closes_on": conference.closes_on.isoformat(),
        "contact": conference.contact,
        "notice": [question.model_dump() for question in conference.notice],
        "categories": [
            category.model_dump(mode="json", include={"slug", "names", "accreditation", "pass_type", "required", "open_to"})
            for category in conference.categories
        ],
        "delegations": [{"code": each.code, "kind": each.kind, "names": each.names} for each in conference.delegations],
        "working_groups": [group.model_dump(mode="json") for group in conference.working_groups],
    }
