"""The commands `lanyard focal-points`. What each does is in `services.commands.focal_points`, imported where it is called."""

from pathlib import Path
from typing import Annotated, Literal

import typer

focal_points = typer.Typer(
    no_args_is_help=True,
    help="Who nominates the people of a delegation. They sign in by a mailed link. Takes registration's settings.",
)


@focal_points.command(name="add")
def add_focal_point(
    delegation: Annotated[str, typer.Argument(help="The delegation's code.")] = "",
    email: Annotated[str, typer.Argument(help="The e-mail address by which they sign in.")] = "",
    name: Annotated[str, typer.Argument(help="Their name.")] = "",
    role: Annotated[
        Literal["primary", "backup"] | None,
        typer.Option(help="A delegation has one primary focal point: who is added first, where nothing is said."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="CSV with the columns delegation, name, email and role.")
    ] = None,
) -> None:
    """Add a focal point, or all of a file; one whose address the delegation has already is changed."""
    from services.commands import focal_points

    if file is not None and not delegation:
        focal_points.add_focal_points(file)
    elif file is None and delegation and email and name:
        focal_points.add_focal_point(delegation, email, name, role)
    else:
        raise typer.BadParameter("give DELEGATION, EMAIL and NAME, or --from FILE alone")


@focal_points.command(name="list")
def list_focal_points(
    delegation: Annotated[str | None, typer.Argument(help="Those of this delegation alone, by its code.")] = None,
) -> None:
    """List focal points: delegation, role, address and name, separated by tabs."""
    from services.commands.focal_points import list_focal_points

    list_focal_points(delegation)


@focal_points.command(name="remove")
def remove_focal_point(
    delegation: Annotated[str, typer.Argument(help="The delegation's code.")],
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
) -> None:
    """Remove a focal point; whoever is signed in by that address is signed out."""
    from services.commands.focal_points import remove_focal_point

    remove_focal_point(delegation, email)
