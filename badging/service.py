"""What badging does: keep every accredited delegate at one valid badge, follow the printers, reprint at the desk."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from badging import store, wiping
from badging.blanks import Blanks, Unprintable
from badging.dates import dates_by_language
from badging.ledger import Ledger, Occasion
from badging.model import (
    Badge,
    BadgeState,
    Issue,
    Issued,
    Nothing,
    Replace,
    Report,
    ReprintReason,
    Void,
    converge,
    printing,
    valid_of,
)
from badging.serials import serial_prefix
from shared.clock import utc_now
from shared.conference import Conference
from shared.events import BadgeStatus, DelegateRegistered, PrintState, Priority, SessionChanged, Status
from shared.inbox import Journal
from shared.problems import Problem, invalid_body
from shared.received import Received, RefusedEvent
from shared.said import FieldFault, say
from shared.settings import KafkaSettings


class UnprintableRegistration(RefusedEvent):
    """An accredited registration of which no badge can be made."""


class UnknownBadge(RefusedEvent):
    """A printer reports on a badge, or a job, that this badging never issued."""


def no_such_badge() -> Problem:
    detail = say("`GET /badges?delegate=ID` lists a delegate's.")
    return Problem(404, "no-such-badge", say("There is no badge with this id."), detail)


class BadgeDesk:
    """Badging's use cases. Each runs in the caller's transaction and, given the same again, changes nothing more."""

    def __init__(self, conference: Conference, kafka: KafkaSettings) -> None:
        self._blanks = Blanks(conference, dates_by_language(conference))
        self._kafka = kafka
        self._serial_prefix = serial_prefix(conference.slug)

    # --- from registration ------------------------------------------------------------------------------------

    def converge(self, tx: Connection, batch: Sequence[Received[DelegateRegistered]]) -> Journal:
        """Void and issue what the newest revision of each delegate asks for; each new badge has its job in the outbox."""
        news = [each.received for each in store.delegates.keep_newest(tx, batch)]
        issued = store.issued_to(tx, [each.fact.delegate_id for each in news])
        ledger = self._ledger()
        for received in news:
            self._converge_one(ledger, received, issued.get(received.fact.delegate_id, ()))
        journal = ledger.write(tx)
        wiping.wipe(tx, [each.fact.delegate_id for each in news if each.fact.status is Status.ERASED])
        wiping.hide_names(tx, [each.fact.delegate_id for each in news if each.fact.protected])
        return journal

    def _converge_one(self, ledger: Ledger, received: Received[DelegateRegistered], issued: Sequence[Issued]) -> None:
        registration, envelope = received.fact, received.envelope
        occasion = Occasion(registration.delegate_id, registration.revision, envelope.traceparent, envelope.id)
        station = self._kafka.stations[0]
        try:
            decision = converge(registration, issued, self._blanks)
        except Unprintable as unprintable:
            raise UnprintableRegistration(str(unprintable)) from unprintable
        match decision:
            case Nothing():
                pass
            case Void(badge, reason):
                ledger.void(badge, reason, occasion)
            case Issue(filled, reason):
                ledger.issue(filled, reason, occasion, station=station)
            case Replace(badge, filled, reason):
                ledger.void(badge, reason, occasion)
                ledger.issue(filled, reason, occasion, station=station, supersedes=badge.badge_id)

    def forget(self, tx: Connection, keys: Sequence[str]) -> None:
        """Take tombstones: of these delegates only serials remain, void, that belong to nobody."""
        delegate_ids = [UUID(key) for key in keys]
        store.delegates.forget(tx, keys)
        issued = store.issued_to(tx, delegate_ids)
        valid = [badge for held in issued.values() for badge in held if badge.state is BadgeState.VALID]
        store.void(tx, [(badge.badge_id, Status.ERASED.value) for badge in valid], utc_now())
        wiping.wipe(tx, delegate_ids)
        wiping.detach(tx, delegate_ids)

    def keep_sessions(self, tx: Connection, batch: Sequence[Received[SessionChanged]]) -> Journal:
        """Keep who may enter each session, for its door. No badge changes."""
        store.sessions.keep_newest(tx, batch)
        return []

    # --- from the printers ------------------------------------------------------------------------------------

    def record(self, tx: Connection, batch: Sequence[Received[BadgeStatus]]) -> Journal:
        """Keep what printers report, in any order; a report that is known is dropped. Raises `UnknownBadge`."""
        badge_ids = {each.fact.badge_id for each in batch}
        badges = store.find(tx, badge_ids, lock=True)
        known = store.reports_of(tx, badge_ids)
        kept: list[tuple[UUID, Report]] = []
        journal: Journal = []
        for received in batch:
            status = received.fact
            badge = _reported(badges, status)
            report = Report(status.state, status.printer, status.at, status.cause)
            told = known[badge.badge_id]
            if not any(report.is_same_as(each) for each in told):
                told.append(report)
                kept.append((badge.badge_id, report))
                journal += _logged(received, badge, printing(told).sheets)
        store.keep_reports(tx, kept, {badge_id: printing(known[badge_id]) for badge_id, _ in kept})
        return journal

    # --- from the desk ----------------------------------------------------------------------------------------

    def reprint(
        self,
        tx: Connection,
        badge_id: UUID,
        reason: ReprintReason,
        *,
        station: str | None = None,
        priority: Priority = Priority.NORMAL,
        traceparent: str,
    ) -> tuple[Badge, Journal]:
        """Void a valid badge and issue the next to its holder, by default at the station of the first.

        Raises a `Problem`: 404 for an unknown badge, 409 for one that is not valid, 422 for an unknown station.
        """
        badge = store.find(tx, [badge_id]).get(badge_id)
        if badge is None:
            raise no_such_badge()
        if station is not None and station not in self._kafka.stations:
            detail = say("There is no such station. There are: {stations}.", stations=", ".join(self._kafka.stations))
            raise invalid_body([FieldFault("/station", "unknown-station", detail)])
        registration, old = self._holder(tx, badge)
        try:
            filled = self._blanks.fill(registration)
        except Unprintable as unprintable:
            title = say("No badge can be made of this registration.")
            raise Problem(409, "not-printable", title, unprintable.reason) from None
        ledger = self._ledger()
        occasion = Occasion(registration.delegate_id, registration.revision, traceparent)
        ledger.void(old, reason, occasion)
        new_id = ledger.issue(
            filled,
            reason,
            occasion,
            supersedes=badge_id,
            station=station or badge.station,
            priority=priority,
        )
        journal = ledger.write(tx)
        return store.find(tx, [new_id])[new_id], journal

    def _holder(self, tx: Connection, badge: Badge) -> tuple[DelegateRegistered, Issued]:
        """The registration of whoever holds `badge`, locked, and the badge as it then is; raises 409 where it is not valid."""
        registration = None
        valid: Issued | None = None
        if badge.delegate_id is not None:
            key = str(badge.delegate_id)
            registration = store.delegates.get(tx, [key], lock=True).get(key)
            valid = valid_of(store.issued_to(tx, [badge.delegate_id]).get(badge.delegate_id, ()))
        if registration is not None and valid is not None and valid.badge_id == badge.badge_id:
            return registration, valid
        what_to_do = (
            say("Its delegate holds no valid badge: ask the accreditation desk.")
            if valid is None
            else say("The delegate's valid badge is {badge_id}: reprint that one.", badge_id=valid.badge_id)
        )
        raise Problem(409, "badge-not-valid", say("Only a valid badge can be reprinted."), what_to_do)

    def _ledger(self) -> Ledger:
        return Ledger(self._kafka, self._serial_prefix, utc_now())


def _reported(badges: Mapping[UUID, Badge], status: BadgeStatus) -> Badge:
    badge = badges.get(status.badge_id)
    if badge is None:
        raise UnknownBadge(f"badge {status.badge_id} was not issued here: report the badge_id of the job that was printed")
    if badge.job_id != status.job_id:
        raise UnknownBadge(f"job {status.job_id} is not that of badge {badge.badge_id}, which is job {badge.job_id}")
    return badge


def _logged(received: Received[BadgeStatus], badge: Badge, sheets: int) -> Journal:
    """What is logged of a new report; its cause is a printer's own words and stays out."""
    status = received.fact
    fields: dict[str, Any] = {
        "delegate_id": str(status.delegate_id),
        "badge_id": str(badge.badge_id),
        "serial": badge.serial,
        "revision": badge.revision,
        "printer": status.printer,
        "trace_id": received.trace_id,
        "event_id": received.envelope.id,
    }
    match status.state:
        case PrintState.ACCEPTED:
            return []
        case PrintState.FAILED:
            return [("badge_print_failed", fields)]
        case PrintState.PRINTED:
            printed = ("badge_printed", {**fields, "sheets": sheets, "badge_state": badge.state.value})
            return [printed] if badge.state is BadgeState.VALID else [printed, ("badge_sheet_to_destroy", fields)]
