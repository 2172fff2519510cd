"""Every sentence of the pages is in every language."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import registration
from registration.pages.language import CATALOGUES
from shared.events import LANGUAGES

ROOM = Path(registration.__file__).parent


def written() -> Catalog:
    """What the pages say, taken from their source."""
    found = extract_from_dir(
        ROOM,
        [("pages/**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={"templates/**.html": {"trimmed": "true"}},
        keywords={"gettext": None, "ngettext": (1, 2)},
    )
    catalogue = Catalog()
    for _, _, message, _, context in found:
        catalogue.add(message, context=context)
    return catalogue


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_sentence_is_translated_and_none_is_left_over(language: str):
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    translated = {each.id: each for each in catalogue if each.id}
    assert set(translated) == {each.id for each in written() if each.id}
    for message in translated.values():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), message.id
        assert not message.fuzzy
        assert len(forms) == (catalogue.num_plurals if message.pluralizable else 1)
        assert not list(message.check(catalogue))


def test_there_are_sentences_to_translate():
    assert len(written()) > 60
