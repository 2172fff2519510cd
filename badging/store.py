"""Badging's tables and queries. The database itself holds a delegate to one valid badge."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    select,
    text,
)

from badging.model import Badge, BadgeState, Issued, Printing, Progress, Report
from shared.database import UtcDateTime
from shared.dead_letters import DeadLetters
from shared.events import BadgeContent, BadgeJob, DelegateRegistered, PrintState, Priority, SessionChanged
from shared.outbox import Outbox
from shared.revisions import KnownFacts
from shared.rows import among, execute_many

metadata = MetaData()
outbox = Outbox(metadata, "badging")
dead_letters = DeadLetters(metadata, outbox)
delegates = KnownFacts(metadata, "delegates", DelegateRegistered)
sessions = KnownFacts(metadata, "sessions", SessionChanged)

badges = Table(
    "badges",
    metadata,
    Column("badge_id", Uuid, primary_key=True),
    Column("serial", String(32), nullable=False, unique=True),
    Column("delegate_id", Uuid, comment="null once the delegate is forgotten"),
    Column("job_id", Uuid, nullable=False),
    Column("state", String(8), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("void_reason", String(64)),
    Column("supersedes", Uuid),
    Column("revision", Integer, nullable=False),
    Column("credential", String(512)),
    Column("content", Text, comment="a BadgeContent, as printed; null once the delegate is erased"),
    Column("fingerprint", String(64), nullable=False),
    Column("station", String(64), nullable=False),
    Column("priority", String(8), nullable=False),
    Column("layout", String(64), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("voided_at", UtcDateTime),
    Column("print_state", String(8), nullable=False, server_default=Progress.QUEUED.value),
    Column("print_cause", String(160)),
    Column("printer", String(160)),
    Column("printed_at", UtcDateTime),
    Column("sheets", Integer, nullable=False, server_default="0"),
    Column("possible_sheets", Integer, nullable=False, server_default="0"),
)
_one_valid_badge = text("state = 'valid'")
Index("badges_by_delegate", badges.c.delegate_id)
Index(
    "badges_one_valid_each",
    badges.c.delegate_id,
    unique=True,
    sqlite_where=_one_valid_badge,
    postgresql_where=_one_valid_badge,
)
_to_destroy: ColumnElement[bool] = literal_column("(state = 'void' and sheets > 0)", Boolean)
Index("badges_to_destroy", badges.c.badge_id, sqlite_where=_to_destroy, postgresql_where=_to_destroy)

reports = Table(
    "reports",
    metadata,
    Column("badge_id", Uuid, ForeignKey("badges.badge_id"), primary_key=True),
    Column("state", String(8), primary_key=True),
    Column("printer", String(160), primary_key=True),
    Column("at", UtcDateTime, primary_key=True),
    Column("cause", String(160)),
)

reprints = Table(
    "reprints",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("idempotency_key", String(256), primary_key=True),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("badge_id", Uuid, comment="the badge that the request made"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which badges to list; `None` is any."""

    delegate_id: UUID | None = None
    serial: str | None = None
    state: BadgeState | None = None
    print_state: Progress | None = None
    to_destroy: bool | None = None


class Counts(NamedTuple):
    """How many badges are valid, how far their jobs have come, and how many void ones have a sheet to destroy."""

    valid: int
    queued: int
    accepted: int
    printed: int
    failed: int
    to_destroy: int


# --- what is decided on -------------------------------------------------------------------------------------------


def issued_to(tx: Connection, delegate_ids: Collection[UUID]) -> Mapping[UUID, list[Issued]]:
    """Every badge issued to these delegates, locked until the transaction ends; who has none is absent."""
    issued: defaultdict[UUID, list[Issued]] = defaultdict(list)
    found = tx.execute(_ISSUED, {"ids": list(delegate_ids)})
    for badge_id, serial, delegate_id, state, fingerprint, sheets in found:
        issued[delegate_id].append(Issued(badge_id, serial, delegate_id, BadgeState(state), fingerprint, sheets))
    return issued


_b = badges.c
_ISSUED = (
    select(_b.badge_id, _b.serial, _b.delegate_id, _b.state, _b.fingerprint, _b.sheets)
    .where(among(_b.delegate_id, "ids"))
    .order_by(_b.badge_id)
    .with_for_update()
)


def void(tx: Connection, voided: Sequence[tuple[UUID, str]], at: datetime) -> None:
    """Void these badges, each for its reason."""
    if voided:
        update = badges.update().where(badges.c.badge_id == bindparam("voided"))
        update = update.values(state=BadgeState.VOID.value, void_reason=bindparam("why", type_=String), voided_at=at)
        tx.execute(update, [{"voided": badge_id, "why": reason} for badge_id, reason in voided])


def issue(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new badges, each made by `row_of`."""
    if rows:
        execute_many(tx, _INSERT, rows)


_INSERT = badges.insert()


def row_of(job: BadgeJob, fingerprint: str, revision: int) -> dict[str, Any]:
    """A valid badge as its job has it printed, not yet reported on."""
    return {
        "badge_id": job.badge_id,
        "serial": job.serial,
        "delegate_id": job.delegate_id,
        "job_id": job.job_id,
        "state": BadgeState.VALID.value,
        "reason": job.reason,
        "supersedes": job.supersedes,
        "revision": revision,
        "credential": job.credential,
        "content": job.content.model_dump_json(),
        "fingerprint": fingerprint,
        "station": job.station,
        "priority": job.priority,
        "layout": job.layout,
        "issued_at": job.requested_at,
    }


def job_of(badge: Badge) -> BadgeJob | None:
    """The job as it was written to the queue, or `None` where the badge was wiped."""
    if badge.content is None or badge.credential is None or badge.delegate_id is None:
        return None
    return BadgeJob(
        job_id=badge.job_id,
        badge_id=badge.badge_id,
        serial=badge.serial,
        delegate_id=badge.delegate_id,
        supersedes=badge.supersedes,
        station=badge.station,
        priority=badge.priority,
        layout=badge.layout,
        content=badge.content,
        credential=badge.credential,
        reason=badge.reason,
        requested_at=badge.issued_at,
    )


# --- what printers report -----------------------------------------------------------------------------------------


def reports_of(tx: Connection, badge_ids: Collection[UUID]) -> Mapping[UUID, list[Report]]:
    r = reports.c
    known: defaultdict[UUID, list[Report]] = defaultdict(list)
    query = select(r.badge_id, r.state, r.printer, r.at, r.cause).where(r.badge_id.in_(badge_ids))
    for badge_id, state, printer, at, cause in tx.execute(query):
        known[badge_id].append(Report(PrintState(state), printer, at, cause))
    return known


def keep_reports(tx: Connection, kept: Sequence[tuple[UUID, Report]], printings: Mapping[UUID, Printing]) -> None:
    """Keep new reports, and with each badge what all of its reports amount to."""
    if kept:
        tx.execute(reports.insert(), [{"badge_id": badge_id, **report._asdict()} for badge_id, report in kept])
        update = badges.update().where(badges.c.badge_id == bindparam("reported"))
        update = update.values({name: bindparam(f"new_{name}", type_=badges.c[name].type) for name in Printing._fields})
        rows = [
            {"reported": badge_id, **{f"new_{name}": value for name, value in printing._asdict().items()}}
            for badge_id, printing in printings.items()
        ]
        tx.execute(update, rows)


# --- whole badges -------------------------------------------------------------------------------------------------


def find(tx: Connection, badge_ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Badge]:
    """These badges by id, an unknown one absent; with `lock`, held until the transaction ends."""
    query = _whole().where(badges.c.badge_id.in_(badge_ids)).order_by(badges.c.badge_id)
    return {badge.badge_id: badge for badge in map(_badge, tx.execute(query.with_for_update() if lock else query).mappings())}


def find_by_serial(tx: Connection, serial: str) -> Badge | None:
    row = tx.execute(_whole().where(badges.c.serial == serial)).mappings().first()
    return None if row is None else _badge(row)


def listed(tx: Connection, wanted: Wanted, *, limit: int, after: UUID | None) -> list[Badge]:
    """At most `limit` badges in the order of their issue, those after badge `after`."""
    b = badges.c
    query = _whole().order_by(b.badge_id).limit(limit)
    for column, value in (
        (b.delegate_id, wanted.delegate_id),
        (b.serial, wanted.serial),
        (b.state, wanted.state),
        (b.print_state, wanted.print_state),
    ):
        query = query if value is None else query.where(column == value)
    if wanted.to_destroy is not None:
        query = query.where(_to_destroy if wanted.to_destroy else not_(_to_destroy))
    if after is not None:
        query = query.where(b.badge_id > after)
    return [_badge(row) for row in tx.execute(query).mappings()]


def count(tx: Connection) -> Counts:
    b = badges.c

    def how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((condition, 1)))

    columns = [how_many(b.state == "valid"), *(how_many(b.print_state == each) for each in Progress), how_many(_to_destroy)]
    return Counts(*tx.execute(select(*columns)).one())


_COLUMNS = [badges.c[field.name] for field in fields(Badge)]


def _whole() -> Select[Any]:
    return select(*_COLUMNS)


def _badge(row: RowMapping) -> Badge:
    found: dict[str, Any] = dict(row)
    for name, kind in (("state", BadgeState), ("priority", Priority), ("print_state", Progress)):
        found[name] = kind(found[name])
    if found["content"] is not None:
        found["content"] = BadgeContent.model_validate_json(found["content"])
    return Badge(**found)
