"""Logs: structlog events to standard output, JSON in production and readable on a terminal. Ids only, never a person."""

import logging
import sys
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

Log = structlog.stdlib.BoundLogger

_THIRD_PARTY_LEVEL = {
    "aiokafka": logging.ERROR,
    "kafka": logging.ERROR,
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "aiokafka.consumer.group_coordinator": logging.CRITICAL,  # a group that is being formed
    "faust.transport.drivers.aiokafka": logging.CRITICAL,  # harmless alarms, faust-streaming #629; `services.watch` looks
    "uvicorn.access": logging.CRITICAL,
    "uvicorn": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.ERROR,
}
REPEAT_AFTER_SECONDS = 30.0

_AS_DICTS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def _without_people(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """A traceback without what people sent: no local variables, and of each message the first line only.

    PostgreSQL says a row's values from the second line on ("DETAIL: Key (...)=(...)").
    """
    stacks = _AS_DICTS(exc_info)
    for stack in stacks:
        stack["exc_value"] = stack["exc_value"].partition("\n")[0]
    return stacks


def _in_lines(exc_info: ExcInfo) -> str:
    """The same for a terminal, where structlog would show every local variable: what is raised first comes first."""
    lines: list[str] = []
    for stack in reversed(_without_people(exc_info)):
        lines += [f"  {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in stack["frames"]]
        lines.append(f"{stack['exc_type']}: {stack['exc_value']}")
    return "\n".join(lines)


_TRACEBACKS = structlog.processors.ExceptionRenderer(_without_people)
_TRACEBACKS_IN_LINES = structlog.processors.ExceptionRenderer(_in_lines)


class _Output:
    """Standard output: each line is written at once, or many of them together, in one system call."""

    def __init__(self) -> None:
        self._holding = False

    def write(self, line: bytes) -> None:
        sys.stdout.buffer.write(line)

    def flush(self) -> None:
        if not self._holding:
            sys.stdout.buffer.flush()

    @contextmanager
    def holding(self) -> Generator[None]:
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            self.flush()


_output = _Output()


class _RepeatFilter(logging.Filter):
    """Let an identical third-party line through once in 30 s: a broker that is away makes hundreds of them."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        line = f"{record.name}{record.msg}"
        now = time.monotonic()
        if now - self._seen.get(line, -REPEAT_AFTER_SECONDS) < REPEAT_AFTER_SECONDS:
            return False
        if len(self._seen) > 1000:
            self._seen.clear()
        self._seen[line] = now
        return True


def configure(service: str, *, log_format: str, level: str) -> None:
    """Send structlog events and third-party log records of this process to standard output, in one shape."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    as_json = log_format == "json"
    last: list[Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(serializer=_to_json)]
        if as_json
        else [_TRACEBACKS_IN_LINES, _on_terminal()]
    )
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, _output)) if as_json else structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    _redirect_standard_logging(first, as_json)
    warnings.showwarning = _log_warning


def _on_terminal() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _log_warning(
    _message: Warning | str, category: type[Warning], filename: str, lineno: int, _file: Any = None, _line: str | None = None
) -> None:
    """As an event, and without what it says: that may hold what people sent."""
    get_log().warning("python_warned", category=category.__name__, file=filename, line=lineno)


def _to_json(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _to_json_text(event: Any, **_: Any) -> str:
    return _to_json(event).decode()


def _redirect_standard_logging(first: list[Processor], as_json: bool) -> None:
    renderer: Processor = structlog.processors.JSONRenderer(serializer=_to_json_text) if as_json else _on_terminal()
    tracebacks = _TRACEBACKS if as_json else _TRACEBACKS_IN_LINES
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*first, structlog.stdlib.add_logger_name, tracebacks],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(_RepeatFilter())
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    for name, third_party_level in _THIRD_PARTY_LEVEL.items():
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(third_party_level)


def log_all(log: Log, events: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Log events that happened together."""
    with _output.holding():
        for name, fields in events:
            log.info(name, **fields)


def get_log() -> Log:
    return structlog.get_logger()
