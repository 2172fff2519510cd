"""Posts registrations from a process of its own, with as little work a request as may be: the server is what is measured.

Requests are built before the first is sent. Without `--rate` each of the connections posts the next as soon as it is
answered; with it, posts start at that many a second whether or not earlier ones were answered.

It reads one JSON body a line and writes one JSON line: when the last answer came, and each post's `Posted`. Times are
`time.monotonic`, which all processes of a machine share. Any answer but 201 ends it with that answer.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PATH = "/delegates"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Posted(NamedTuple):
    """One post: when it started, when its answer came, and the id that the answer gave the delegate."""

    started_at: float
    answered_at: float
    delegate_id: str


class Refused(Exception):
    """The server answered something else than 201."""


def requests(bodies: Iterable[str], port: int, key: str, series: str) -> list[bytes]:
    """The whole requests, each with an `Idempotency-Key` of its own."""
    built: list[bytes] = []
    for number, body in enumerate(bodies):
        content = body.encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {series}-{number}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        built.append(head.encode() + content)
    return built


class _Connection(asyncio.Protocol):
    """One connection that is kept alive; it carries one request at a time."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._received = b""
        self._started_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def post(self, request: bytes, due_at: float | None = None) -> None:
        assert self._transport is not None
        self._started_at = time.monotonic() if due_at is None else due_at
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, complete, body = self._received.partition(_END_OF_HEAD)
        if not complete:
            return
        length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        if not head.startswith(b"HTTP/1.1 201"):
            self._load.fail(Refused((head + _END_OF_HEAD + body).decode()))
            return
        self._load.answered(self, self._started_at, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.fail(exc or ConnectionError("the server closed a connection"))


class _Load:
    def __init__(self, requests: list[bytes]) -> None:
        self._requests: Iterator[bytes] = iter(requests)
        self._count = len(requests)
        self._idle: deque[_Connection] = deque()
        self._due: deque[tuple[bytes, float]] = deque()
        self._paced = False
        self._answers: list[tuple[float, float, bytes]] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, port: int, connections: int, rate: float | None) -> list[Posted]:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            self._idle.append(connection)
        if rate is None:
            while self._idle:
                self._post_next(self._idle.popleft())
        else:
            self._paced = True
            begin = loop.time()
            for number, request in enumerate(self._requests):
                loop.call_at(begin + number / rate, self._post_when_idle, request)
        await self._done
        return [Posted(started, answered, json.loads(body)["delegate_id"]) for started, answered, body in self._answers]

    def answered(self, connection: _Connection, started_at: float, body: bytes) -> None:
        self._answers.append((started_at, time.monotonic(), body))
        if len(self._answers) == self._count:
            self._done.set_result(None)
        elif not self._paced:
            self._post_next(connection)
        elif self._due:
            connection.post(*self._due.popleft())
        else:
            self._idle.append(connection)

    def fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _post_next(self, connection: _Connection) -> None:
        request = next(self._requests, None)
        if request is not None:
            connection.post(request)

    def _post_when_idle(self, request: bytes) -> None:
        """A post that finds no idle connection has started all the same: its time runs."""
        due_at = time.monotonic()
        if self._idle:
            self._idle.popleft().post(request, due_at)
        else:
            self._due.append((request, due_at))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--series", required=True, help="what the idempotency keys begin with")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float)
    given = parser.parse_args()
    bodies = given.bodies.read_text(encoding="utf-8").splitlines()
    built = requests(bodies, given.port, given.key, given.series)

    async def post() -> list[Posted]:
        return await _Load(built).run(given.port, given.connections, given.rate)

    try:
        posted = asyncio.run(post())
    except (Refused, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(posted, sys.stdout)


if __name__ == "__main__":
    main()
