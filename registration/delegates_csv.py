"""Delegates as a table for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from registration.views import DelegateView
from shared.events import EnrolmentState

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
    "late",
    "changed_at",
    "reason_code",
)
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def delegates_csv(views: Iterable[DelegateView]) -> str:
    """A table for spreadsheets: with a byte order mark, which they know UTF-8 by, and no cell that they would run."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for view in views:
        person = view["person"]
        row: dict[str, Any] = {
            **view,
            "name": person["printed_name"],
            "function": person["function"],
            "email": person["email"] or "",
            "language": person["language"],
            "reason_code": view.get("reason_code") or "",
            "sessions": " ".join(each["session_id"] for each in view["enrolments"] if each["state"] is EnrolmentState.ENROLLED),
            "changed_at": view["changed_at"].isoformat(),
        }
        writer.writerow({column: _inert(row[column]) for column in CSV_COLUMNS})
    return text.getvalue()


def _inert(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula, some also in full-width characters, begins with an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA_STARTS else cell
