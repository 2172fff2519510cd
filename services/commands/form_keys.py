"""The commands of external forms' keys, which registration keeps: only their SHA-256, and secrets to check signatures by."""

from dataclasses import asdict
from urllib.parse import urlsplit

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import IntegrityError

from registration.callers.form_keys import CACHED_SECONDS, FormKey, all_form_keys, keep_form_key, revoke_form_key
from registration.callers.signatures import new_secret
from registration.settings import RegistrationSettings
from services.commands.keys import check_name, tell
from services.commands.registration_database import in_registration
from services.commands.terminal import load_beside_stack, printable, stopped
from shared.conference import Conference
from shared.conference_folder import ConferenceFault
from shared.conference_folder import load as load_conference
from shared.keys import key_hash, new_key


def create(form: FormKey, *, signed: bool) -> None:
    """Make a key, shown alone on standard output; one that signs has its secret on the next line."""
    check_name(form.name)
    if signed and form.origins:
        raise stopped(
            "A page cannot sign: whoever opens it could read the secret there. Leave out --signed for a page, "
            "and --origin for a server that signs."
        )
    try:
        _check_slugs(load_conference(load_beside_stack(RegistrationSettings).conference_folder), form)
    except ConferenceFault as fault:
        raise stopped(str(fault)) from None
    _check_origins(form.origins)
    key, secret = new_key(), new_secret() if signed else None
    try:
        in_registration(lambda tx: keep_form_key(tx, key_hash(key), form, secret))
    except IntegrityError:
        raise stopped(f"There is a form key of the name {printable(form.name)} already. Choose another name.") from None
    tell(key, "Registration takes it from now on.")
    if secret:
        typer.echo(secret)
        typer.echo("This is the secret to sign with, shown this once: it is never sent. See standardwebhooks.com.", err=True)


def show(*, as_json: bool) -> None:
    """Every form's key, without the key."""
    kept = in_registration(all_form_keys)
    if as_json:
        rows = [{**asdict(form), "signed": signed, "revoked": revoked} for form, signed, revoked in kept]
        typer.echo(orjson.dumps(rows, default=sorted).decode())
        return
    table = Table("name", "categories", "delegations", "an hour", "pages", "kind", box=None)
    for form, signed, revoked in kept:
        kinds = {"test": form.test, "signed": signed, "revoked": revoked}
        table.add_row(
            printable(form.name),
            _listed(form.categories),
            _listed(form.delegations),
            str(form.rate or "any"),
            " ".join(sorted(form.origins)),
            " ".join(kind for kind, holds in kinds.items() if holds),
        )
    Console(highlight=False).print(table)


def _listed(slugs: frozenset[str] | None) -> str:
    return "all" if slugs is None else " ".join(sorted(slugs))


def revoke(name: str) -> None:
    """Have a key taken no more, its name still in use. Idempotent."""
    if not in_registration(lambda tx: revoke_form_key(tx, name)):
        raise stopped(f"There is no form key of the name {printable(name)}: see `lanyard keys list`.")
    typer.echo(f"The key {printable(name)} is taken no more, everywhere within {CACHED_SECONDS:.0f} seconds.")


def _check_slugs(conference: Conference, form: FormKey) -> None:
    unknown = [f"category {each}" for each in sorted(form.categories or ()) if each not in conference.category]
    unknown += [f"delegation {each}" for each in sorted(form.delegations or ()) if each not in conference.delegation]
    if unknown:
        raise stopped(
            f"The conference {conference.slug} has no {printable(', no '.join(unknown))}. `GET /conference` lists them."
        )


def _check_origins(origins: frozenset[str]) -> None:
    for each in sorted(origins):
        parts = urlsplit(each)
        if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != each.lower() or each != each.lower():
            raise stopped(f"{printable(each)} is no origin: give it as browsers do, such as https://forms.example.org.")
