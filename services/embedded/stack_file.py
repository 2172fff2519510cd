"""`var/stack.json`: which processes the embedded stack runs and where to find them, for the commands of operations."""

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

NAME = "stack.json"


class StackFileFault(Exception):
    """The file is there but cannot be read; the message names it and says what to do."""


class Process(BaseModel):
    """One process of the stack."""

    name: str
    pid: int
    """The stack writes the file again whenever one is restarted."""
    url: str | None = None
    """Where it answers `/ready`, without a slash at the end; `None` where it serves no HTTP of ours."""
    log: Path


class StackFile(BaseModel):
    """What the stack tells of itself. It holds no secret."""

    processes: list[Process]
    kafka: str
    """Bootstrap servers, as in `KAFKA_BOOTSTRAP_SERVERS`."""
    settings: dict[str, str] = {}
    """What its commands find set beside that: where registration's database and pages are, and the conference."""

    def write(self, var: Path) -> None:
        """Write `stack.json` in `var`, whole or not at all."""
        unfinished = var / f".{NAME}.tmp"
        unfinished.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(unfinished, var / NAME)

    @classmethod
    def read(cls, var: Path) -> "StackFile | None":
        """What the stack of `var` wrote, or `None` where none was started there. Raises `StackFileFault`."""
        file = var / NAME
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise StackFileFault(
                f"{file} cannot be read ({type(error).__name__}). Start the stack again: it writes the file anew."
            ) from None
