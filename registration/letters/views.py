"""How a delegation's letter of credentials is shown as JSON."""

from datetime import datetime
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from registration.letters.letter import Letter
from registration.views import DryRun
from shared.events import Slug


class LetterView(TypedDict):
    """A delegation's letter of credentials; the file itself is at `/delegations/{code}/letter/file`."""

    delegation: Slug
    sha256: str
    media_type: Literal["application/pdf", "image/jpeg"]
    size: int
    pages: int
    given_at: datetime
    given_by: str
    """As in the audit trail: the kind of who gave it, and their name; a focal point's is a hash."""


class LetterGiven(LetterView):
    accredited: int
    """How many people waited for nothing else."""
    dry_run: NotRequired[DryRun]


class LetterRemoved(TypedDict):
    """There is no letter, the first time and ever after."""

    delegation: Slug
    dry_run: NotRequired[DryRun]


def letter_view(letter: Letter) -> dict[str, object]:
    """As `LetterView`."""
    return letter._asdict()
