"""Placeholder letters of credentials for the example's delegations: one page each, of nobody."""

from collections.abc import Iterator

import typst

from shared.conference import Conference, Delegation

_LETTER = b"""
#set page(paper: "a4", margin: 3cm)
#set document(title: "Letter of credentials", date: none)
#set text(size: 12pt, lang: "en")
#align(center, text(weight: "bold", sys.inputs.delegation))
#v(2cm)
The delegation named above presents its compliments to the secretariat of the #sys.inputs.conference and has the honour to
confirm that the persons whom its focal points register represent it there.
#v(3cm)
#align(right, box(stroke: 0.5pt, inset: 8pt, text(fill: gray, [Signed and stamped in the example only])))
"""


def senders(conference: Conference) -> Iterator[str]:
    """The delegations that give one: for people of some category it is waited for."""
    for delegation in conference.delegations:
        if any(conference.needs_letter(category.slug, delegation.code) for category in conference.categories):
            yield delegation.code


def letter(delegation: Delegation, conference: Conference) -> bytes:
    """A PDF, the same whenever it is made."""
    names = {"delegation": delegation.names["en"], "conference": conference.title["en"]}
    return typst.compile(_LETTER, sys_inputs=names, ignore_system_fonts=True)
