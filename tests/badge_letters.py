"""Which letters the badge fonts have; `python -m tests.badge_letters` writes them into `shared/letters.py`."""

import re
import textwrap
from importlib.resources import files
from pathlib import Path

from fontTools.ttLib import TTFont

from badging.render import FONT_PACKAGES
from shared import letters

LISTED = re.compile(r'(?<=LETTERS = """\n).*?(?=""")', re.DOTALL)


def in_the_fonts() -> set[int]:
    """The code points that some font has a glyph for."""
    found: set[int] = set()
    for package in FONT_PACKAGES:
        for font in Path(str(files(package))).glob("**/*.[ot]tf"):
            found |= set(TTFont(font, lazy=True).getBestCmap())
    return found


def as_ranges(code_points: set[int]) -> str:
    """As `shared/letters.py` lists them: `first-last` in hexadecimal, a single one alone."""
    ranges: list[list[int]] = []
    for each in sorted(code_points):
        if ranges and each == ranges[-1][1] + 1:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    return " ".join(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in ranges)


def main() -> None:
    file = Path(letters.__file__)
    listed = textwrap.fill(as_ranges(in_the_fonts()), 128, break_on_hyphens=False) + "\n"
    file.write_text(LISTED.sub(listed, file.read_text("utf-8"), count=1), "utf-8")


if __name__ == "__main__":
    main()
