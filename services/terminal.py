"""What commands say to whoever typed them: a sentence instead of a traceback, and nothing that could move the cursor."""

from typing import Protocol, Self, TypeVar

import typer

from shared.settings import SettingsFault


class _Settings(Protocol):
    @classmethod
    def load(cls) -> Self: ...


S = TypeVar("S", bound=_Settings)


def load(settings: type[S]) -> S:
    """Read settings from the environment; one that is missing or wrong ends the command with what to set."""
    try:
        return settings.load()
    except SettingsFault as fault:
        raise stopped(str(fault)) from None


def stopped(message: str) -> typer.Exit:
    """Say on standard error why nothing was done; raise what this returns to end with exit code 2."""
    typer.echo(message, err=True)
    return typer.Exit(2)


def printable(text: str) -> str:
    """`text` on one line, with control and format characters spelt out: what others wrote must not steer the terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
