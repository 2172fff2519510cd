"""A delegation's letter of credentials, by which it names its people: what is known of it, and the step that changes it. Pure.

A delegation has one letter: the newest. It is in no event and no log line.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from registration.audit.entries import Action, Actor, delegation_hash


class LetterFile(NamedTuple):
    """A letter as it is kept: a PDF, or a JPEG without metadata."""

    sha256: str
    media_type: str
    content: bytes
    pages: int = 1


class Letter(NamedTuple):
    """What is known of a letter without opening it."""

    delegation: str
    sha256: str
    media_type: str
    size: int
    pages: int
    given_at: datetime
    given_by: str
    """The kind of actor and the name, as the audit trail has them."""


@dataclass(frozen=True, slots=True)
class LetterChange:
    """A letter is given, in place of any before; or removed, where `file` is `None`. An entry of the audit trail."""

    delegation: str
    file: LetterFile | None
    by: Actor
    at: datetime

    @property
    def letter(self) -> Letter | None:
        """What the delegation's letter is from now on."""
        if (file := self.file) is None:
            return None
        return Letter(self.delegation, file.sha256, file.media_type, len(file.content), file.pages, self.at, self.by.text)

    @property
    def action(self) -> Action:
        return "remove-letter" if self.file is None else "give-letter"

    @property
    def subject_hash(self) -> str:
        return delegation_hash(self.delegation)

    def content(self, seq: int) -> str:
        """The entry at `seq`: who holds the file can show that it is the one."""
        told: dict[str, Any] = {
            "seq": seq,
            "at": self.at.isoformat(),
            "action": self.action,
            "delegation": self.delegation,
            "by": {"kind": self.by.kind, "name": self.by.name},
        }
        if self.file is not None:
            told["letter_sha256"] = self.file.sha256
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()
