"""What every answer tells a browser, whichever route, or fault, it comes from."""

from starlette.types import Message, Scope, Send

_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_NOT_KEPT = (b"cache-control", b"no-store")
_PERSONAL = frozenset({b"authorization", b"cookie"})
_FRAMED_BY_NOBODY = (b"content-security-policy", b"frame-ancestors 'none'")


def with_safe_headers(scope: Scope, send: Send) -> Send:
    """`send`, with those headers that the answer has not of itself.

    What somebody asks for who says who they are is kept in no cache, unless the route says that it may.
    """
    wanted = [*_ALWAYS, _FRAMED_BY_NOBODY]
    if scope["scheme"] == "https":
        wanted.append(_STRICT_TRANSPORT)
    if any(name in _PERSONAL for name, _ in scope["headers"]):
        wanted.append(_NOT_KEPT)

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            has = {name.lower() for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *(each for each in wanted if each[0] not in has)]}
        await send(message)

    return sent
