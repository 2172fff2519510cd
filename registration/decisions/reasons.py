"""The reason that a refusal is told with: one that the conference lists by its code, words of the desk's own, or both. Pure."""

from dataclasses import dataclass

from registration.delegate import Proposed, Registration
from shared.conference import Conference
from shared.events import in_language
from shared.said import FieldFault, say


@dataclass(frozen=True, slots=True)
class Reason:
    """As it was given: a code, words, and a note for the file that is told to nobody."""

    words: str | None = None
    code: str | None = None
    note: str | None = None

    @property
    def is_none(self) -> bool:
        return self.words is None and self.code is None

    def or_as_proposed(self, proposed: Proposed | None) -> "Reason":
        """With what whoever proposed it said, where whoever confirms it says nothing else."""
        if proposed is None:
            return self
        note = self.note or proposed.note
        return Reason(proposed.reason, proposed.reason_code, note) if self.is_none else Reason(self.words, self.code, note)

    def told_to(self, registration: Registration, conference: Conference) -> str | None:
        """The words that the person is told, in their language where they are the conference's."""
        sentence = conference.reason_texts(self.code)
        if self.words is not None or sentence is None or registration.person is None:
            return self.words
        return in_language(sentence, registration.person.language)


def code_faults(code: str | None, conference: Conference) -> list[FieldFault]:
    """A code that the conference does not list."""
    if code is None or code in conference.refusal_reason:
        return []
    listed = ", ".join(conference.refusal_reason)
    if not listed:
        return [FieldFault("/reason_code", "unknown-reason", say("This conference lists no reasons: give `reason` in words."))]
    detail = say("There is no reason '{reason}'. There are: {reasons}.", reason=code, reasons=listed)
    return [FieldFault("/reason_code", "unknown-reason", detail)]
