"""Badge jobs for the tests of rendering and printing."""

from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image

from shared.events import BadgeContent, BadgeJob, Photo, Zone
from shared.ids import new_id
from tests.badging_examples import NOON


def badge_job(
    number: int = 1, *, layout: str = "standard", credential: str = "LANYARD1:credential", **content: Any
) -> BadgeJob:
    """A job with the serial `CT18-000001` for number 1; `content` changes what the badge says."""
    said: dict[str, Any] = {
        "conference": "High-Level Conference of Heads of Counter-Terrorism Agencies",
        "venue_and_dates": "United Nations Headquarters, New York · 28–29 June 2018",
        "name": "Amina El-Hassan",
        "function": "Director-General",
        "delegation": "Republic of Maldova",
        "category": "Head of agency",
        "colour": "#12437f",
        "pass_type": "Delegate’s pass",
        "zones": [Zone(code="A", name="General Assembly Hall"), Zone(code="B", name="Conference rooms")],
        "language": "en",
    }
    return BadgeJob(
        job_id=new_id(),
        badge_id=new_id(),
        serial=f"CT18-{number:06}",
        delegate_id=new_id(),
        station="main",
        layout=layout,
        content=BadgeContent(**(said | content)),
        credential=credential,
        reason="first",
        requested_at=NOON,
    )


def red_photo() -> Photo:
    file = BytesIO()
    Image.new("RGB", (70, 90), (230, 20, 20)).save(file, "JPEG")
    return Photo(sha256=sha256(file.getvalue()).hexdigest(), jpeg=file.getvalue())
