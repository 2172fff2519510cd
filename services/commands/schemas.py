"""The contract's files: checked, written anew, or released."""

from pathlib import Path

import typer

from services.commands.terminal import stopped
from shared import schema_export


def check_schemas(folder: Path) -> bool:
    """Whether the files of the contract are up to date; says which are not."""
    stale = _stale(folder, schema_export.files())
    for name in stale:
        typer.echo(f"{folder / name} is out of date: run `lanyard schemas`")
    return not stale


def write_schemas(folder: Path, *, release: bool) -> None:
    """Write what is out of date; where it is a release, also as the version that later ones must not break."""
    wanted = schema_export.files()
    if release:
        _refuse_breaks(folder)
        wanted |= {f"released/{name}": text for name, text in schema_export.schema_files().items()}
    for name in _stale(folder, wanted):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[name], encoding="utf-8")
        typer.echo(f"wrote {file}")


def _stale(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Names of files that are missing or say something else."""

    def found(name: str) -> str | None:
        file = folder / name
        return file.read_text(encoding="utf-8") if file.exists() else None

    return [name for name, text in wanted.items() if found(name) != text]


def _refuse_breaks(folder: Path) -> None:
    breaks = schema_export.breaks(schema_export.read_released(folder / "released"), schema_export.schemas())
    if breaks:
        advice = "Take the change back, or raise the `major` of that event in shared/events.py."
        raise stopped("\n".join(["This would break whoever knows the version before:", *breaks, advice]))
