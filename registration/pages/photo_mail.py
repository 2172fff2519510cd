"""The mail to who registered themselves without the photo that their badge shows: where they give it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from registration import store
from registration.mail_queue import MailQueue
from registration.pages.language import PageLanguage
from registration.pages.mail import written
from registration.pages.tokens import Tokens
from registration.photos.asking import PhotoMail
from shared.conference import Conference
from shared.events import Language


@dataclass(frozen=True, slots=True)
class PhotoPost:
    """Writes the mails of one conference; `own_url` is where people reach registration."""

    conference: Conference
    languages: Mapping[Language, PageLanguage]
    tokens: Callable[[], Awaitable[Tokens]]
    own_url: str
    mail_from: str
    kind: str = "photo-missing"

    @property
    def queue(self) -> MailQueue:
        return store.photo_mails.queue

    def any_due(self, tx: Connection, now: datetime) -> bool:
        return self.queue.any_due(tx, now)

    def claim(self, tx: Connection, now: datetime) -> Sequence[PhotoMail]:
        return store.photo_mails.claim(tx, now, self.conference)

    async def write(self, mail: PhotoMail) -> bytes:
        language = self.languages[mail.language]
        title = language.plain(self.conference.short_title)
        link = (await self.tokens()).photo_link(mail.delegate_id)
        lines = [
            language.plain(self.conference.title),
            language.gettext("You are registered, and your photo is still missing. Nobody is accredited without it."),
            language.gettext("Give it here. This address is yours alone, and good for 30 days:"),
            f"{self.own_url.rstrip('/')}/{language.code}/photo/{link}",
            f"{language.gettext('Questions about your registration:')} {self.conference.contact}",
        ]
        return written(
            title=title,
            mail_from=self.mail_from,
            to=mail.email,
            subject=language.gettext("Your photo is still missing: %(conference)s") % {"conference": title},
            at=mail.asked_at,
            name=f"photo-{mail.mail_id}",
            text="\n\n".join(lines),
            languages=[mail.language],
        )
