"""Sends dead letters back to their services by the retry topics, to be handled or closed, and tells what became of them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import typer
from kafka import KafkaProducer
from rich.progress import Progress

from services.commands.dead_letter_choice import Choice, bar, broker_asked, chosen
from services.commands.dead_letter_reading import Letter, LetterBox
from services.commands.dead_letters import show_list
from services.commands.terminal import load_beside_stack, stopped
from shared import topics
from shared.cloudevents import Headers
from shared.dead_letters import DISCARD, PLACE, Outcome
from shared.settings import KafkaSettings

_SENT_WITHIN_SECONDS = 30


def give_back(choice: Choice, *, discard: bool, everything: bool, dry_run: bool, wait_seconds: float) -> bool:
    """Send the open letters that are meant back, to be handled again or, with `discard`, to be closed.

    Returns whether each was closed within `wait_seconds` and none failed again. One that is closed already is not sent;
    one that comes twice is handled once.
    """
    if choice.is_everything and not everything:
        raise stopped("Say which: by --service, --topic, --error-type, --since, --key or --place, or all of them by --all.")
    kafka = load_beside_stack(KafkaSettings)
    found = chosen(kafka, choice)
    to_send = [letter for letter in found if letter.outcome is None]
    for outcome, number in Counter(letter.outcome for letter in found if letter.outcome is not None).items():
        typer.echo(f"Skipped {_counted(number)}, {outcome.value} already.")
    if not to_send:
        typer.echo("No open dead letter is meant.")
        return True
    if dry_run:
        show_list(to_send)
        typer.echo(f"Would {'discard' if discard else 'replay'} {_counted(len(to_send))}. Nothing was done.")
        return True
    with broker_asked(kafka), bar() as progress:
        outcomes = [
            outcome
            for service in topics.SERVICES
            for outcome in _send(
                kafka, service, [each for each in to_send if each.service == service], progress, discard, wait_seconds
            )
        ]
    return _told(len(to_send), outcomes)


def _send(
    kafka: KafkaSettings, service: str, letters: Sequence[Letter], progress: Progress, discard: bool, wait_seconds: float
) -> list[Outcome]:
    """Send letters in their order and await their outcomes."""
    if not letters:
        return []
    with LetterBox(kafka, service) as box:
        _, ends = box.bounds()
        sending = progress.add_task(f"sending to {kafka.topic(topics.retry(service))}", total=len(letters))
        with closing(
            KafkaProducer(**kafka.client_arguments(), acks="all", max_request_size=4 * topics.MAX_RECORD_BYTES)
        ) as producer:
            sent = [producer.send(**_returned(kafka, letter, discard)) for letter in letters]
            for each in sent:
                each.get(timeout=_SENT_WITHIN_SECONDS)
                progress.advance(sending)
        taking = progress.add_task(f"taken by {service}", total=len(letters))
        outcomes: list[Outcome] = []
        for closed in box.outcomes({letter.letter_id for letter in letters}, ends, wait_seconds):
            outcomes.append(closed.outcome)
            progress.advance(taking)
        return outcomes


def _returned(kafka: KafkaSettings, letter: Letter, discard: bool) -> dict[str, Any]:
    """The record that brings a letter back: as it is, with its place; of one to be discarded the headers alone."""
    headers: Headers = [
        *letter.raw_headers,
        (PLACE, f"{kafka.topic(topics.dead_letter(letter.service))} {letter.place}".encode()),
    ]
    if discard:
        headers.append((DISCARD, b"1"))
    return {
        "topic": kafka.topic(topics.retry(letter.service)),
        "key": letter.raw_key,
        "value": None if discard else letter.value,
        # kafka-python can not write a header without a value.
        "headers": [(name, value or b"") for name, value in headers],
    }


def _told(sent: int, outcomes: Sequence[Outcome]) -> bool:
    counts = Counter(outcomes)
    for outcome, number in counts.items():
        typer.echo(f"{_counted(number)} {outcome.value}.")
    waiting = sent - len(outcomes)
    if waiting:
        typer.echo(f"{_counted(waiting)} sent and not taken yet: it waits in the retry topic until its service runs.")
    return not waiting and Outcome.FAILED_AGAIN not in counts


def _counted(number: int) -> str:
    return f"{number} letter{'s' * (number != 1)}"
