"""Makes staff keys. Each is shown once, on standard output and nothing else there; only its SHA-256 is kept."""

import fcntl
import os
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import orjson
import typer
from pydantic import TypeAdapter, ValidationError

from services.commands.terminal import printable, stopped
from shared.events import Email
from shared.keys import Role, key_hash, new_key

LONGEST_NAME = 64


def make_staff_key(name: str, role: str, file: Path, email: str | None = None) -> None:
    """Make a staff key and add its hash to the file that every service reads; `email` says whose it is."""
    check_name(name)
    email = email and checked_email(email)
    key = new_key()
    add_staff_key(file, key_hash(key), name, Role(role), email)
    tell(key, f"Every service that reads {file} takes it from now on.")


def add_staff_key(file: Path, hashed: str, name: str, role: Role, email: str | None = None) -> None:
    """Add a key's hash to the file, whole or not at all, mode 0600; ends the command where the file or name is not fit."""
    file = file.resolve()
    with _alone_in(file.parent):
        text = _keys_text(file)
        if any(entry.get("name") == name for entry in _entries(file, text)):
            raise stopped(
                f"{file} has a key of the name {printable(name)} already. Choose another, or take that one out first."
            )
        said = {"name": name, "role": role.value, **({"email": email} if email else {})}
        entry = f"[keys.{hashed}]\n" + "".join(f"{each} = {orjson.dumps(value).decode()}\n" for each, value in said.items())
        _replace(file, f"{text.rstrip()}\n\n{entry}" if text.strip() else entry)


def _keys_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise stopped(f"{file} cannot be read ({type(error).__name__}): nothing was added.") from None


def _entries(file: Path, text: str) -> list[dict[str, str]]:
    try:
        return list(tomllib.loads(text).get("keys", {}).values())
    except tomllib.TOMLDecodeError as error:
        raise stopped(f"{file} is not valid TOML ({error}): correct it first, nothing was added.") from None


def _replace(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(descriptor)
    os.replace(unfinished, file)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Let one command at a time write in `folder`. The file itself cannot be locked: it is replaced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise stopped(f"The folder {folder} cannot be opened: {error.strerror}. Create it, or correct KEYS_FILE.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise stopped(f"{folder} cannot be written: {error.strerror}. Nothing was added.") from None
    finally:
        os.close(descriptor)


def check_name(name: str) -> None:
    if not (0 < len(name.strip()) == len(name) <= LONGEST_NAME and name.isprintable()):
        raise stopped(f"A name has 1 to {LONGEST_NAME} printable characters, without space around it: {printable(name)!r}")


def checked_email(email: str) -> str:
    """In small letters; ends the command where it is none."""
    try:
        return TypeAdapter[str](Email).validate_python(email).lower()
    except ValidationError:
        raise stopped(f"{printable(email)} is not an e-mail address.") from None


def tell(key: str, use: str) -> None:
    typer.echo(key)
    typer.echo(f"This is the key, shown this once: only its SHA-256 is kept. {use}", err=True)
