"""What every page looks by: the style sheet and the site's icon, each kept for good under an address made of its content."""

import hashlib
from pathlib import Path

from starlette.responses import Response

_STATIC = Path(__file__).parent.parent / "static"
_STYLE, _ICON = (_STATIC / "lanyard.css").read_bytes(), (_STATIC / "lanyard.svg").read_bytes()
STYLE_SHEET = f"/static/{hashlib.sha256(_STYLE).hexdigest()[:12]}.css"
ICON = f"/static/{hashlib.sha256(_ICON).hexdigest()[:12]}.svg"
FAVICON = "/favicon.ico"
"""Where browsers look for the icon of what is no page of ours, and names none, such as an answer in JSON."""
_A_YEAR, _A_DAY = "public, max-age=31536000, immutable", "public, max-age=86400"


async def style_sheet() -> Response:
    return Response(_STYLE, media_type="text/css", headers={"Cache-Control": _A_YEAR})


async def icon() -> Response:
    return _icon(_A_YEAR)


async def favicon() -> Response:
    return _icon(_A_DAY)


def _icon(kept: str) -> Response:
    return Response(_ICON, media_type="image/svg+xml", headers={"Cache-Control": kept})
