"""Catalogues: what we say, in the six languages, as gettext `.po` files that translators keep."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from shared.events import Language


@lru_cache(maxsize=64)
def translations(folder: Path, language: Language) -> Translations:
    """The catalogue `folder/LANGUAGE.po`, read once; raises `FileNotFoundError` where there is none.

    English, which everything is written in, needs none. `info()["language"]` is the catalogue's `Language` header. What it
    does not translate is said as it was written.
    """
    path = folder / f"{language}.po"
    if language == "en" and not path.exists():
        return Translations()
    with path.open("rb") as file:
        catalogue = read_po(file)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
