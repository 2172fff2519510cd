"""A notice as a mail: text and HTML from one set of sentences, in the delegate's language.

The same letter makes the same mail, byte for byte, at each attempt. Its `Traceparent` header (W3C Trace Context) is that
of the first change it tells of: it joins the mail to the log lines of every service on the way.
"""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from email.utils import format_datetime, formataddr
from typing import Any, NamedTuple

from notifications.convergence import message_id
from notifications.entries import entries
from notifications.languages import NoticeLanguage, zone_of
from notifications.model import Notice, Turn
from notifications.outgoing import Letter
from notifications.views import Detail, SessionView
from shared.calendar import entries_calendar
from shared.conference import Conference
from shared.events import ENDED, Language, Status, in_language

_READABLE = Charset("utf-8")
_READABLE.body_encoding = QP  # no byte above 127 and no long line: every mail server takes it
_EXACT = Charset("utf-8")
_EXACT.body_encoding = BASE64  # a calendar's line ends stay as they are


class _AsWritten(Compat32):
    """Writes headers as they are: ours are encoded and short, and folding each again takes longer than all the rest."""

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}\r\n".encode("ascii")


_POLICY = _AsWritten(linesep="\r\n")
_MOST_REFERENCES = 10


class Time(NamedTuple):
    """From when to when, as clocks show it in a city. `day` is left out where it was said before."""

    day: str | None
    hours: str
    city: str


class MailWriter:
    """Writes the mails of one conference."""

    def __init__(
        self, conference: Conference, languages: Mapping[Language, NoticeLanguage], mail_from: str, registration_url: str
    ) -> None:
        self._conference = conference
        self._languages = languages
        self.mail_from = mail_from
        self.domain = mail_from.rpartition("@")[2]
        self._from = {code: formataddr((in_language(conference.short_title, code), mail_from)) for code in languages}
        self._conference_url = f"{registration_url.rstrip('/')}/conference"

    def write(self, letter: Letter) -> bytes:
        """The whole mail as it goes over the wire."""
        language = self._languages[letter.notice.now.language]
        own = list(entries(letter.notice, letter.created_at))
        pages = _Pages(self._conference, language, letter, self._conference_url, to_calendar=bool(own))
        mail = _body(letter, pages)
        if own:
            mail = _with_attachment(letter, mail, entries_calendar(own, self._conference.slug, self._conference.contact))
        mail["From"] = self._from[language.code]
        mail["To"] = letter.address  # without a name: it may be protected
        if "@" in self._conference.contact:
            mail["Reply-To"] = Header(self._conference.contact, header_name="Reply-To").encode(linesep="\r\n")
        mail["Subject"] = Header(pages.subject, header_name="Subject").encode(linesep="\r\n")
        mail["Date"] = format_datetime(letter.created_at)
        for name, value in _thread(letter).items():
            mail[name] = value
        mail["Content-Language"] = language.tag
        mail["Auto-Submitted"] = "auto-generated"
        mail["Traceparent"] = letter.traceparent
        return mail.as_bytes(policy=_POLICY)


# The older classes: `EmailMessage` parses every header it is given, which doubles the time a mail takes.
def _body(letter: Letter, pages: "_Pages") -> MIMEMultipart:
    body = MIMEMultipart("alternative", boundary=f"notice-{letter.key.number}-to-{letter.key.delegate_id}")
    for subtype, page in (("plain", pages.text()), ("html", pages.html())):
        part = MIMENonMultipart("text", subtype)
        part.set_payload(page, _READABLE)
        body.attach(part)
    return body


def _with_attachment(letter: Letter, body: MIMEMultipart, calendar: bytes) -> MIMEMultipart:
    attachment = MIMENonMultipart("text", "calendar", method="PUBLISH", name="sessions.ics")
    attachment.set_payload(calendar.decode(), _EXACT)
    attachment.add_header("Content-Disposition", "attachment", filename="sessions.ics")
    mail = MIMEMultipart("mixed", boundary=f"mail-{letter.key.number}-to-{letter.key.delegate_id}")
    for part in (body, attachment):
        del part["MIME-Version"]  # the whole mail says it
        mail.attach(part)
    return mail


def _thread(letter: Letter) -> dict[str, str]:
    """Message-ID, and what joins the notices to one delegate to one thread."""
    domain = letter.message_id.rstrip(">").rpartition("@")[2]
    first = max(1, letter.key.number - _MOST_REFERENCES)
    earlier = [message_id(letter.key.delegate_id, number, domain) for number in range(first, letter.key.number)]
    replies = {"In-Reply-To": earlier[-1], "References": " ".join(earlier)} if earlier else {}
    return {"Message-ID": letter.message_id, **replies}


class _Pages:
    """The pages of one mail, and what their templates are given."""

    def __init__(
        self, conference: Conference, language: NoticeLanguage, letter: Letter, conference_url: str, *, to_calendar: bool
    ) -> None:
        self._conference = conference
        self._language = language
        self._sentences: Any = language.text.get_template("wording.j2").module  # typed without its macros
        self._seen = letter.notice.now
        changes = letter.notice.sessions
        self._context: dict[str, Any] = {
            "letter": letter,
            "notice": letter.notice,
            "seen": self._seen,
            "registration": [(field, self._shown(field, value)) for field, value in self._seen.details.items() if value],
            "changes": [change for change in changes if change.turn is not Turn.RELEASED],
            "releases": [change for change in changes if change.turn is Turn.RELEASED],
            "language": language,
            "conference": {
                "title": self.own(conference.title),
                "venue": self.own(conference.venue),
                "contact": conference.contact,
                "url": f"{conference_url}?lang={language.code}",
            },
            "to_calendar": to_calendar,
            "practical": self._practical(letter.notice),
            "shown": self._shown,
            "times": self._times,
        }
        self.subject = " ".join(self._sentences.subject_line(letter.notice, self.own(conference.short_title)).split())

    def text(self) -> str:
        return self._language.text.get_template("notice.txt.j2").render(self._context)

    def html(self) -> str:
        return self._language.html.get_template("notice.html.j2").render(self._context, subject=self.subject)

    def _practical(self, notice: Notice) -> list[str]:
        """When the conference is and, for the accredited, where their badge is: told when it is news that they take part."""
        if not notice.status_is_news or notice.now.status in ENDED:
            return []
        opens, closes = (self._language.day(day) for day in (self._conference.opens_on, self._conference.closes_on))
        dates = opens if opens == closes else self._sentences.span(opens, closes)
        collection = self._conference.badge_collection
        return [dates, self.own(collection)] if collection and notice.now.status == Status.ACCREDITED else [dates]

    def own(self, text: Mapping[Language, str]) -> str:
        return in_language(text, self._language.code)

    def _shown(self, field: str, value: Detail) -> str:
        """A detail of the registration in words. What the conference's folder does not know is shown as it came."""
        if isinstance(value, tuple):
            return self._language.listed(self._language.day(day) for day in value) or self._sentences.all_days()
        known = {"category": self._conference.category, "pass_type": self._conference.pass_type}.get(field, {})
        return self.own(known[value].names) if value in known else value

    def _times(self, session: SessionView) -> list[Time]:
        """When a session is: at the venue and, where clocks differ, where the delegate is."""
        if session.starts_at is None or session.ends_at is None:
            return []
        here, own = self._conference.zone_info, zone_of(self._seen.time_zone)
        times = [self._time(session.starts_at, session.ends_at, here, said=None)]
        if own is not None and session.starts_at.astimezone(own).utcoffset() != session.starts_at.astimezone(here).utcoffset():
            times.append(self._time(session.starts_at, session.ends_at, own, said=session.starts_at.astimezone(here).date()))
        return times

    def _time(self, starts_at: datetime, ends_at: datetime, zone: tzinfo, *, said: date | None) -> Time:
        day = starts_at.astimezone(zone).date()
        hours = self._language.hours(starts_at, ends_at, zone)
        return Time(None if day == said else self._language.day(day), hours, self._language.city(zone))
