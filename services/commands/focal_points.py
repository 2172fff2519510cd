"""`lanyard focal-points`: who nominates the people of a delegation, kept in registration's database."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy import Connection

from registration.delegations.focal_points import (
    FocalPoint,
    FocalRole,
    address_of,
    faults_among,
    focal_points_of,
    keep_focal_points,
)
from registration.settings import RegistrationSettings
from services.commands.registration_database import in_registration
from services.commands.terminal import load_beside_stack, printable, stopped
from shared.conference import Conference
from shared.conference_folder import ConferenceFault
from shared.conference_folder import load as load_conference
from shared.events import in_language
from shared.folding import searched
from shared.problems import faults_of

COLUMNS = ("delegation", "name", "email", "role")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Named:
    """A focal point to be added; `where` is how a fault of theirs is introduced."""

    where: str
    delegation: str
    focal_point: FocalPoint


def add_focal_point(delegation: str, email: str, name: str, role: str | None) -> None:
    """Add one, or change the name and role of the one with this address."""
    given = {"delegation": delegation, "name": name, "email": email, "role": role}
    faults: list[str] = []
    named = _named("", given, _conference(), faults)
    _stop_at(faults)
    assert named is not None
    _add([named])


def add_focal_points(file: Path) -> None:
    """Add those of a CSV file, or none: every faulty line is named."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise stopped(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise stopped(f"{file} is not UTF-8 text: save it so, as spreadsheets offer it (CSV UTF-8).") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [each for each in ("delegation", "name", "email") if each not in (rows.fieldnames or [])]
    if missing:
        raise stopped(f"The first line of {file} must name the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}.")
    conference, faults, named = _conference(), list[str](), list[Named]()
    try:
        for row in rows:
            found = _named(f"line {rows.line_num}: ", row, conference, faults)
            if found is not None:
                named.append(found)
    except csv.Error as error:
        faults.append(f"line {rows.line_num}: not CSV ({error})")
    faults += _twice(named)
    _stop_at(faults)
    _add(named)


def list_focal_points(delegation: str | None) -> None:
    found = in_registration(lambda tx: focal_points_of(tx, delegation))
    for code, each in found:
        typer.echo("\t".join((code, each.role.value, each.address, printable(each.name))))
    if not found:
        typer.echo("There are none. Add one: lanyard focal-points add DELEGATION EMAIL NAME", err=True)


def remove_focal_point(delegation: str, email: str) -> None:
    address = address_of(email)

    def remove(tx: Connection) -> bool:
        before = [each for _, each in focal_points_of(tx, delegation)]
        keep_focal_points(tx, delegation, [each for each in before if each.address != address])
        return any(each.address == address for each in before)

    if not in_registration(remove):
        raise stopped(f"{printable(delegation)} has no focal point with the address {printable(address)}.")
    typer.echo("Removed, and signed out.")


def _named(where: str, row: Mapping[str, str | None], conference: Conference, faults: list[str]) -> Named | None:
    """One focal point as given; what is wrong is added to `faults`."""
    before = len(faults)
    delegation = (row.get("delegation") or "").strip()
    if delegation not in conference.delegation:
        faults.append(f"{where}the conference has no delegation {printable(delegation)!r}{_nearest(delegation, conference)}")
    given = {name: (row.get(name) or "").strip() for name in ("name", "email", "role")}
    try:
        focal_point = FocalPoint.model_validate({name: value for name, value in given.items() if value or name != "role"})
    except ValidationError as error:
        faults += [f"{where}{fault.pointer[1:]}: {fault.detail}" for fault in faults_of(error)]
        return None
    return Named(where, delegation, focal_point) if len(faults) == before else None


def _nearest(wanted: str, conference: Conference) -> str:
    """Which codes may have been meant, by code and by name in any language."""
    called = {searched(text): each for each in conference.delegations for text in (*each.names.values(), each.code)}
    near = {called[each].code: called[each] for each in get_close_matches(searched(wanted), called, cutoff=0.75)}
    meant = [f"{code} ({in_language(each.names, 'en')})" for code, each in near.items()]
    return f". Is it {' or '.join(meant)}?" if meant else ""


def _twice(named: list[Named]) -> list[str]:
    seen: dict[tuple[str, str], Named] = {}
    faults: list[str] = []
    for each in named:
        first = seen.setdefault((each.delegation, each.focal_point.address), each)
        if first is not each:
            faults.append(f"{each.where}the same delegation and address as on {first.where.rstrip(': ')}")
    return faults


def _add(named: list[Named]) -> None:
    def add(tx: Connection) -> list[str]:
        by_delegation: dict[str, dict[str, FocalPoint]] = defaultdict(dict)
        for code, each in focal_points_of(tx):
            by_delegation[code][each.address] = each
        # Whose role is given comes first: of the others none is the primary one where another line says who is.
        for each in sorted(named, key=lambda each: "role" not in each.focal_point.model_fields_set):
            own = by_delegation[each.delegation]
            own[each.focal_point.address] = _with_role(each.focal_point, own)
        changed = sorted({each.delegation for each in named})
        faults = [f"{code}: {fault.detail}" for code in changed for fault in faults_among(list(by_delegation[code].values()))]
        if not faults:
            for code in changed:
                keep_focal_points(tx, code, list(by_delegation[code].values()))
        return faults

    _stop_at(in_registration(add))
    typer.echo(f"{len(named)} added. They sign in at /focal-point of registration's pages with their e-mail address.")


def _with_role(given: FocalPoint, own: Mapping[str, FocalPoint]) -> FocalPoint:
    """Where none is given: the role that they have; else who comes first is the primary one."""
    if "role" in given.model_fields_set:
        return given
    known, first = own.get(given.address), all(each.role is not FocalRole.PRIMARY for each in own.values())
    role = known.role if known else FocalRole.PRIMARY if first else FocalRole.BACKUP
    return given.model_copy(update={"role": role})


def _stop_at(faults: list[str]) -> None:
    if faults:
        raise stopped("\n".join([*faults, "Nothing was added."]))


def _conference() -> Conference:
    try:
        return load_conference(load_beside_stack(RegistrationSettings).conference_folder)
    except ConferenceFault as fault:
        raise stopped(str(fault)) from None
