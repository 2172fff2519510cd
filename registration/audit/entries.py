"""What the audit trail keeps: which changes of a delegate are decisions, who took them, and how entries are chained. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import orjson

from registration.amendment import Correction, CorrectionState
from registration.delegate import Registration
from shared.events import Status

START = bytes(32)
"""The hash before the first entry."""

Action = Literal[
    "review",
    "accredit",
    "refuse",
    "withdraw",
    "erase",
    "amend",
    "endorse",
    "decline-endorsement",
    "propose-accredit",
    "propose-refuse",
    "propose-correction",
    "accept-correction",
    "decline-correction",
    "confirm-accept-correction",
    "confirm-decline-correction",
    "take-back-correction",
    "give-letter",
    "remove-letter",
]
"""All that an entry may tell of; the last two are of a delegation, the others of a delegate."""
ActorKind = Literal["staff-key", "account", "form", "focal-point"]

_ACTIONS = {
    Status.UNDER_REVIEW: "review",
    Status.ACCREDITED: "accredit",
    Status.REFUSED: "refuse",
    Status.WITHDRAWN: "withdraw",
    Status.ERASED: "erase",
}
_AMENDED = ("category", "person", "protected", "pass_days", "fields", "photo")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who decided: `kind` is staff-key, account, form or focal-point; `name` is theirs."""

    kind: ActorKind
    name: str
    signs_in_at: str = ""
    """Of an account, the issuer of the provider that keeps it; empty where it has a password here."""
    person: str = ""
    """Of an account or a staff key, a hash of the e-mail address of whose it is; empty where that is not known."""

    @property
    def text(self) -> str:
        return f"{self.kind} {self.name}"


class Entry(Protocol):
    """What the trail keeps, whatever it is about."""

    @property
    def subject_hash(self) -> str:
        """By which the entries about one delegate, or one delegation, are found."""
        ...

    def content(self, seq: int) -> str:
        """The entry at `seq`, the same text whenever it is made."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, as the trail keeps it: nothing personal, and of the delegate only the hash of their id.

    The trail outlives an erasure, of which that hash alone may be left.
    """

    action: str
    """accredit, refuse, review, withdraw, erase, amend, or `propose-` with accredit or refuse.

    Of an endorsement: endorse or decline-endorsement.

    Of a correction: propose, accept, decline, `confirm-` with accept or decline where another must confirm it, or take-back,
    each with `-correction`.
    """
    delegate_id: UUID
    revision: int
    status: Status
    by: Actor
    at: datetime
    reason_sha256: str | None = None
    """By `reason_hash`: who holds the reason can show that it is the one."""
    reason_code: str | None = None
    amended: tuple[str, ...] = ()
    """What was amended, without what it was or is."""

    @property
    def subject_hash(self) -> str:
        return id_hash(self.delegate_id)

    def content(self, seq: int) -> str:
        """The entry at `seq`, the same text whenever it is made."""
        told: dict[str, Any] = {
            "seq": seq,
            "at": self.at.isoformat(),
            "action": self.action,
            "delegate_sha256": id_hash(self.delegate_id),
            "revision": self.revision,
            "status": self.status.value,
            "by": {"kind": self.by.kind, "name": self.by.name},
        }
        if self.reason_sha256:
            told["reason_sha256"] = self.reason_sha256
        if self.reason_code:
            told["reason_code"] = self.reason_code
        if self.amended:
            told["amended"] = list(self.amended)
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


def decision(before: Registration | None, after: Registration, by: Actor) -> Decided | None:
    """What was decided from one revision to the next; `None` where nothing was that the trail keeps.

    It keeps every change of status but the first submission, proposals, endorsements, and what is amended of the accredited.
    """
    action, amended, reason, code = _ACTIONS.get(after.status, ""), list[str](), after.status_reason, after.reason_code
    if before is not None and (answered := _endorsement_answered(before, after)):
        action = answered
    elif before is not None and before.status is after.status:
        if after.proposed is not None and after.proposed != before.proposed:
            action = f"propose-{after.proposed.decision}"
            reason, code = after.proposed.reason, after.proposed.reason_code
        else:
            amended = list(_amended(before, after)) if after.status is Status.ACCREDITED else []
            action = "amend" if amended else ""
            told_before, told_now = (before.status_reason, before.reason_code), (after.status_reason, after.reason_code)
            action = "refuse" if told_now != told_before else action
    if not action:
        return None
    hashed = None if reason is None or action == "amend" else reason_hash(after.delegate_id, reason)
    kept = Decided(action, after.delegate_id, after.revision, after.status, by, after.changed_at, hashed)
    return replace(kept, reason_code=code, amended=tuple(amended))


def correction_decided(correction: Correction, status: Status, by: Actor) -> Decided | None:
    """What the trail keeps of a step of a correction: `None` of one that ended with the registration, which tells of it."""
    action, reason, held = _OF_CORRECTIONS.get(correction.state), correction.reason, correction.confirming
    if action is None:
        return None
    if held is not None and correction.changed_at != correction.proposed_at:
        action, reason = f"confirm-{held.decision}", held.reason
    return Decided(
        f"{action}-correction",
        correction.delegate_id,
        correction.revision,
        status,
        by,
        correction.changed_at,
        None if reason is None else reason_hash(correction.delegate_id, reason),
        amended=tuple(correction.parts),
    )


_OF_CORRECTIONS = {
    CorrectionState.WAITING: "propose",
    CorrectionState.ACCEPTED: "accept",
    CorrectionState.DECLINED: "decline",
    CorrectionState.TAKEN_BACK: "take-back",
}


def _endorsement_answered(before: Registration, after: Registration) -> str:
    if before.lacks_endorsement and after.endorsement is not None and not after.endorsement.waits:
        return "endorse"
    declined = before.lacks_endorsement and after.lacks_endorsement and after.status is Status.REFUSED
    return "decline-endorsement" if declined and before.status is not Status.REFUSED else ""


def _amended(before: Registration, after: Registration) -> Iterable[str]:
    return (name for name in _AMENDED if getattr(before, name) != getattr(after, name))


def id_hash(delegate_id: UUID) -> str:
    """SHA-256 of a delegate's id as text."""
    return hashlib.sha256(str(delegate_id).encode()).hexdigest()


def delegation_hash(code: str) -> str:
    """By what the entries about a delegation as a whole are found: its code is public, and stands in them."""
    return hashlib.sha256(f"delegation {code}".encode()).hexdigest()


def reason_hash(delegate_id: UUID, reason: str) -> str:
    """SHA-256 of the delegate's id, a line end and the reason."""
    return hashlib.sha256(f"{delegate_id}\n{reason}".encode()).hexdigest()


def chained(before: bytes, content: str) -> bytes:
    """The hash of an entry: of the hash before it and its content."""
    return hashlib.sha256(before + content.encode()).digest()


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry as it is stored."""

    seq: int
    delegate_hash: str
    content: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far the trail goes and the hash of its last entry. Who keeps it sees later whether what is before it changed."""

    seq: int
    hash: bytes


def broken(entries: Iterable[KeptEntry], head: Head, kept: Head | None = None) -> str | None:
    """Where and how the chain is broken first, or `None`. `head` is the trail's own, `kept` one that was kept elsewhere."""
    last = Head(0, START)
    for entry in entries:
        if entry.seq != last.seq + 1:
            return f"Entry {last.seq + 1} is missing: entry {entry.seq} comes next."
        if chained(last.hash, entry.content) != entry.hash:
            return f"Entry {entry.seq} is not what was written, or not behind what it was written behind."
        if not _is_of(entry):
            return f"Entry {entry.seq} stands under another delegate or number than its content says."
        last = Head(entry.seq, entry.hash)
        if kept is not None and kept.seq == last.seq and kept.hash != last.hash:
            return f"Entry {last.seq} is another than when the head was kept: the chain was written anew before it."
    if kept is not None and kept.seq > last.seq:
        return f"The chain ends at entry {last.seq}; it went to entry {kept.seq} when the head was kept."
    if last != head:
        return f"The chain ends at entry {last.seq}, its head says entry {head.seq}: the end was cut off, or added to."
    return None


def _is_of(entry: KeptEntry) -> bool:
    told: Mapping[str, Any] = orjson.loads(entry.content)
    about = told["delegate_sha256"] if "delegate_sha256" in told else delegation_hash(told["delegation"])
    return told["seq"] == entry.seq and about == entry.delegate_hash
