"""The jars of Apache Kafka: fetched once per machine by a Maven client, each checked against `broker.lock`.

`python -m services.embedded.jars` writes the lock again, after `KAFKA_VERSION` was changed.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from services.faults import CannotStart

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.2.1"
LOCK = Path(__file__).with_name("broker.lock")
NOT_LOADED = {"jackson-dataformat-csv", "jackson-dataformat-yaml", "jspecify", "scala-reflect", "snakeyaml"}
"""What only compilers, some of Kafka's command-line tools and YAML log settings use."""
CONNECTIONS = 12

Progress = Callable[[int, int], None]
"""Called in the caller's thread with the bytes fetched so far and the bytes to fetch."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven coordinates, size in bytes, SHA-256."""

    group: str
    name: str
    version: str
    size: int
    sha256: str

    @classmethod
    def from_line(cls, line: str) -> "Jar":
        coordinates, size, sha256 = line.split()
        group, name, version = coordinates.split(":")
        return cls(group, name, version, int(size), sha256)

    @property
    def line(self) -> str:
        return f"{self.coordinates} {self.size} {self.sha256}"

    @property
    def coordinates(self) -> str:
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"

    def is_intact(self, folder: Path) -> bool:
        file = folder / self.file_name
        return file.is_file() and _sha256(file) == self.sha256


def locked() -> list[Jar]:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [Jar.from_line(line) for line in lines if line and not line.startswith("#")]


def cache_folder() -> Path:
    """Return where the jars are kept: the user's cache, so that all checkouts share them."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "lanyard", f"kafka-{KAFKA_VERSION}")


def unseen(_fetched: int, _total: int) -> None:
    """Show no progress."""


def fetch(progress: Progress = unseen) -> list[Path]:
    """Return the paths of all locked jars, after fetching those that are absent or damaged.

    Every jar is hashed at every call, so what runs is what was locked. Safe to call in several processes at once, and
    after one was killed. Raises `CannotStart` where the network, the disk or a hash forbids it.
    """
    folder = cache_folder()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        if not all(pool.map(Jar.is_intact, locked(), repeat(folder))):
            with _explained(folder), _alone_in(folder):
                _fetch_missing(folder, pool, progress)
    return [folder / jar.file_name for jar in locked()]


def _fetch_missing(folder: Path, pool: ThreadPoolExecutor, progress: Progress) -> None:
    missing = [jar for jar in locked() if not jar.is_intact(folder)]
    total = sum(jar.size for jar in missing)
    fetched = 0
    with TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
        maven = _maven(Path(scratch))
        downloads = {pool.submit(_fetch_one, maven, jar, folder): jar for jar in missing}
        progress(fetched, total)
        try:
            for download in as_completed(downloads):
                download.result()
                fetched += downloads[download].size
                progress(fetched, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _maven(repository: Path) -> "MavenContext":
    from jgo.maven import MavenContext, PythonResolver  # takes 0.3 s, and most starts fetch nothing

    return MavenContext(resolver=PythonResolver(), repo_cache=repository, timeout=30)


def _is_passing(error: BaseException) -> bool:
    """Tell a fault of the network from one of the disk: both are `OSError`, only the disk's has a number."""
    return isinstance(error, OSError) and error.errno is None


@retry(retry=retry_if_exception(_is_passing), stop=stop_after_attempt(3), wait=wait_exponential(0.5), reraise=True)
def _fetch_one(maven: "MavenContext", jar: Jar, folder: Path) -> None:
    artifact = maven.project(jar.group, jar.name).at_version(jar.version).artifact()
    if artifact.cached_path:
        artifact.cached_path.unlink(missing_ok=True)  # the part that a broken attempt left would be taken as whole
    downloaded = artifact.resolve()
    found = _sha256(downloaded)
    if found != jar.sha256:
        raise CannotStart(
            f"{jar.coordinates} was fetched with SHA-256 {found}, but {LOCK.name} has {jar.sha256}; it was thrown away. "
            "Something on the way (a proxy, a mirror) altered it: try again on another network. "
            "Only if you changed the version on purpose, write the lock again with 'make lock'."
        )
    downloaded.replace(folder / jar.file_name)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Let one process at a time fetch into `folder`; what a killed one left half-fetched goes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in folder.glob(".fetching-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        needed = sum(jar.size for jar in locked()) // 1_000_000
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotStart(
                f"The disk under {folder} is full: Apache Kafka's jars need {needed} MB there. "
                "Free some space, or set XDG_CACHE_HOME to a folder on another disk, and run again."
            ) from error
        if not _is_passing(error):
            raise CannotStart(f"Cannot keep Apache Kafka's jars in {folder}: {error}. Set XDG_CACHE_HOME.") from error
        raise CannotStart(
            f"Cannot reach the Maven repository for Apache Kafka's jars ({needed} MB, once per machine): {error}. "
            "Connect to the network (behind a proxy, set HTTPS_PROXY) and run again: what was fetched is kept. "
            "Without a network, set KAFKA_BOOTSTRAP_SERVERS to a Kafka that already runs."
        ) from error
    except RuntimeError as error:
        raise CannotStart(f"The Maven repository does not have what {LOCK.name} names: {error}") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_lock() -> None:
    """Resolve what `KAFKA_VERSION` depends on, fetch it and write its coordinates, sizes and hashes to the lock."""
    from jgo.maven import Artifact, Dependency

    with TemporaryDirectory() as scratch:
        maven = _maven(Path(scratch))
        kafka = Dependency(maven.project("org.apache.kafka", "kafka_2.13").at_version(KAFKA_VERSION).artifact())
        roots, needed = maven.resolver.resolve([kafka])
        artifacts = [each.artifact for each in roots + needed if each.artifactId not in NOT_LOADED]
        # Resolved together with Kafka it would bring versions of its own of what Kafka chose.
        log4j = next(artifact.version for artifact in artifacts if artifact.artifactId == "log4j-core")
        binding = maven.project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(log4j)
        artifacts.append(binding.artifact())
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            files = list(pool.map(Artifact.resolve, artifacts))
        lines = sorted(
            Jar(artifact.groupId, artifact.artifactId, artifact.version, file.stat().st_size, _sha256(file)).line
            for artifact, file in zip(artifacts, files, strict=True)
        )
    head = f"# The jars of Apache Kafka {KAFKA_VERSION}: group:artifact:version, bytes, SHA-256. Written by 'make lock'.\n"
    LOCK.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_lock()
