"""The rules of badging: which badge a delegate should hold, what printers' reports mean, who may enter."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from badging.blanks import Blanks, Filled
from shared.events import (
    BadgeContent,
    DelegateRegistered,
    PrintState,
    Priority,
    SessionChanged,
    SessionStatus,
    Status,
)


class BadgeState(StrEnum):
    VALID = "valid"
    VOID = "void"


class Progress(StrEnum):
    """How far a badge's one job has come."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    PRINTED = "printed"
    FAILED = "failed"


ReprintReason = Literal["lost", "stolen", "damaged", "illegible", "misprinted", "print-failed"]
"""Why the desk prints another badge with the same content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """One badge, by one id and one serial for life. Of an erased person the serial alone is left."""

    badge_id: UUID
    serial: str
    delegate_id: UUID | None
    job_id: UUID
    state: BadgeState
    reason: str
    """Why it was issued: `first`, `changed`, `reinstated`, or a `ReprintReason`."""
    void_reason: str | None
    """Why it was voided: the reason of the badge that replaced it, or the status that ended the registration."""
    supersedes: UUID | None
    revision: int
    """The revision of the registration that it was issued for."""
    credential: str | None
    content: BadgeContent | None
    station: str
    priority: Priority
    layout: str
    issued_at: datetime
    voided_at: datetime | None
    print_state: Progress
    print_cause: str | None
    printer: str | None
    printed_at: datetime | None
    sheets: int
    """How many times a printer reported it as printed."""
    possible_sheets: int
    """How many sheets there may be, with those that a printer accepted and of which it said no more."""

    @property
    def possible_second_sheet(self) -> bool:
        """A printer died at this badge: whoever printed it again cannot know whether the first sheet lies there."""
        return self.possible_sheets > 1

    @property
    def to_destroy(self) -> bool:
        return self.state is BadgeState.VOID and self.sheets > 0


# --- which badge a delegate should hold ---------------------------------------------------------------------------


class Issued(NamedTuple):
    """Of a badge that was issued, what a decision needs."""

    badge_id: UUID
    serial: str
    delegate_id: UUID
    state: BadgeState
    fingerprint: str
    sheets: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """What is, is what should be."""


@dataclass(frozen=True, slots=True)
class Issue:
    filled: Filled
    reason: str


@dataclass(frozen=True, slots=True)
class Void:
    badge: Issued
    reason: str


@dataclass(frozen=True, slots=True)
class Replace:
    badge: Issued
    filled: Filled
    reason: str


Decision = Nothing | Issue | Void | Replace


def converge(registration: DelegateRegistered, issued: Sequence[Issued], blanks: Blanks) -> Decision:
    """What brings a delegate from all badges `issued` so far to what they should hold: one valid badge while accredited.

    What is printed counts, not the revision. Raises `Unprintable`.
    """
    valid = valid_of(issued)
    if registration.status is not Status.ACCREDITED:
        return Nothing() if valid is None else Void(valid, registration.status.value)
    filled = blanks.fill(registration)
    if valid is None:
        return Issue(filled, "reinstated" if issued else "first")
    return Nothing() if valid.fingerprint == filled.fingerprint else Replace(valid, filled, "changed")


def valid_of(issued: Sequence[Issued]) -> Issued | None:
    return next((badge for badge in issued if badge.state is BadgeState.VALID), None)


# --- what printers report -----------------------------------------------------------------------------------------


class Report(NamedTuple):
    """One report of a printer. Printer, time and state tell one from another."""

    state: PrintState
    printer: str
    at: datetime
    cause: str | None

    def is_same_as(self, other: "Report") -> bool:
        return self[:3] == other[:3]


class Printing(NamedTuple):
    """What all reports of one job amount to."""

    print_state: Progress
    print_cause: str | None
    printer: str
    printed_at: datetime | None
    sheets: int
    possible_sheets: int


_STRENGTH = {PrintState.ACCEPTED: 0, PrintState.FAILED: 1, PrintState.PRINTED: 2}


def printing(reports: Collection[Report]) -> Printing:
    """Take one or more reports in any order: a sheet that exists outweighs a failure, a failure an acceptance."""
    decisive = max(reports, key=lambda report: (_STRENGTH[report.state], report.at, report.printer))
    told = Counter((state, printer) for state, printer, _ in {report[:3] for report in reports})
    return Printing(
        print_state=Progress(decisive.state.value),
        print_cause=decisive.cause,
        printer=decisive.printer,
        printed_at=decisive.at if decisive.state is PrintState.PRINTED else None,
        sheets=sum(count for (state, _), count in told.items() if state is PrintState.PRINTED),
        possible_sheets=sum(_possible_sheets(told, printer) for printer in {printer for _, printer in told}),
    )


def _possible_sheets(told: Counter[tuple[PrintState, str]], printer: str) -> int:
    """Those of one printer, which may report no acceptances, as a third party's need not."""
    accepted = told[PrintState.ACCEPTED, printer] - told[PrintState.FAILED, printer]
    return max(accepted, told[PrintState.PRINTED, printer])


# --- who may enter ------------------------------------------------------------------------------------------------


class Refusal(StrEnum):
    """Why a gate lets nobody in on a credential."""

    UNKNOWN = "unknown-credential"
    VOID = "void-badge"
    OTHER_DAY = "not-valid-today"
    CANCELLED = "session-cancelled"
    AUDIENCE = "category-not-in-audience"


def refusal(state: BadgeState, registration: DelegateRegistered, today: date, session: SessionChanged | None) -> Refusal | None:
    """Why the holder may not enter the venue, or `session` where one is given; `None` where they may.

    `today` is the date at the venue. Who may enter a session is its audience as it is now, never what was printed.
    """
    if state is not BadgeState.VALID or registration.status is not Status.ACCREDITED:
        return Refusal.VOID
    if registration.pass_days and today not in registration.pass_days:
        return Refusal.OTHER_DAY
    if session is None:
        return None
    if session.status is SessionStatus.CANCELLED:
        return Refusal.CANCELLED
    return None if registration.category in session.audience else Refusal.AUDIENCE
