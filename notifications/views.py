"""What a delegate sees of the conference. Rules without I/O.

A `View` is everything a notice can say, in the delegate's language. Two facts that make the same view are the same to
the delegate: a corrected French title is no news to a reader of English, a resized room is no news to anybody.
"""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict

from shared.events import (
    DelegateRegistered,
    Enrolment,
    EnrolmentState,
    Instant,
    Language,
    SessionChanged,
    SessionStatus,
    Slug,
    Status,
    in_language,
    told_reason,
)

Detail = str | tuple[date, ...]
DETAILS = ("name", "function", "delegation", "category", "pass_type", "pass_days")


class Seen(BaseModel):
    """Part of what a delegate was told; kept as JSON between two notices."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class SessionView(Seen):
    """A session as one delegate sees it.

    Room and times are absent where they no longer matter to them: the session is cancelled, or their place released.
    """

    session_id: Slug
    revision: int = 0
    """Of the session; 0 where it was told before revisions were kept. It is seen by calendars alone, and no news."""
    state: EnrolmentState
    cause: Slug | None = None
    title: str
    cancelled: bool = False
    room: str | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None

    @property
    def released(self) -> bool:
        return self.state is EnrolmentState.RELEASED

    @property
    def place(self) -> tuple[object, ...]:
        """Where and when it is."""
        return self.room, self.starts_at, self.ends_at


class View(Seen):
    """What a delegate should know. `language` and `time_zone` say how it is written, and are no news by themselves."""

    language: Language
    time_zone: str
    status: Status
    reason: str | None = None
    name: str
    """The name as printed; of a protected delegate the function."""
    protected: bool = False
    function: str
    category: Slug
    pass_type: Slug
    pass_days: tuple[date, ...] = ()
    delegation: str
    sessions: tuple[SessionView, ...] = ()
    """Sorted by session id."""

    @property
    def details(self) -> dict[str, Detail]:
        """The details of the registration, by the names of their fields.

        A protected delegate's name is not among them: it is the function, and was perhaps a name that must not be told.
        """
        return {field: getattr(self, field) for field in DETAILS if not (self.protected and field == "name")}


def view(registration: DelegateRegistered, sessions: Mapping[str, SessionChanged], language: Language) -> View:
    """What the delegate sees in `language`, of the `sessions` that are known; the others are left out.

    Raises `ValueError` for an erased person, who is told nothing.
    """
    person = registration.person
    if person is None:
        raise ValueError(f"delegate {registration.delegate_id} is {registration.status}: there is nobody to be told")
    return View(
        language=language,
        time_zone=person.time_zone,
        status=registration.status,
        reason=told_reason(registration.status_reason, registration.reason_texts, language),
        name=person.function if registration.protected else person.printed_name,
        protected=registration.protected,
        function=person.function,
        category=registration.category,
        pass_type=registration.pass_type,
        pass_days=tuple(registration.pass_days),
        delegation=in_language(registration.delegation.names, language),
        sessions=tuple(
            _session_view(enrolment, sessions[enrolment.session_id], language)
            for enrolment in sorted(registration.enrolments, key=lambda each: each.session_id)
            if enrolment.session_id in sessions
        ),
    )


def _session_view(enrolment: Enrolment, session: SessionChanged, language: Language) -> SessionView:
    cancelled = session.status is SessionStatus.CANCELLED
    matters = not cancelled and enrolment.state is not EnrolmentState.RELEASED
    return SessionView(
        session_id=enrolment.session_id,
        revision=session.revision,
        state=enrolment.state,
        cause=enrolment.cause,
        title=in_language(session.title, language),
        cancelled=cancelled,
        room=in_language(session.room, language) if matters else None,
        starts_at=session.starts_at if matters else None,
        ends_at=session.ends_at if matters else None,
    )


def retold(told: View, now_as_told: View, now: View) -> View:
    """`told`, put into the language that `now` is in, so that a change of language is not taken for a change of facts.

    `now_as_told` is what the delegate sees now in the language of `told`. A text that changed too is kept as it was told.
    """
    as_told = {session.session_id: session for session in now_as_told.sessions}
    translated = {session.session_id: session for session in now.sessions}

    def session_retold(session: SessionView) -> SessionView:
        same, new = as_told.get(session.session_id), translated.get(session.session_id)
        if same is None or new is None:
            return session
        title = new.title if session.title == same.title else session.title
        room = new.room if session.room == same.room else session.room
        return session.model_copy(update={"title": title, "room": room})

    delegation = now.delegation if told.delegation == now_as_told.delegation else told.delegation
    sessions = tuple(session_retold(session) for session in told.sessions)
    reason = now.reason if told.reason == now_as_told.reason else told.reason
    translated_parts = {"delegation": delegation, "sessions": sessions, "reason": reason}
    return told.model_copy(update={"language": now.language, **translated_parts})


def not_yet_known(registration: DelegateRegistered, sessions: Mapping[str, SessionChanged]) -> set[str]:
    """Sessions in which the delegate has a place and of which no fact has come."""
    held = {each.session_id for each in registration.enrolments if each.state is not EnrolmentState.RELEASED}
    return held - sessions.keys()


def looks_different(before: SessionChanged | None, now: SessionChanged) -> bool:
    """Whether anybody, in any language, could see a difference between two revisions of a session."""
    return before is None or _visible(before) != _visible(now)


def _visible(session: SessionChanged) -> tuple[object, ...]:
    return session.status, session.title, session.room, session.starts_at, session.ends_at
