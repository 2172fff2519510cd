"""What the system left behind, read by other means than its own: topics, sheets and mails; and what badging's API says."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared import topics
from shared.conference import Conference
from shared.dead_letters import OFFSET, PARTITION, TOPIC
from shared.events import BadgeJob, BadgeStatus, DelegateRegistered, Fact, SessionChanged
from shared.settings import KafkaSettings
from tests.integration.topic_reading import records_in

F = TypeVar("F", bound=Fact)


class Sheet(NamedTuple):
    """A PDF file that a printer laid down: the `number`-th of its serial."""

    serial: str
    number: int


class DeadLetter(NamedTuple):
    """An event that a service could not take: where the letter lies, and where its event stood."""

    topic: str
    event_topic: str
    partition: int
    offset: int


class Mail:
    """A mail as the mail server kept it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._message: Message = message_from_bytes(content)
        self.message_id = self._message["Message-ID"]
        delegate_id, number = self.message_id.strip("<>").rpartition("@")[0].split(".")
        self.delegate_id, self.number = UUID(delegate_id), int(number)
        self.to: str = self._message["Delivered-To"]
        self.language: str = self._message["Content-Language"][:2]

    @cached_property
    def text(self) -> str:
        """As it is read: without the marks that keep names apart in a right-to-left sentence."""
        plain = next(part for part in self._message.walk() if part.get_content_type() == "text/plain")
        payload = plain.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode().replace("\r\n", "\n").translate({0x2068: None, 0x2069: None})

    @cached_property
    def sections(self) -> dict[str, list[str]]:
        """The lines under each heading that is underlined with dashes, blank ones left out."""
        body, _, _ = self.text.partition("\n-- \n")
        lines = [line for line in body.split("\n") if line.strip()]
        found: dict[str, list[str]] = {}
        under: list[str] = []
        for line, next_line in zip(lines, [*lines[1:], ""], strict=True):
            if set(next_line) == {"-"}:
                under = found.setdefault(line, [])
            elif set(line) != {"-"}:
                under.append(line)
        return found


@dataclass(frozen=True)
class Evidence:
    """Records are in the order of their partitions, repeats included; mails in the order of their arrival."""

    conference: Conference
    registrations: Sequence[DelegateRegistered]
    sessions: Sequence[SessionChanged]
    jobs: Sequence[BadgeJob]
    reports: Sequence[BadgeStatus]
    dead_letters: Sequence[DeadLetter]
    sheets: Sequence[Sheet]
    mails: Sequence[Mail]
    badges: Sequence[dict[str, Any]]
    """What badging's own API lists."""


def gathered(
    conference: Conference, kafka: KafkaSettings, printed: Path, mailed: Path, badges: Sequence[dict[str, Any]]
) -> Evidence:
    """Read all there is; blocks."""
    jobs = _facts(BadgeJob, kafka, topics.badge_queue("main"), topics.badge_queue("main", urgent=True))
    return Evidence(
        conference=conference,
        registrations=_facts(DelegateRegistered, kafka, topics.DELEGATE_REGISTERED),
        sessions=_facts(SessionChanged, kafka, topics.SESSION_CHANGED),
        jobs=jobs,
        reports=_facts(BadgeStatus, kafka, topics.BADGE_STATUS),
        dead_letters=[letter for each in map(topics.dead_letter, topics.SERVICES) for letter in _dead_letters(kafka, each)],
        sheets=[sheet_named(file.stem, {job.serial for job in jobs}) for file in sorted(printed.glob("*.pdf"))],
        mails=[Mail(file.read_bytes()) for file in sorted(mailed.glob("*.eml"))],
        badges=badges,
    )


def sheet_named(stem: str, serials: Iterable[str]) -> Sheet:
    """`SERIAL.pdf` is the first of a serial, `SERIAL-2.pdf` the second."""
    serial, _, number = stem.rpartition("-")
    return Sheet(serial, int(number)) if serial in serials and number.isdecimal() else Sheet(stem, 1)


def _dead_letters(kafka: KafkaSettings, topic: str) -> list[DeadLetter]:
    headers = [each.headers for each in records_in(kafka, topic)]
    letters = [each for each in headers if TOPIC in each]  # the others say what became of a letter
    return [DeadLetter(topic, each[TOPIC], int(each[PARTITION]), int(each[OFFSET])) for each in letters]


def _facts(fact_type: type[F], kafka: KafkaSettings, *names: str) -> list[F]:
    found: list[F] = []
    for each in records_in(kafka, *names):
        with suppress(ValidationError):  # put there by a test, to be found among the dead letters
            found.append(fact_type.model_validate_json(each.value or b""))
    return found
