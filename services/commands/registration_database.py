"""What commands of registration do in its database, whether a service runs or not."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from registration.settings import RegistrationSettings
from services.commands.terminal import load_beside_stack, stopped
from shared.database import Database, WrongDatabase

T = TypeVar("T")


def in_registration(work: Callable[[Connection], T]) -> T:
    """Do `work` in one transaction, on the newest tables; ends the command where the database cannot be used."""
    settings = load_beside_stack(RegistrationSettings)
    database = Database(settings.database_url.get_secret_value(), "registration")
    try:
        database.migrate("registration:migrations")
        return database.transaction(work)
    except WrongDatabase as wrong:
        raise stopped(str(wrong)) from None
    except OperationalError as error:
        where = database.url.render_as_string(hide_password=True)
        raise stopped(f"Registration's database {where} cannot be used ({type(error.orig).__name__}).") from None
    finally:
        database.close()
