"""Texts as they are searched: case, accents, spacing and the letters that have no accent apart make no difference."""

import unicodedata

NO_JOINERS = {0x200C: None, 0x200D: None}
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ى": "ي", "ة": "ه"})


def searched(text: str) -> str:
    """`text` as a search looks at it; both what is kept and what is asked for go through here."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(NO_JOINERS))
    plain = "".join(each for each in decomposed if not unicodedata.combining(each)).translate(_PLAIN)
    return " ".join(plain.split())
