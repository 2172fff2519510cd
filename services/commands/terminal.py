"""What commands say to whoever typed them: a sentence instead of a traceback, and nothing that could move the cursor."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import typer
from typer.core import TyperGroup

from services.embedded.stack_file import StackFile, StackFileFault
from shared.settings import SettingsFault


class _Settings(Protocol):
    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self: ...


S = TypeVar("S", bound=_Settings)


class Commands(TyperGroup):
    """Commands that say what they cannot take without the words that Typer's library for values puts before it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as wrong:
            wrong.message = wrong.message.removeprefix("Value error, ")
            raise


def load(settings: type[S]) -> S:
    """Read settings from the environment; one that is missing or wrong ends the command with what to set."""
    try:
        return settings.load()
    except SettingsFault as fault:
        raise stopped(str(fault)) from None


def _stack() -> StackFile | None:
    try:
        return StackFile.read(Path(os.environ.get("VAR", "var")))
    except StackFileFault as fault:
        raise stopped(str(fault)) from None


def registration_beside_stack() -> str:
    """Where the stack in the folder `VAR` (`var`) serves registration; where it is served by itself, if there is none."""
    stack, alone = _stack(), "http://127.0.0.1:8000"
    return alone if stack is None else stack.settings.get("REGISTRATION_PUBLIC_URL", alone)


def load_beside_stack(settings: type[S]) -> S:
    """`load`, with what the stack in the folder `VAR` (`var`) says of its broker and registration, where nothing is set."""
    environment, stack = dict(os.environ), _stack()
    if stack is not None:
        known = {"KAFKA_BOOTSTRAP_SERVERS": stack.kafka, **stack.settings}
        environment |= {name: value for name, value in known.items() if not _is_set(name, environment)}
    try:
        return settings.load(environment)
    except SettingsFault as fault:
        raise stopped(str(fault)) from None


def _is_set(name: str, environment: Mapping[str, str]) -> bool:
    """By whichever of a setting's names."""
    names = (name, name.removeprefix("REGISTRATION_"))
    return any(each in environment or f"{each}_FILE" in environment for each in names)


def stopped(message: str) -> typer.Exit:
    """Say on standard error why nothing was done; raise what this returns to end with exit code 2."""
    typer.echo(message, err=True)
    return typer.Exit(2)


def printable(text: str) -> str:
    """`text` on one line, with control and format characters spelt out: what others wrote must not steer the terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
