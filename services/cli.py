"""The `lanyard` command."""

import asyncio
import sys
from typing import Annotated, Any

import typer

from shared.settings import KafkaSettings, ServiceSettings, SettingsFault

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Delegates, badges and notices of a conference.")


def _load(settings: type[Any]) -> Any:
    try:
        return settings.load()
    except SettingsFault as fault:
        raise _stopped(str(fault)) from None


def _stopped(message: str) -> typer.Exit:
    """Say on standard error why nothing was done, and end with exit code 2."""
    typer.echo(message, err=True)
    return typer.Exit(2)


def _serve(name: str) -> None:
    # Imported here: each service alone needs only its own rooms, and the other commands none of them.
    from services import composition, process

    service, settings_type = composition.SERVICES[name]
    settings: ServiceSettings = _load(settings_type)
    sys.exit(asyncio.run(process.run(service, settings)))


@app.command()
def registration() -> None:
    """Run the registration service."""
    _serve("registration")


@app.command()
def topics() -> None:
    """Create the topics that do not exist yet."""
    from shared import topics as known

    settings: KafkaSettings = _load(KafkaSettings)
    for name in known.create(settings, settings.stations):
        typer.echo(f"created {name}")
