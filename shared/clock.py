"""Two clocks: the true one for logs, ages and `changed_at`; the conference's for rules about its days."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The true time, as an aware UTC datetime."""
    return datetime.now(UTC)


class ConferenceClock:
    """The conference's time: starts at `starts_at` and runs on with the true clock; the true time where it is `None`."""

    def __init__(self, starts_at: datetime | None) -> None:
        self._offset = None if starts_at is None else starts_at - utc_now()

    def now(self) -> datetime:
        """Now at the conference, as an aware UTC datetime."""
        return utc_now() if self._offset is None else utc_now() + self._offset
