"""Shows what services could not take, and why. The data of an event may be personal: shown only where asked for."""

import re
from typing import Any

import orjson
import typer
from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from services.dead_letter_reading import Letter, NoSuchTopic, find_letter, read_letters
from services.terminal import load_beside_stack, printable, stopped
from shared import topics
from shared.settings import KafkaSettings


def show_letters(service: str | None, topic: str | None, limit: int, *, as_json: bool) -> None:
    """List the newest letters of one service or of all, those alone whose event stood in `topic` where one is named."""
    kafka = load_beside_stack(KafkaSettings)
    letters = _letters(kafka, [service] if service else list(topics.SERVICES), topic, limit)
    if as_json:
        typer.echo(orjson.dumps([_summary(letter) for letter in letters], option=orjson.OPT_INDENT_2))
    elif letters:
        _show_list(letters)
    else:
        typer.echo("No dead letters.")


def show_letter(service: str, place: str, *, with_value: bool, as_json: bool) -> None:
    """Show the letter at `place` (PARTITION-OFFSET) with its headers."""
    numbers = re.fullmatch(r"(\d{1,9})-(\d{1,18})", place)
    if numbers is None:
        raise stopped(f"{printable(place)} is no place: give it as `lanyard dead-letters list` shows it, such as 3-17.")
    letter = _find(load_beside_stack(KafkaSettings), service, int(numbers[1]), int(numbers[2]))
    if as_json:
        value = {"value": letter.value.decode("utf-8", "replace")} if with_value else {}
        whole = {**_summary(letter), "headers": letter.headers, **value}
        typer.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    else:
        _show_whole(letter, with_value=with_value)


def _letters(kafka: KafkaSettings, services: list[str], topic: str | None, limit: int) -> list[Letter]:
    newest = limit if topic is None else None
    try:
        found = [letter for service in services for letter in read_letters(kafka, service, newest)]
    except (NoSuchTopic, KafkaError, OSError) as error:
        raise _unread(kafka, error) from None
    wanted = [letter for letter in found if topic is None or letter.topic == kafka.topic(topic)]
    return sorted(wanted, key=lambda letter: letter.at)[-limit:]


def _find(kafka: KafkaSettings, service: str, partition: int, offset: int) -> Letter:
    try:
        letter = find_letter(kafka, service, partition, offset)
    except (NoSuchTopic, KafkaError, OSError) as error:
        raise _unread(kafka, error) from None
    if letter is None:
        raise stopped(f"{service} has no dead letter at {partition}-{offset}. `lanyard dead-letters list` shows those it has.")
    return letter


def _unread(kafka: KafkaSettings, error: Exception) -> typer.Exit:
    if isinstance(error, NoSuchTopic):
        return stopped(str(error))
    return stopped(
        f"The broker {kafka.kafka_bootstrap_servers} did not answer ({type(error).__name__}). "
        "Start it, or say where it is in KAFKA_BOOTSTRAP_SERVERS."
    )


def _summary(letter: Letter) -> dict[str, Any]:
    """What is shown of every letter: ids, places and faults."""
    return {
        "service": letter.service,
        "place": letter.place,
        "at": letter.at.isoformat(timespec="milliseconds"),
        "event_type": letter.event_type,
        "event_id": letter.headers.get("ce_id", ""),
        "key": letter.key,
        "error_type": letter.headers.get("error_type", ""),
        "error_message": letter.headers.get("error_message", ""),
        "origin": letter.origin,
    }


def _show_list(letters: list[Letter]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for letter in letters:
        line = Text(f"{letter.service} {letter.place}", "bold")
        line.append(f"  {letter.at:%m-%d %H:%M:%S}", "dim")
        line.append(printable(f"  {letter.event_type}  {letter.key}"))
        line.append(f"\n    {printable(letter.headers.get('error_type', ''))}: ", "red")
        line.append(printable(letter.headers.get("error_message", "")))
        line.append(f" ({printable(letter.origin)})", "dim")
        console.print(line)


def _show_whole(letter: Letter, *, with_value: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    lines = {"service": letter.service, "place": letter.place, "at": letter.at.isoformat(), "key": letter.key, **letter.headers}
    for name, text in lines.items():
        console.print(Text(f"{printable(name)}: ", "dim").append(printable(text)))
    if with_value:
        console.print(Text(printable(letter.value.decode("utf-8", "replace"))))
    else:
        console.print(Text(f"value: {len(letter.value)} bytes; --value shows them, and they may be personal", "dim"))
