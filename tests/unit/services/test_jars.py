"""Jars are fetched by the real Maven client from a repository on this machine."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import pytest
from jgo.maven import MavenContext, PythonResolver
from tenacity import wait_none

from services.embedded import jars
from services.faults import CannotStart

NAMES = ("kafka-clients", "kafka-server", "log4j-core")


@dataclass
class Repository:
    """A Maven repository whose answers a test can spoil."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    break_once: set[str] = field(default_factory=set[str])
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rpartition("/")[2]
        self.asked.append(name)
        content = self.files.get(name)
        if content is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if name in self.break_once:
            self.break_once.remove(name)
            content = content[: len(content) // 2]
        request.wfile.write(content)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    served = Repository({f"{name}-1.0.jar": os.urandom(50_000) for name in NAMES})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            pass

    def maven(repository: Path) -> MavenContext:
        return MavenContext(resolver=PythonResolver(), repo_cache=repository, remote_repos={"here": served.address}, timeout=5)

    lock = tmp_path / "broker.lock"
    lines = [
        jars.Jar("org.example", name, "1.0", 50_000, hashlib.sha256(served.files[f"{name}-1.0.jar"]).hexdigest()).line
        for name in NAMES
    ]
    lock.write_text("# the jars\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(jars, "LOCK", lock)
    monkeypatch.setattr(jars, "_maven", maven)
    monkeypatch.setattr(jars._fetch_one.retry, "wait", wait_none())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def contents() -> set[bytes]:
    return {file.read_bytes() for file in jars.cache_folder().glob("*.jar")}


def test_all_are_fetched_once_and_progress_is_said(repository: Repository) -> None:
    progress: list[tuple[int, int]] = []
    paths = jars.fetch(lambda fetched, total: progress.append((fetched, total)))
    assert [path.name for path in paths] == [f"{name}-1.0.jar" for name in NAMES]
    assert contents() == set(repository.files.values())
    assert progress == [(0, 150_000), (50_000, 150_000), (100_000, 150_000), (150_000, 150_000)]
    repository.asked.clear()
    assert jars.fetch() == paths
    assert repository.asked == []


def test_only_what_is_damaged_is_fetched_again(repository: Repository) -> None:
    damaged = jars.fetch()[1]
    damaged.write_bytes(b"half a jar")
    repository.asked.clear()
    jars.fetch()
    assert {name for name in repository.asked if name.endswith(".jar")} == {damaged.name}
    assert contents() == set(repository.files.values())


def test_an_altered_jar_is_not_kept(repository: Repository) -> None:
    repository.files["kafka-server-1.0.jar"] = b"altered"
    with pytest.raises(CannotStart, match=r"org\.example:kafka-server:1\.0 was fetched with SHA-256 .* another network"):
        jars.fetch()
    assert b"altered" not in contents()
    assert not list(jars.cache_folder().glob(".fetching-*"))


def test_a_broken_connection_is_tried_again(repository: Repository) -> None:
    repository.break_once = set(repository.files)
    jars.fetch()
    assert contents() == set(repository.files.values())


def test_without_a_network_it_says_what_to_do(repository: Repository) -> None:
    repository.address = "http://127.0.0.1:1"
    with pytest.raises(CannotStart, match=r"Cannot reach the Maven repository .* KAFKA_BOOTSTRAP_SERVERS"):
        jars.fetch()


def test_a_jar_that_the_repository_lacks_is_said(repository: Repository) -> None:
    del repository.files["log4j-core-1.0.jar"]
    with pytest.raises(CannotStart, match=r"does not have what broker\.lock names: .*log4j-core"):
        jars.fetch()


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, r"disk under .* is full"), (errno.EACCES, "Cannot keep .*XDG_CACHE_HOME")]
)
def test_a_fault_of_the_disk_is_said_and_not_tried_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotStart, match=said):
        jars.fetch()
    assert sorted(repository.asked) == sorted(set(repository.asked))


def test_what_a_killed_process_left_goes(repository: Repository) -> None:
    left = jars.cache_folder() / ".fetching-abc"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"half a jar")
    jars.fetch()
    assert not left.exists()


def test_the_lock_holds_the_whole_broker_and_no_address() -> None:
    locked = {jar.name: jar for jar in jars.locked()}
    assert locked["kafka_2.13"].version == locked["kafka-clients"].version == jars.KAFKA_VERSION
    assert locked["log4j-slf4j-impl"].version == locked["log4j-core"].version
    assert not jars.NOT_LOADED & locked.keys()
    assert "://" not in jars.LOCK.read_text()
