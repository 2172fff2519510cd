"""Waiting in tests: for a condition, never for a time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object], what: str, *, within: float = 60.0, look_every: float = 0.05) -> None:
    """Return when `condition` holds; it may be a coroutine function. After `within` seconds say what never came true."""
    give_up = time.monotonic() + within
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < give_up, f"after {within:g} s it was still not so that {what}"
        await asyncio.sleep(look_every)
