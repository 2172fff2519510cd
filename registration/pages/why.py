"""Why somebody was refused, as pages tell it: in the reader's language where the reason has a code. Pure."""

from registration.decisions.reasons import Reason
from registration.delegate import Proposed, Registration
from registration.pages.options import Option
from shared.conference import Conference
from shared.events import Language, in_language, told_reason


def why(registration: Registration, conference: Conference, language: Language, *, whole: bool = True) -> str | None:
    """Of the protected only the code's sentence, which names nobody, unless `whole`."""
    words = registration.status_reason if whole or not registration.protected else None
    return told_reason(words, conference.reason_texts(registration.reason_code), language)


def proposed_why(proposed: Proposed, conference: Conference, language: Language) -> str | None:
    return told_reason(proposed.reason, conference.reason_texts(proposed.reason_code), language)


def staged_why(reason: Reason, conference: Conference, language: Language) -> str | None:
    return told_reason(reason.words, conference.reason_texts(reason.code), language)


def reason_options(conference: Conference, language: Language) -> list[Option]:
    """What the conference lists, to be chosen from."""
    return [Option(each.code, in_language(each.texts, language)) for each in conference.refusal_reasons]
