"""What the programme desk's form asks of a session, and the change that its answers are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registration.pages.form import Question
from registration.pages.language import PageLanguage
from registration.pages.options import Option, Options
from shared.conference import Conference
from shared.events import LANGUAGES, SessionChanged, SessionStatus
from shared.said import FieldFault

Answers = Mapping[str, Sequence[str]]
FIELDS = ("status", "room", "starts_at", "ends_at", "capacity", *(f"title/{each}" for each in LANGUAGES))


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that is, or was, changed: what it is called, what it was and what it is."""

    name: str
    was: str
    now: str


def as_answers(session: SessionChanged, conference: Conference) -> dict[str, str]:
    """A session as the form's answers would say it."""
    zone = conference.zone_info
    rooms = [each.slug for each in conference.rooms if each.names == session.room]
    return {
        "status": session.status.value,
        "room": rooms[0] if rooms else "",
        "starts_at": f"{session.starts_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "ends_at": f"{session.ends_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "capacity": "" if session.capacity is None else str(session.capacity),
        **{f"title/{each}": session.title.get(each, "") for each in LANGUAGES},
    }


@dataclass(frozen=True, slots=True)
class SessionForm:
    """The form of one session: `seen` is the revision it was made of, `current` the session as it stands."""

    seen: SessionChanged
    current: SessionChanged
    answers: Answers
    """All of them, but what was left empty; none where nothing was answered yet."""
    conference: Conference
    language: PageLanguage
    faults: Sequence[FieldFault] = ()

    @property
    def session_id(self) -> str:
        return self.current.session_id

    @property
    def title(self) -> str:
        return self.language.plain(self.current.title)

    @property
    def asked_for(self) -> dict[str, str]:
        """What was answered otherwise than it was seen, by field: the rest is not asked to be changed."""
        seen = as_answers(self.seen, self.conference)
        if not self.answers:
            return {}
        given = {name: self.answers.get(f"{self.session_id}/{name}", [""])[0].strip() for name in FIELDS}
        return {name: value for name, value in given.items() if value != seen[name]}

    @property
    def entered(self) -> dict[str, str]:
        """Every answer by its name, for a page that shows no questions."""
        answers = as_answers(self.seen, self.conference) | self.asked_for
        return {f"{self.session_id}/{name}": value for name, value in (answers | {"revision": str(self.seen.revision)}).items()}

    def change(self) -> dict[str, Any]:
        """What is asked for, as the API would be sent it; empty where nothing is."""
        asked = self.asked_for
        body: dict[str, Any] = {name: self._sent(name, value) for name, value in asked.items() if "/" not in name}
        if any("/" in name for name in asked):
            titles = {each: asked.get(f"title/{each}", self.seen.title.get(each, "")) for each in LANGUAGES}
            body["title"] = {each: title for each, title in titles.items() if title}
        return body and {"session_id": self.session_id, "revision": self.seen.revision, **body}

    @property
    def changes(self) -> list[Changed]:
        """What is asked for, as the desk is shown it before it is published."""
        was = as_answers(self.seen, self.conference)
        return [self._shown(name, was[name], value, self.seen) for name, value in self.asked_for.items()]

    @property
    def changed_meanwhile(self) -> list[Changed]:
        """What somebody else changed since the form was made."""
        was, now = (as_answers(each, self.conference) for each in (self.seen, self.current))
        return [self._shown(name, was[name], now[name], self.current) for name in FIELDS if was[name] != now[name]]

    @property
    def questions(self) -> list[Question]:
        """Every question, answered as asked for, else as the session stands."""
        answered = as_answers(self.current, self.conference) | self.asked_for
        return list(self._questions(answered))

    @property
    def other_faults(self) -> list[str]:
        pointers = {each.pointer for each in self.questions}
        return [each.detail.in_language(self.language.code) for each in self.faults if each.pointer not in pointers]

    def _questions(self, answered: Mapping[str, str]) -> Iterator[Question]:
        gettext = self.language.gettext
        statuses = [Option(each.value, self._told("status", each.value, self.current)) for each in SessionStatus]
        rooms = [Option(each.slug, self.language.plain(each.names)) for each in self.conference.rooms]
        if not answered["room"]:
            rooms.insert(0, Option("", self.language.plain(self.current.room)))
        yield self._question("status", answered, kind="select", options=Options(statuses))
        yield self._question("room", answered, kind="select", options=Options(rooms))
        yield self._question("starts_at", answered, kind="datetime-local")
        yield self._question("ends_at", answered, kind="datetime-local")
        hint = gettext("Empty: without limit.")
        yield self._question("capacity", answered, kind="number", required=False, hint=hint)
        for each in LANGUAGES:
            yield self._question(f"title/{each}", answered, required=False)

    def _question(self, name: str, answered: Mapping[str, str], **also: Any) -> Question:
        pointer = f"/{self.session_id}/{name}"
        faults = [each.detail.in_language(self.language.code) for each in self.faults if each.pointer == pointer]
        return Question(pointer, self._called(name), given=[answered[name]], faults=faults, **also)

    def _called(self, name: str) -> str:
        gettext = self.language.gettext
        if name.startswith("title/"):
            in_which = str(self.language.locale.languages[name[6:]])
            return gettext("Title (%(language)s)") % {"language": in_which}
        names = {
            "status": gettext("Status"),
            "room": gettext("Room"),
            "starts_at": gettext("Begins"),
            "ends_at": gettext("Ends"),
            "capacity": gettext("Places"),
        }
        return names[name]

    def _shown(self, name: str, was: str, now: str, after: SessionChanged) -> Changed:
        return Changed(self._called(name), self._told(name, was, self.seen), self._told(name, now, after))

    def _told(self, name: str, value: str, session: SessionChanged) -> str:
        """A field of `session` as a reader is told it."""
        gettext = self.language.gettext
        match name:
            case "status":
                return gettext("Cancelled") if value == SessionStatus.CANCELLED else gettext("Scheduled")
            case "room":
                room = self.conference.room.get(value)
                return self.language.plain(room.names if room else session.room)
            case "starts_at" | "ends_at":
                at = _instant(value, self.conference)
                return value if at is None else self.language.moment(at, self.conference.zone_info)
            case "capacity":
                return value or gettext("without limit")
            case _:
                return value

    def _sent(self, name: str, value: str) -> Any:
        """As the API is sent it; what is no time and no number is sent as it is, and named as a fault."""
        match name:
            case "room":
                room = self.conference.room.get(value)
                return dict(room.names if room else self.seen.room)
            case "starts_at" | "ends_at":
                at = _instant(value, self.conference)
                return value if at is None else at.isoformat()
            case "capacity":
                return int(value) if value.isdecimal() and len(value) < 10 else value or None
            case _:
                return value


def _instant(local: str, conference: Conference) -> datetime | None:
    """The instant of a local time at the venue."""
    try:
        return conference.instant(datetime.fromisoformat(local))
    except (ValueError, OverflowError):
        return None
