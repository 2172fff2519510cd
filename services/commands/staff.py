"""The commands of staff accounts. A link to set a password with is shown once, alone on standard output."""

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from registration import store
from registration.settings import RegistrationSettings
from services.commands.keys import check_name, checked_email
from services.commands.registration_database import in_registration
from services.commands.terminal import load_beside_stack, printable, stopped
from shared.clock import utc_now
from shared.keys import Role


def add(name: str, role: str, email: str | None = None) -> None:
    check_name(name)
    email = email and checked_email(email)

    def open_account(tx: Connection) -> str | None:
        store.accounts.add(tx, name, Role(role), email)
        return store.accounts.new_link(tx, name, utc_now())

    try:
        token = in_registration(open_account)
    except IntegrityError:
        raise stopped(f"There is an account of the name {printable(name)} already. Choose another name.") from None
    _tell(token, name)


def set_email(name: str, email: str) -> None:
    email = checked_email(email)
    if not in_registration(lambda tx: store.accounts.set_email(tx, name, email)):
        raise _unknown(name)
    typer.echo(f"The account {printable(name)} is known to be of {email}.")


def reset(name: str) -> None:
    _tell(in_registration(lambda tx: store.accounts.new_link(tx, name, utc_now())), name)


def close(name: str) -> None:
    if not in_registration(lambda tx: store.accounts.close(tx, name)):
        raise _unknown(name)
    typer.echo(f"The account {printable(name)} is closed; its sessions have ended.")


def show() -> None:
    for account, state in in_registration(store.accounts.listed):
        typer.echo(f"{account.name}\t{account.role.value}\t{state}")


def _tell(token: str | None, name: str) -> None:
    if token is None:
        raise _unknown(name)
    typer.echo(f"{load_beside_stack(RegistrationSettings).own_url}/en/staff/set-password?link={token}")
    typer.echo(f"Whoever opens this link within a day sets the password of {printable(name)}, once.", err=True)


def _unknown(name: str) -> typer.Exit:
    return stopped(f"There is no open account of the name {printable(name)}: see `lanyard staff list`.")
