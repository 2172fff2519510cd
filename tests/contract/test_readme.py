"""What the README quotes is what is there."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_ten_line_printer_is_quoted_as_it_is() -> None:
    assert (ROOT / "examples/ten_line_printer.py").read_text().strip() in (ROOT / "README.md").read_text()


def test_the_snippet_of_a_form_is_quoted_as_it_is() -> None:
    page = (ROOT / "examples/form.html").read_text()
    snippet = page[page.index("<form") : page.index("</script>")]
    assert snippet in (ROOT / "README.md").read_text()
