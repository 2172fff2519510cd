"""The `lanyard keys` commands: what can be given on the command line. What each does is in the module it calls."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Role = Literal["accreditation", "programme", "badging", "operations", "read-only"]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
KeyName = Annotated[str, typer.Argument(help="Whose key it is, as logs will show it.")]

keys = typer.Typer(no_args_is_help=True, help="Make keys for forms and staff, list and revoke those of forms.")


@keys.command(name="create")
def create_form_key(
    name: KeyName,
    category: Annotated[list[str] | None, typer.Option(help="A category it may register; all where none is named.")] = None,
    delegation: Annotated[
        list[str] | None, typer.Option(help="A delegation it may register people of; all where none is named.")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="How often it may be used within an hour.")] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Of pages that may use it, such as https://forms.example.org; it registers only.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="It validates and changes nothing.")] = False,
    signed: Annotated[
        bool, typer.Option("--signed", help="What it sends must be signed, by the secret shown below it; a page's cannot be.")
    ] = False,
) -> None:
    """Make the key of an external form and keep it in registration's database. Takes registration's settings."""
    from registration.callers.form_keys import FormKey
    from services.commands.form_keys import create

    slugs = (frozenset(each) if each else None for each in (category, delegation))
    create(FormKey(name, *slugs, rate=rate, origins=frozenset(origin or ()), test=test), signed=signed)


@keys.command(name="list")
def list_form_keys(as_json: AsJson = False) -> None:
    """List the keys of external forms. Takes registration's settings."""
    from services.commands.form_keys import show

    show(as_json=as_json)


@keys.command(name="revoke")
def revoke_form_key(name: KeyName) -> None:
    """Have the key of an external form taken no more. Takes registration's settings."""
    from services.commands.form_keys import revoke

    revoke(name)


@keys.command(name="staff")
def make_staff_key(
    name: KeyName,
    role: Annotated[Role, typer.Option(help="What it may do.")],
    keys_file: Annotated[Path, typer.Option(envvar="KEYS_FILE", help="The file of hashes that every service reads.")],
    email: Annotated[
        str | None, typer.Option(help="Whose it is: where two must decide, the key and their own account count as one.")
    ] = None,
) -> None:
    """Make a staff key and add it to KEYS_FILE, which services read again by themselves."""
    from services.commands.keys import make_staff_key

    make_staff_key(name, role, keys_file, email)
