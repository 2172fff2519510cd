"""What commands say to whoever typed them: a sentence instead of a traceback, and nothing that could move the cursor."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, TypeVar

import typer

from services.stack_file import StackFile, StackFileFault
from shared.settings import SettingsFault


class _Settings(Protocol):
    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self: ...


S = TypeVar("S", bound=_Settings)


def load(settings: type[S]) -> S:
    """Read settings from the environment; one that is missing or wrong ends the command with what to set."""
    try:
        return settings.load()
    except SettingsFault as fault:
        raise stopped(str(fault)) from None


def load_beside_stack(settings: type[S]) -> S:
    """`load`, with the broker of the stack that runs in `VAR` (`var`), unless `KAFKA_BOOTSTRAP_SERVERS` names one."""
    environment = dict(os.environ)
    try:
        stack = StackFile.read(Path(environment.get("VAR", "var")))
    except StackFileFault as fault:
        raise stopped(str(fault)) from None
    if stack is not None:
        environment.setdefault("KAFKA_BOOTSTRAP_SERVERS", stack.kafka)
    try:
        return settings.load(environment)
    except SettingsFault as fault:
        raise stopped(str(fault)) from None


def stopped(message: str) -> typer.Exit:
    """Say on standard error why nothing was done; raise what this returns to end with exit code 2."""
    typer.echo(message, err=True)
    return typer.Exit(2)


def printable(text: str) -> str:
    """`text` on one line, with control and format characters spelt out: what others wrote must not steer the terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
