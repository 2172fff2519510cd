"""Shows what services could not take, and why. The data of an event may be personal: shown only where asked for."""

from collections.abc import Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.text import Text

from services.commands.dead_letter_choice import Choice, chosen, place_given
from services.commands.dead_letter_reading import Letter
from services.commands.terminal import load_beside_stack, printable, stopped
from shared.settings import KafkaSettings


def show_letters(choice: Choice, limit: int, *, closed: bool, as_json: bool) -> None:
    """List the newest of the open letters that are meant; with `closed`, those too of which something became."""
    found = chosen(load_beside_stack(KafkaSettings), choice)
    letters = [letter for letter in found if closed or letter.outcome is None][-limit:]
    if as_json:
        typer.echo(orjson.dumps([_summary(letter) for letter in letters], option=orjson.OPT_INDENT_2))
    elif letters:
        show_list(letters)
    else:
        typer.echo("No dead letters." if closed else "No open dead letters.")


def show_letter(service: str, place: str, *, with_value: bool, as_json: bool) -> None:
    """Show the letter at `place` (PARTITION-OFFSET) with its headers."""
    letter = the_letter(load_beside_stack(KafkaSettings), service, place)
    if as_json:
        value = {"value": (letter.value or b"").decode("utf-8", "replace")} if with_value else {}
        whole = {**_summary(letter), "headers": letter.headers, **value}
        typer.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    else:
        _show_whole(letter, with_value=with_value)


def the_letter(kafka: KafkaSettings, service: str, place: str) -> Letter:
    """The letter at `place`; ends the command where there is none."""
    found = chosen(kafka, Choice(service=service, place=place_given(place)))
    if not found:
        raise stopped(f"{service} has no dead letter at {place}. `lanyard dead-letters list` shows those it has.")
    return found[0]


def show_list(letters: Sequence[Letter]) -> None:
    """Two lines for each letter: ids, places and faults."""
    console = Console(highlight=False, soft_wrap=True)
    for letter in letters:
        line = Text(f"{letter.service} {letter.place}", "bold")
        line.append(f"  {letter.at:%m-%d %H:%M:%S}", "dim")
        line.append(printable(f"  {letter.event_type}  {letter.key}"))
        if letter.outcome is not None:
            line.append(f"  {letter.outcome.value}", "green")
        line.append(f"\n    {printable(letter.error_type)}: ", "red")
        line.append(printable(letter.error_message))
        line.append(f" ({printable(letter.origin)})", "dim")
        console.print(line)


def _summary(letter: Letter) -> dict[str, Any]:
    """What is shown of every letter: ids, places and faults."""
    return {
        "service": letter.service,
        "place": letter.place,
        "letter": letter.letter_id,
        "at": letter.at.isoformat(timespec="milliseconds"),
        "outcome": letter.outcome,
        "event_type": letter.event_type,
        "event_id": letter.headers.get("ce_id", ""),
        "key": letter.key,
        "error_type": letter.error_type,
        "error_message": letter.error_message,
        "origin": letter.origin,
    }


def _show_whole(letter: Letter, *, with_value: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    lines = {
        "service": letter.service,
        "place": letter.place,
        "at": letter.at.isoformat(),
        "outcome": letter.outcome.value if letter.outcome else "open",
        "key": letter.key,
        **letter.headers,
    }
    for name, text in lines.items():
        console.print(Text(f"{printable(name)}: ", "dim").append(printable(text)))
    value = letter.value or b""
    if with_value:
        console.print(Text(printable(value.decode("utf-8", "replace"))))
    else:
        console.print(Text(f"value: {len(value)} bytes; --value shows them, and they may be personal", "dim"))
