"""Choosing the part of a picture that the badge shows: where its frame is, and where a step takes it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from registration.photos.portraits import LEAST, Area, Picture, area_height, middle

STEP = 2.5
"""In hundredths of the picture."""
GROWTH = 1.1
MOVES = ("left", "right", "up", "down", "larger", "smaller")


@dataclass(frozen=True, slots=True)
class Cropping:
    """A picture and the area chosen of it."""

    picture_id: UUID
    picture: Picture
    area: Area

    @property
    def asked(self) -> str:
        """The picture and its area, as parameters of an address."""
        return urlencode({"picture": self.picture_id, **self.fields})

    @property
    def fields(self) -> dict[str, str]:
        area = self.area
        return {"left": f"{area.left:.2f}", "top": f"{area.top:.2f}", "width": f"{area.width:.2f}"}

    @property
    def frame(self) -> dict[str, float]:
        """Where the area is, in the picture's pixels."""
        wide, high, area = self.picture.width / 100, self.picture.height / 100, self.area
        tall = area_height(area.width, self.picture.width, self.picture.height)
        frame = {"x": area.left * wide, "y": area.top * high, "width": area.width * wide, "height": tall * high}
        return {name: round(value, 1) for name, value in frame.items()}

    @property
    def least_width(self) -> float:
        return round(100 * LEAST[0] / self.picture.width + 0.05, 2)


def cropping_of(picture_id: UUID, picture: Picture, given: Mapping[str, str]) -> Cropping:
    """The area that is given, moved as asked for, and always within the picture; its middle where none is given."""
    first = middle(picture.width, picture.height)
    area = Area(*(_number(given.get(name, ""), getattr(first, name)) for name in ("left", "top", "width")))
    cropping = Cropping(picture_id, picture, area)
    return replace(cropping, area=_within(_moved(area, given.get("move", "")), cropping))


def _moved(area: Area, move: str) -> Area:
    grown = area.width * {"larger": GROWTH, "smaller": 1 / GROWTH}.get(move, 1)
    across = {"left": -STEP, "right": STEP}.get(move, 0) - (grown - area.width) / 2
    down = {"up": -STEP, "down": STEP}.get(move, 0)
    return Area(area.left + across, area.top + down, grown)


def _within(area: Area, cropping: Cropping) -> Area:
    picture = cropping.picture
    width = max(cropping.least_width, min(area.width, middle(picture.width, picture.height).width))
    tall = area_height(width, picture.width, picture.height)
    return Area(max(0.0, min(area.left, 100 - width)), max(0.0, min(area.top, 100 - tall)), width)


def _number(text: str, otherwise: float) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return otherwise
    return number if 0 <= number <= 100 else otherwise
