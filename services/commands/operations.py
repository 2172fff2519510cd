"""The commands of operations: what can be given on the command line. What each does is in the module it calls."""

# Those modules are imported where they are called: this one is loaded by every process, and none of them needs them.

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from services.commands.focal_point_commands import focal_points
from services.commands.key_commands import AsJson, Role, keys

if TYPE_CHECKING:
    from services.commands.dead_letter_choice import Choice

Service = Literal["registration", "badging", "notifications"]
Level = Literal["debug", "info", "warning", "error"]

dead_letters = typer.Typer(
    no_args_is_help=True,
    help="What services could not take, and why. A dead letter keeps the event's bytes and headers; behind them stand headers "
    "that say what was wrong, as Kafka Connect writes them (__connect.errors.topic, .partition, .offset, .connector.name, "
    ".exception.class.name, .exception.message), and its id (lanyard.letter).",
)


audit = typer.Typer(
    no_args_is_help=True,
    help="The audit trail of every decision: a chain of hashes in registration's database. Takes registration's settings.",
)
staff = typer.Typer(no_args_is_help=True, help="Staff accounts, to sign in to the desk. Takes registration's settings.")


Var = Annotated[Path, typer.Option("--var", envvar="VAR", help="The folder of a stack that `lanyard run` started.")]


def add_to(app: typer.Typer) -> None:
    """Add all of them to the `lanyard` command."""
    for command in (logs, status, schemas):
        app.command()(command)
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(keys, name="keys")

    app.add_typer(audit, name="audit")
    app.add_typer(staff, name="staff")

    app.add_typer(focal_points, name="focal-points")


def logs(
    var: Var = Path("var"),
    folder: Annotated[Path | None, typer.Option("--dir", help="Where the logs lie, if not in its log/.")] = None,
    delegate: Annotated[UUID | None, typer.Option(help="Show the way of one delegate, by id, through all services.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Show this service or process alone; may be given again.")] = None,
    level: Annotated[Level, typer.Option(help="Leave out what is less severe.")] = "debug",
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what is logged from now on.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Show each line as a JSON object, as it was logged.")] = False,
) -> None:
    """Show what all services log, in time order."""
    from services.commands.logs import show_logs

    delegate_id = None if delegate is None else str(delegate)
    show_logs(
        folder or var / "log", delegate_id=delegate_id, services=service or [], level=level, follow=follow, as_json=as_json
    )


def status(
    var: Var = Path("var"),
    url: Annotated[list[str] | None, typer.Option(help="Ask these services instead: URL or NAME=URL, once for each.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each process and what waits; exit code 1 where one is down or not ready."""
    from services.commands.status import report_status

    raise typer.Exit(0 if report_status(var, url or [], as_json=as_json) else 1)


def schemas(
    folder: Annotated[Path | None, typer.Option("--dir", help="Where they lie; by default in the project.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 where a file is out of date.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Keep them as those that later versions must not break.")] = False,
) -> None:
    """Write the JSON Schema of every event and the AsyncAPI document."""
    from services.commands.schemas import check_schemas, write_schemas
    from shared.schema_export import SCHEMAS

    if check:
        raise typer.Exit(0 if check_schemas(folder or SCHEMAS) else 1)
    write_schemas(folder or SCHEMAS, release=release)


OfService = Annotated[Service | None, typer.Option("--service", help="Those of this service alone.")]
OfTopic = Annotated[
    str | None, typer.Option("--topic", help="Those whose event stood in this topic, by its name without prefix.")
]
OfError = Annotated[str | None, typer.Option("--error-type", help="Those with this error, such as Unreadable.")]
OfSince = Annotated[str | None, typer.Option("--since", help="Those buried since: 30m, 2h or 1d ago, or an instant.")]
OfKey = Annotated[str | None, typer.Option("--key", "--delegate", help="Those of this key: a delegate's or session's id.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, where nothing else says which.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
WaitSeconds = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to await what becomes of them.")]
OfPlace = Annotated[str | None, typer.Option("--place", metavar="PARTITION-OFFSET", help="The one at this place.")]


@dead_letters.command(name="list")
def list_dead_letters(
    service: OfService = None,
    topic: OfTopic = None,
    error_type: OfError = None,
    since: OfSince = None,
    key: OfKey = None,
    closed: Annotated[bool, typer.Option("--closed", help="Those too that were replayed, discarded or overtaken.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List open dead letters, the newest last. One whose key has a higher revision by now is closed by itself."""
    from services.commands.dead_letters import show_letters

    show_letters(_choice(service, topic, error_type, since, key), limit, closed=closed, as_json=as_json)


@dead_letters.command(name="replay")
def replay_dead_letters(
    service: OfService = None,
    topic: OfTopic = None,
    error_type: OfError = None,
    since: OfSince = None,
    key: OfKey = None,
    place: OfPlace = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    wait: WaitSeconds = 10.0,
) -> None:
    """Have services take events again, by their retry topics; exit code 1 where one failed again or was not taken yet.

    A letter is handled once, however often it is replayed. One that fails again is a new letter that names the first.
    """
    from services.commands.dead_letter_returning import give_back

    choice = _choice(service, topic, error_type, since, key, place)
    done = give_back(choice, discard=False, everything=everything, dry_run=dry_run, wait_seconds=wait)
    raise typer.Exit(0 if done else 1)


@dead_letters.command(name="discard")
def discard_dead_letters(
    service: OfService = None,
    topic: OfTopic = None,
    error_type: OfError = None,
    since: OfSince = None,
    key: OfKey = None,
    place: OfPlace = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    wait: WaitSeconds = 10.0,
) -> None:
    """Close dead letters without handling them; exit code 1 where a service has not done so yet."""
    from services.commands.dead_letter_returning import give_back

    choice = _choice(service, topic, error_type, since, key, place)
    done = give_back(choice, discard=True, everything=everything, dry_run=dry_run, wait_seconds=wait)
    raise typer.Exit(0 if done else 1)


def _choice(
    service: str | None, topic: str | None, error_type: str | None, since: str | None, key: str | None, place: str | None = None
) -> "Choice":
    from services.commands.dead_letter_choice import Choice, place_given, since_given

    if place is not None and service is None:
        raise typer.BadParameter("a place is of one service: name it by --service", param_hint="--place")
    return Choice(
        service=service,
        topic=topic,
        error_type=error_type,
        since=since_given(since) if since else None,
        key=key,
        place=place_given(place) if place else None,
    )


@dead_letters.command(name="show")
def show_dead_letter(
    service: Annotated[Service, typer.Argument(help="Whose letter it is.")],
    place: Annotated[str, typer.Argument(metavar="PARTITION-OFFSET", help="Its place, as `list` shows it.")],
    value: Annotated[bool, typer.Option("--value", help="Show the event's data too: they may be personal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its headers and what was wrong."""
    from services.commands.dead_letters import show_letter

    show_letter(service, place, with_value=value, as_json=as_json)


@audit.command(name="verify")
def verify_audit(
    head: Annotated[Path | None, typer.Option(help="A head that was kept: sees also an end that was cut off.")] = None,
    public_key: Annotated[str | None, typer.Option(help="Who must have signed it, base64; by default this key.")] = None,
) -> None:
    """Walk the chain; exit code 1 where it is broken, and where."""
    from services.commands.audit import verify

    raise typer.Exit(0 if verify(head, public_key) else 1)


@audit.command(name="export")
def export_audit() -> None:
    """Write every entry and its hash, as JSON lines."""
    from services.commands.audit import export

    export()


@audit.command(name="head")
def show_audit_head() -> None:
    """Write the head of the chain, signed: keep it where nobody who can edit the database can edit it."""
    from services.commands.audit import show_head

    show_head()


@staff.command(name="add")
def add_staff(
    name: Annotated[str, typer.Argument(help="What they sign in with, as the audit trail will show it.")],
    role: Annotated[Role, typer.Argument(help="What it may do.")],
    email: Annotated[str | None, typer.Option(help="Whose it is: who has another account too counts once.")] = None,
) -> None:
    """Open an account and show the link, good once and for a day, by which its password is set."""
    from services.commands.staff import add

    add(name, role, email)


@staff.command(name="email")
def email_of_staff(
    name: Annotated[str, typer.Argument(help="Which account.")],
    email: Annotated[str, typer.Argument(help="The e-mail address of whose it is.")],
) -> None:
    """Say whose an account is, so that who also signs in with the provider counts once where two decide."""
    from services.commands.staff import set_email

    set_email(name, email)


@staff.command(name="reset")
def reset_staff(name: Annotated[str, typer.Argument(help="Whose account it is.")]) -> None:
    """Show a new link to set a password with; the old password stays until it is used."""
    from services.commands.staff import reset

    reset(name)


@staff.command(name="close")
def close_staff(name: Annotated[str, typer.Argument(help="Whose account it is.")]) -> None:
    """Let nobody sign in to it any more, and end its sessions. Its name is not given again."""
    from services.commands.staff import close

    close(name)


@staff.command(name="list")
def list_staff() -> None:
    """List accounts, their roles and how they stand."""
    from services.commands.staff import show

    show()
