"""The mail that tells a focal point who waits for them, and what became of what they proposed to correct.

Nobody protected is named in it: mails are read elsewhere than on the delegation's pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from registration import store
from registration.amendment import Correction, CorrectionState
from registration.delegate import Registration, printed_name
from registration.delegations.focal_news import News, Pace, begins_to_wait, is_answer
from registration.delegations.focal_points import language_of
from registration.mail_queue import MailQueue
from registration.pages.corrections import correction_shown
from registration.pages.language import PageLanguage
from registration.pages.mail import written
from shared.conference import Conference
from shared.database import Database
from shared.events import LANGUAGES, Language, Status

_ENGLISH_FIRST: Sequence[Language] = ["en", *(each for each in LANGUAGES if each != "en")]
LISTED = 30
"""How many people a mail lists at most; the pages list all."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a mail tells, and in which languages: theirs, or, where it is not known, in all, English first."""

    languages: Sequence[Language]
    waiting: Sequence[Registration]
    answered: Sequence[tuple[Registration, Correction]]


@dataclass(frozen=True, slots=True)
class FocalNewsPost:
    """Writes the mails of one conference; `own_url` is where people reach registration."""

    conference: Conference
    languages: Mapping[Language, PageLanguage]
    database: Database
    own_url: str
    mail_from: str
    pace: Pace
    kind: str = "focal-news"

    @property
    def queue(self) -> MailQueue:
        return store.focal_news.queue

    def any_due(self, tx: Connection, now: datetime) -> bool:
        return store.focal_news.any_due(tx, now, self.pace)

    def claim(self, tx: Connection, now: datetime) -> Sequence[News]:
        return store.focal_news.claim(tx, now, self.pace)

    async def write(self, mail: News) -> bytes | None:
        told = await self.database.read(lambda tx: _told(tx, mail))
        if told is None:
            return None
        first = self.languages[told.languages[0]]
        title = first.plain(self.conference.short_title)
        delegation = first.plain(self.conference.delegation[mail.delegation].names)
        sections = ["\n\n".join(self._section(told, mail, self.languages[each])) for each in told.languages]
        return written(
            title=title,
            mail_from=self.mail_from,
            to=mail.email,
            subject=_subject(told, first) % {"delegation": delegation},
            at=mail.asked_at,
            name=f"focal-news-{mail.mail_id}",
            text="\n\n* * *\n\n".join(sections),
            languages=told.languages,
        )

    def _section(self, told: _Told, mail: News, language: PageLanguage) -> Iterator[str]:
        delegation = language.plain(self.conference.delegation[mail.delegation].names)
        yield language.plain(self.conference.title)
        if told.waiting:
            said = language.gettext("Registered for %(delegation)s, and waiting until you endorse or decline:")
            yield said % {"delegation": delegation}
            yield _lines([_named(each) for each in told.waiting], language)
        if told.answered:
            yield language.gettext("The accreditation desk decided on corrections that your delegation proposed:")
            yield _lines([self._answer(*each, language) for each in told.answered], language)
        yield language.gettext("Your delegation’s pages:")
        yield f"{self.own_url.rstrip('/')}/{language.code}/delegation/{mail.delegation}"
        yield f"{language.gettext('Questions about your registration:')} {self.conference.contact}"

    def _answer(self, registration: Registration, correction: Correction, language: PageLanguage) -> str:
        names = correction_shown(correction, registration, self.conference, language, whole=False).names
        if correction.state is CorrectionState.ACCEPTED:
            said = language.gettext("accepted: %(names)s")
        else:
            said = language.gettext("declined: %(names)s")
        reason = f" – {language.gettext('Reason')}: {correction.reason}" if correction.reason else ""
        return f"{_named(registration)} – {said % {'names': names}}{reason}"


def _told(tx: Connection, mail: News) -> _Told | None:
    """What there is to tell now; `None` where that is nothing, or they are no focal point of it any more."""
    known, language = language_of(tx, mail.delegation, mail.email)
    if not known:
        return None
    d = store.delegates.c
    listed = (d.delegation == mail.delegation) & (d.status != Status.ERASED.value)
    contents = tx.execute(select(d.content).where(listed).order_by(d.delegate_id)).scalars()
    people = [Registration.model_validate_json(each) for each in contents]
    corrections = store.corrections.of(tx, [each.delegate_id for each in people])
    answered = [
        (each, correction)
        for each in people
        if (correction := corrections.get(each.delegate_id)) is not None
        and is_answer(correction)
        and correction.changed_at >= mail.since
    ]
    waiting = [each for each in people if begins_to_wait(each, mail.since)]
    languages: Sequence[Language] = [language] if language else _ENGLISH_FIRST
    return _Told(languages, waiting, answered) if waiting or answered else None


def _subject(told: _Told, language: PageLanguage) -> str:
    if told.waiting:
        return language.gettext("Waiting for your endorsement: %(delegation)s")
    return language.gettext("Corrections decided: %(delegation)s")


def _named(registration: Registration) -> str:
    person = registration.person
    assert person is not None, "the erased are not told of"
    return person.function if registration.protected else f"{printed_name(person)}, {person.function}"


def _lines(listed: Sequence[str], language: PageLanguage) -> str:
    more = len(listed) - LISTED
    lines = [f"– {each}" for each in listed[:LISTED]]
    if more > 0:
        lines.append(language.gettext("and %(count)s more") % {"count": more})
    return "\n".join(lines)
