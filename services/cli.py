"""The `lanyard` command."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.commands import operations
from services.commands.terminal import Commands, load, load_beside_stack, registration_beside_stack, stopped
from shared.logs import configure
from shared.settings import ConferenceSettings, KafkaSettings, ServiceSettings

app = typer.Typer(
    cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, help="Delegates, badges and notices of a conference."
)


Adopt = Annotated[
    bool, typer.Option("--adopt", help="Its database was lost: take what the log says as already issued and told.")
]
Send = Annotated[bool, typer.Option("--send", help="Its database was lost: do all that the log says again.")]


def _serve(name: str, *, adopt: bool, send: bool) -> None:
    # Imported here: each service alone needs only its own rooms, and the other commands none of them.
    from services import composition, process
    from services.first_start import LostDatabase
    from shared.conference_folder import ConferenceFault
    from shared.database import WrongDatabase

    service = composition.service(name)
    settings: ServiceSettings = load(service.settings)
    settings = settings.model_copy(update={"adopt": settings.adopt or adopt, "send": settings.send or send})
    if settings.adopt and settings.send:
        raise stopped("Say --adopt or --send, not both.")

    async def serve() -> NoReturn:
        exit_code = await process.run(service, settings)
        # At once: the interpreter's own end waits for Faust's threads, and one that lost its broker while it stopped stays.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)

    try:
        asyncio.run(serve())
    except (ConferenceFault, WrongDatabase, LostDatabase) as fault:
        raise stopped(str(fault)) from None


@app.command()
def registration(adopt: Adopt = False, send: Send = False) -> None:
    """Run the registration service."""
    _serve("registration", adopt=adopt, send=send)


@app.command()
def badging(adopt: Adopt = False, send: Send = False) -> None:
    """Run the badging service."""
    _serve("badging", adopt=adopt, send=send)


@app.command()
def notifications(adopt: Adopt = False, send: Send = False) -> None:
    """Run the notifications service."""
    _serve("notifications", adopt=adopt, send=send)


@app.command()
def printer(
    to: Annotated[Path, typer.Option(help="Folder into which each badge is printed as a PDF file.")],
    name: Annotated[str, typer.Option(help="What its reports call it.")] = socket.gethostname(),
    station: Annotated[str | None, typer.Option(help="Station whose queue it prints; the first where left out.")] = None,
) -> None:
    """Run a badge printer: reads the queue, prints one job at a time, reports on it."""
    from badging import printer as badge_printer

    settings: badge_printer.PrinterSettings = load_beside_stack(badge_printer.PrinterSettings)
    configure("printer", log_format=settings.log_format, level=settings.log_level)
    badge_printer.run(settings, name, to, station)


@app.command()
def run() -> None:
    """Start everything on this machine and do the main job on the example conference. Settings are in the README."""
    from services.embedded import running
    from services.embedded.stack import StackSettings

    settings: StackSettings = load(StackSettings)
    sys.exit(asyncio.run(running.run(settings)))


@app.command()
def simulate(
    delegates: Annotated[int, typer.Option(help="How many invented people to register.")] = 2000,
    rate: Annotated[float | None, typer.Option(help="Posts a second; as fast as may be where left out.")] = None,
    seed: Annotated[int, typer.Option(help="The same number makes the same people.")] = 2018,
    url: Annotated[str | None, typer.Option(help="Where registration answers; the stack's in VAR where left out.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="TOML file with the keys `form`, `accreditation` and `programme`; VAR/keys.toml.")
    ] = None,
) -> None:
    """Post invented delegates as external forms would, decide on them, then move, cancel and resize sessions."""
    from services.example import simulating

    keys = keys or Path(os.environ.get("VAR", "var")) / "keys.toml"
    folder = load_beside_stack(ConferenceSettings).conference_folder
    sys.exit(simulating.run(folder, keys, url or registration_beside_stack(), delegates, rate, seed))


@app.command()
def topics() -> None:
    """Create the topics that do not exist yet."""
    from kafka.errors import KafkaError

    from shared import topics as known

    settings: KafkaSettings = load_beside_stack(KafkaSettings)
    try:
        created = known.create(settings, settings.stations)
    except (KafkaError, OSError) as error:
        servers = settings.kafka_bootstrap_servers
        raise stopped(f"Kafka at {servers} does not answer ({type(error).__name__}): see KAFKA_BOOTSTRAP_SERVERS.") from None
    for name in created:
        typer.echo(f"created {name}")
    if not created:
        typer.echo("All topics exist.")


@app.command()
def principals(
    printer: Annotated[list[str] | None, typer.Option(help="A badge printer's user; may be given again.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who may do what, and do nothing.")] = False,
) -> None:
    """Make a user at the broker for each service, for operations and for printers, with no more rights than each needs.

    Run it as a user who may do all. Passwords are NAME_KAFKA_PASSWORD, such as BADGING_KAFKA_PASSWORD, or in a file that
    NAME_KAFKA_PASSWORD_FILE names; a user without one is made elsewhere, and has its rights from here.
    """
    from services.principals import make_principals

    make_principals(printer or ["printer"], dry_run=dry_run)


operations.add_to(app)
