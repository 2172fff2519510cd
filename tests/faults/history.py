"""What the clients of a faulty stack asked for, and what they were told."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any


class Told(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """No answer, or one that says the outcome is unknown: it may have happened or not."""


class Kind(StrEnum):
    REGISTER = "register"
    AMEND = "amend"
    ENDORSE = "endorse"
    ACCREDIT = "accredit"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    ENROL = "enrol"
    LEAVE = "leave"
    MOVE = "move"
    RESIZE = "resize"
    CANCEL = "cancel"
    REINSTATE = "reinstate"


SESSION_KINDS = (Kind.MOVE, Kind.RESIZE, Kind.CANCEL, Kind.REINSTATE)


@dataclass
class Asked:
    """One change that a client asked for, once or again under the same idempotency key."""

    number: int
    client: str
    kind: Kind
    subject: str
    """The delegate or session; of a registration the e-mail address, for its id is not known before."""
    mark: str
    """What tells its effect from every other's: a function, an address, a room, a session, a capacity."""
    at: float
    """Seconds since the load began."""
    attempts: int = 0
    told: Told = Told.UNKNOWN
    status: int = 0
    revision: int | None = None
    delegate_id: str | None = None
    answered_at: float | None = None


@dataclass
class History:
    asked: list[Asked] = field(default_factory=list[Asked])

    def of(self, *kinds: Kind) -> Iterator[Asked]:
        return (each for each in self.asked if each.kind in kinds)

    def counted(self, told: Told) -> int:
        return sum(each.told is told for each in self.asked)

    def longest_stall(self) -> float:
        """Seconds in which no change was accepted, the longest of all."""
        times = sorted(each.answered_at for each in self.asked if each.told is Told.ACCEPTED and each.answered_at is not None)
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def write(self, file: Path, noted: Sequence[dict[str, Any]]) -> None:
        """As JSON lines, what the nemesis did between what the clients asked."""
        lines = [vars(each) for each in self.asked] + list(noted)
        with file.open("w") as opened:
            for line in sorted(lines, key=lambda line: line["at"]):
                opened.write(json.dumps(line) + "\n")
