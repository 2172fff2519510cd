"""Which dead letters are meant: what a person may say to choose some, and how those are found."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.commands.dead_letter_reading import Letter, LetterBox, NoSuchTopic
from services.commands.terminal import printable, stopped
from shared import topics
from shared.settings import KafkaSettings

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters; what is `None` chooses by nothing. `topic` is by its name without prefix, as people give it."""

    service: str | None = None
    topic: str | None = None
    error_type: str | None = None
    since: datetime | None = None
    key: str | None = None
    place: tuple[int, int] | None = None

    @property
    def is_everything(self) -> bool:
        return self == Choice()

    def includes(self, letter: Letter, kafka: KafkaSettings) -> bool:
        return (
            (self.topic is None or letter.topic == kafka.topic(self.topic))
            and self.error_type in (None, letter.error_type)
            and (self.since is None or letter.at >= self.since)
            and self.key in (None, letter.key)
            and self.place in (None, (letter.partition, letter.offset))
        )

    @property
    def services(self) -> list[str]:
        return [self.service] if self.service else list(topics.SERVICES)


def place_given(text: str) -> tuple[int, int]:
    """PARTITION-OFFSET as numbers; else ends the command."""
    numbers = re.fullmatch(r"(\d{1,9})-(\d{1,18})", text)
    if numbers is None:
        raise stopped(f"{printable(text)} is no place: give it as `lanyard dead-letters list` shows it, such as 3-17.")
    return int(numbers[1]), int(numbers[2])


def since_given(text: str) -> datetime:
    """A time ago (`30m`, `2h`, `1d`) or an instant in RFC 3339, in UTC where it names no offset; else ends the command."""
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise stopped(f"{printable(text)} is no time: give 30m, 2h or 1d, or one such as 2026-06-28T09:30:00Z.") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def chosen(kafka: KafkaSettings, choice: Choice) -> list[Letter]:
    """All letters that are meant, open and closed, by age. Shows how far it has read; ends the command where it cannot."""
    with broker_asked(kafka), bar() as progress:
        found = [letter for service in choice.services for letter in _of_service(kafka, service, choice, progress)]
    return sorted(found, key=lambda letter: (letter.at, letter.service, letter.partition, letter.offset))


def bar() -> Progress:
    """A progress bar on standard error that leaves nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def broker_asked(kafka: KafkaSettings) -> Generator[None]:
    """End the command with what to do where the broker does not answer or lacks a topic."""
    try:
        yield
    except NoSuchTopic as error:
        raise stopped(str(error)) from None
    except (KafkaError, OSError) as error:
        raise stopped(
            f"The broker {kafka.kafka_bootstrap_servers} did not do it ({type(error).__name__}). "
            "Start it, say where it is in KAFKA_BOOTSTRAP_SERVERS, or see what this user may do there."
        ) from None


def _of_service(kafka: KafkaSettings, service: str, choice: Choice, progress: Progress) -> list[Letter]:
    with LetterBox(kafka, service) as box:
        starts, ends = box.bounds()
        if choice.place is not None:  # what became of a letter stands behind it in its partition
            place = TopicPartition(box.topic, choice.place[0])
            starts = {place: max(starts[place], choice.place[1])} if place in starts else {}
        reading = progress.add_task(f"reading {box.topic}", total=sum(ends[each] - start for each, start in starts.items()))
        return box.letters(
            lambda letter: choice.includes(letter, kafka), starts, ends, lambda more: progress.advance(reading, more)
        )
