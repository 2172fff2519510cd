"""A TCP proxy that a test can cut, hold and slow: the network between the services and one server."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

HOST = "127.0.0.1"
CHUNK = 64 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
T = TypeVar("T")
Connect = Callable[[], Awaitable[Streams]]


class Proxy:
    """Forwards what is sent to `port` of this machine to whatever `connect` reaches.

    It has a thread and an event loop of its own: a client that blocks the caller's loop is served all the same. Every
    method blocks, for no longer than it takes to break the connections.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = False
        self._delay_seconds = 0.0
        self._server = self._run(asyncio.start_server(self._accepted, HOST, 0, backlog=512))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._run(self._drop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """Break every connection, and each new one at once, until `mend`."""
        self._cut = True
        self._run(self._drop())

    def hold(self) -> None:
        """Keep connections and take new ones, and let nothing through until `mend`: nobody is told."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, seconds: float) -> None:
        """Add so much to each chunk, in each direction, until `mend`."""
        self._delay_seconds = seconds

    def mend(self) -> None:
        self._cut = False
        self._delay_seconds = 0.0
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _drop(self) -> None:
        for each in list(self._connections):
            each.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self._cut:
                await self._forward((reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the connection is broken, which is what it is for
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _forward(self, client: Streams) -> None:
        server = await self._connect()
        try:
            both = [
                asyncio.create_task(self._pump(client[0], server[1])),
                asyncio.create_task(self._pump(server[0], client[1])),
            ]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in both:
                    each.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        finally:
            server[1].transport.abort()

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK):
            await self._flowing.wait()
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            to.write(chunk)
            await to.drain()
        with contextlib.suppress(OSError):
            to.write_eof()
        await asyncio.sleep(1)  # what comes the other way after one side has said its last


def to_port(port: int) -> Connect:
    return lambda: asyncio.open_connection(HOST, port)


def to_socket(path: str) -> Connect:
    return lambda: asyncio.open_unix_connection(path)
