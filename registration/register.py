"""The register as far as one group of requests may look at it or change it: loaded at once, decided on, stored at once.

A group's requests are decided one after another, each seeing those before it. A rule changes nothing, so a refused
request leaves no trace here, and nothing reaches the database until all are decided.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Self
from uuid import UUID

from registration.amendment import Correction
from registration.delegate import Registration
from registration.letters.letter import Letter, LetterChange
from shared.events import EnrolmentState, Language, SessionChanged, Status

Change = Registration | SessionChanged | Correction | LetterChange


@dataclass(slots=True)
class Register:
    """People, sessions and the counts that quotas and capacities are held against."""

    delegates: dict[UUID, Registration] = field(default_factory=dict[UUID, Registration])
    sessions: dict[str, SessionChanged] = field(default_factory=dict[str, SessionChanged])
    corrections: dict[UUID, Correction] = field(default_factory=dict[UUID, Correction])
    """The newest correction of each of the delegates asked for, where there was one."""
    people: dict[str, UUID] = field(default_factory=dict[str, UUID])
    """Who is known, by `delegate.person_keys`."""
    forgotten: set[str] = field(default_factory=set[str])
    """Keys by which somebody was known before a change."""
    erased: set[UUID] = field(default_factory=set[UUID])
    """Of the delegates asked for, those who are erased, also long ago."""
    held_by_category: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Quota places held, by (delegation, category)."""
    held_in_all: Counter[str] = field(default_factory=Counter[str])
    """Quota places held, by delegation."""
    places: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """People enrolled, by (session, category)."""
    places_in_all: Counter[str] = field(default_factory=Counter[str])
    """People enrolled, by session."""
    recounted_quotas: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Of which (delegation, category) the count may be another than was loaded."""
    recounted_places: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Of which (session, category) likewise."""
    readers: dict[str, Counter[Language]] = field(default_factory=dict[str, Counter[Language]])
    """By session, where a change of it is asked for: in which languages those who take part read of it."""
    freed: set[str] = field(default_factory=set[str])
    """Sessions in which a place may have become free, or somebody may take one now that they are endorsed."""
    with_focal_point: set[str] = field(default_factory=set[str])
    """Delegations that have a focal point, of those by which somebody who is decided on waits to be endorsed."""
    letters: dict[str, Letter] = field(default_factory=dict[str, Letter])
    """The letters of credentials that are there, by delegation."""
    portraits: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Those given in this group, and those proposed of the delegates asked for, by their SHA-256."""
    changes: list[Change] = field(default_factory=list[Change])
    """Every new revision, step of a correction and change of a letter, in the order decided."""

    def delegate(self, delegate_id: UUID) -> Registration | None:
        return self.delegates.get(delegate_id)

    def session(self, session_id: str) -> SessionChanged | None:
        return self.sessions.get(session_id)

    def known_person(self, key: str) -> UUID | None:
        return self.people.get(key)

    def held(self, delegation: str, category: str | None = None) -> int:
        """Quota places that a delegation holds, in all or of one category."""
        return self.held_in_all[delegation] if category is None else self.held_by_category[delegation, category]

    def enrolled(self, session_id: str) -> int:
        return self.places_in_all[session_id]

    def enrolled_of(self, session_id: str, category: str) -> int:
        return self.places[session_id, category]

    def enrolled_in(self, session_id: str) -> list[Registration]:
        """Those of the loaded delegates who hold a place in, or wait for, a session."""
        return [each for each in self.delegates.values() if each.takes_part_in(session_id)]

    def note_held(self, delegation: str, category: str, count: int) -> None:
        """Count quota places that are held already, as they are loaded."""
        self.held_by_category[delegation, category] += count
        self.held_in_all[delegation] += count

    def note_enrolled(self, session_id: str, category: str, count: int) -> None:
        """Likewise places in sessions."""
        self.places[session_id, category] += count
        self.places_in_all[session_id] += count

    def apply(self, registration: Registration) -> None:
        """Take the next revision of a delegate."""
        before = self.delegates.get(registration.delegate_id)
        if before is not None:
            self._count(before, -1)
            if before.lacks_endorsement and not registration.lacks_endorsement:
                self.freed |= {each.session_id for each in registration.enrolments if each.state is EnrolmentState.WAITING}
            for key in before.known_by:
                self.people.pop(key, None)
                self.forgotten.add(key)
        self._count(registration, +1)
        self.delegates[registration.delegate_id] = registration
        if registration.status is Status.ERASED:
            self.erased.add(registration.delegate_id)
        self.people.update(dict.fromkeys(registration.known_by, registration.delegate_id))
        self.changes.append(registration)
        correction = self.corrections.get(registration.delegate_id)
        if correction is not None and (ended := correction.after(registration)) is not None:
            self.apply_correction(ended)

    def apply_correction(self, correction: Correction) -> None:
        self.corrections[correction.delegate_id] = correction
        self.changes.append(correction)

    def apply_letter(self, change: LetterChange) -> None:
        if (letter := change.letter) is None:
            self.letters.pop(change.delegation, None)
        else:
            self.letters[change.delegation] = letter
        self.changes.append(change)

    def apply_session(self, session: SessionChanged) -> None:
        self.sessions[session.session_id] = session
        self.freed.add(session.session_id)
        self.changes.append(session)

    def fork(self) -> Self:
        """A copy to decide on, all or nothing: a batch of events, or a dry run."""
        return replace(
            self,
            delegates=dict(self.delegates),
            sessions=dict(self.sessions),
            corrections=dict(self.corrections),
            people=dict(self.people),
            forgotten=set(self.forgotten),
            erased=set(self.erased),
            held_by_category=Counter(self.held_by_category),
            held_in_all=Counter(self.held_in_all),
            places=Counter(self.places),
            places_in_all=Counter(self.places_in_all),
            recounted_quotas=set(self.recounted_quotas),
            recounted_places=set(self.recounted_places),
            freed=set(self.freed),
            letters=dict(self.letters),
            portraits=dict(self.portraits),
            changes=list(self.changes),
        )

    def adopt(self, fork: Self) -> None:
        """Take over what was decided on a fork."""
        for name in self.__slots__:
            setattr(self, name, getattr(fork, name))

    def _count(self, registration: Registration, by: int) -> None:
        if registration.holds_place:
            self.note_held(registration.delegation, registration.category, by)
            self.recounted_quotas.add((registration.delegation, registration.category))
        for enrolment in registration.enrolments:
            if enrolment.state is EnrolmentState.ENROLLED:
                self.note_enrolled(enrolment.session_id, registration.category, by)
                self.recounted_places.add((enrolment.session_id, registration.category))
                if by < 0:
                    self.freed.add(enrolment.session_id)
