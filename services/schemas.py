"""`lanyard schemas`: the contract's files, written anew, checked, or released."""

from pathlib import Path
from typing import Annotated

import typer

from services.terminal import stopped
from shared import schema_export


def schemas(
    folder: Annotated[Path, typer.Option("--dir", help="Where to write them.")] = schema_export.SCHEMAS,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 where a file is out of date.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Keep them as those that later versions must not break.")] = False,
) -> None:
    """Write the JSON Schema of every event and the AsyncAPI document."""
    expected = schema_export.files()
    stale = _stale(folder, expected)
    if check:
        for name in stale:
            typer.echo(f"{folder / name} is out of date: run `lanyard schemas`")
        raise typer.Exit(1 if stale else 0)
    if release:
        _refuse_breaks(folder)
        expected |= {f"released/{name}": text for name, text in schema_export.schema_files().items()}
    for name in _stale(folder, expected):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(expected[name], encoding="utf-8")
        typer.echo(f"wrote {file}")


def _stale(folder: Path, expected: dict[str, str]) -> list[str]:
    """Names of files that are missing or say something else."""

    def found(name: str) -> str | None:
        file = folder / name
        return file.read_text(encoding="utf-8") if file.exists() else None

    return [name for name, text in expected.items() if found(name) != text]


def _refuse_breaks(folder: Path) -> None:
    breaks = schema_export.breaks(schema_export.read_released(folder / "released"), schema_export.schemas())
    if breaks:
        advice = "Take the change back, or raise the `major` of that event in shared/events.py."
        raise stopped("\n".join(["This would break whoever knows the version before:", *breaks, advice]))
