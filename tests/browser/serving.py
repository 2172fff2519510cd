"""Registration with the example conference, served over HTTP from a thread of its own, and the machine's browser."""

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from registration.staff.provider import Provider
from shared.conference_folder import load
from tests.integration.deployment import free_port
from tests.registration_app import registration_running

EXAMPLE = Path(__file__).parents[2] / "conferences" / "counter-terrorism-2018"
READY_WITHIN_SECONDS = 60.0
NO_BROWSER = "there is no Chromium or Chrome on this machine; name one by CHROMIUM, or install the package chromium"


def chromium() -> str | None:
    """The machine's Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return os.environ.get("CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = threading.Event()

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self.answering.set()


@contextmanager
def served(folder: Path, *, port: int | None = None, provider: Provider | None = None) -> Iterator[str]:
    """The address of registration with the example conference; its database is in `folder`."""
    port = port or free_port()
    own_url = f"http://127.0.0.1:{port}"
    started: list[_Server] = []
    ready = threading.Event()

    async def serve() -> None:
        database = f"sqlite:///{folder / 'registration.db'}"
        running = registration_running(database, load(EXAMPLE), folder, own_url=own_url, provider=provider)
        async with running as registration:
            server = _Server(uvicorn.Config(registration.app, port=port, log_config=None, access_log=False))
            started.append(server)
            ready.set()
            await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(READY_WITHIN_SECONDS)
    assert started[0].answering.wait(READY_WITHIN_SECONDS)
    try:
        yield own_url
    finally:
        started[0].should_exit = True
        thread.join()
