"""What is measured, as it is shown: ours beside its limit, the goal, and whether it is met."""

from dataclasses import dataclass, field
from statistics import median

from rich.table import Table


@dataclass(slots=True, kw_only=True)
class Measure:
    """One line of the table. Each round measures ours and the limit right after one another.

    The ratio is the median of the rounds' own ratios: a noisy neighbour slows both sides of a round.
    """

    name: str
    unit: str
    at_least: float | None = None
    """Goal: the least ratio of ours to the limit."""
    below: float | None = None
    """Goal: what ours must stay under, in `unit`."""
    at_most: float | None = None
    """Goal: the greatest ratio of ours to the limit."""
    ours: list[float] = field(default_factory=list[float])
    limit: list[float] = field(default_factory=list[float])
    """As many as `ours`, or none where ours is held against a number alone."""

    def note(self, ours: float, limit: float | None = None) -> None:
        """Note a round."""
        self.ours.append(ours)
        if limit is not None:
            self.limit.append(limit)

    @property
    def ratios(self) -> list[float]:
        return [ours / limit for ours, limit in zip(self.ours, self.limit, strict=True)] if self.limit else []

    @property
    def goal(self) -> str:
        wanted = [
            None if self.at_least is None else f"≥ {self.at_least:g} × limit",
            None if self.below is None else f"< {self.below:g} {self.unit}",
            None if self.at_most is None else f"≤ {self.at_most:g} × limit",
        ]
        return ", ".join(each for each in wanted if each)

    @property
    def met(self) -> bool:
        return (
            (self.at_least is None or median(self.ratios) >= self.at_least)
            and (self.below is None or median(self.ours) < self.below)
            and (self.at_most is None or median(self.ratios) <= self.at_most)
        )


def table(measures: list[Measure]) -> Table:
    shown = Table(title="Each beside its limit, in the same run: medians of all rounds", title_justify="left")
    shown.add_column("Measure")
    for heading in ("Ours", "Limit", "Ratio"):
        shown.add_column(heading, justify="right")
    for heading in ("Ratio of each round", "Goal", "Met?"):
        shown.add_column(heading)
    for each in measures:
        ratios = each.ratios
        shown.add_row(
            each.name,
            _amount(each.ours, each.unit),
            _amount(each.limit, each.unit),
            f"{median(ratios):.2f}" if ratios else "",
            " ".join(f"{ratio:.2f}" for ratio in ratios),
            each.goal,
            "[green]yes[/]" if each.met else "[red]no[/]",
        )
    return shown


def _amount(values: list[float], unit: str) -> str:
    if not values:
        return ""
    value = median(values)
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
