"""What the README quotes is what is there."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_ten_line_printer_is_quoted_as_it_is() -> None:
    assert (ROOT / "examples/ten_line_printer.py").read_text().strip() in (ROOT / "README.md").read_text()
