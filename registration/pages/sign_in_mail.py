"""The mail that signs a focal point in, in the language of the page on which they asked for it; and the post that brings it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from registration.delegations import sign_in
from registration.delegations.sign_in import Link
from registration.mail_queue import MailQueue
from registration.pages.language import PageLanguage
from registration.pages.mail import written
from registration.pages.tokens import Tokens
from shared.conference import Conference
from shared.events import Language


@dataclass(frozen=True, slots=True)
class SignInMail:
    """Writes the mails of one conference; `own_url` is where people reach registration."""

    conference: Conference
    languages: Mapping[Language, PageLanguage]
    tokens: Callable[[], Awaitable[Tokens]]
    own_url: str
    mail_from: str
    kind: str = "sign-in-link"

    @property
    def queue(self) -> MailQueue:
        return sign_in.queue

    def any_due(self, tx: Connection, now: datetime) -> bool:
        return self.queue.any_due(tx, now)

    def claim(self, tx: Connection, now: datetime) -> Sequence[Link]:
        return sign_in.claim_links(tx, now)

    async def write(self, mail: Link) -> bytes:
        token = (await self.tokens()).link(mail.link_id)
        language = self.languages[mail.language]
        title = language.plain(self.conference.short_title)
        address = f"{self.own_url.rstrip('/')}/{language.code}/focal-point/link?link={token}"
        lines = [
            language.plain(self.conference.title),
            language.gettext("This link opens your delegation’s pages. It is good once, for 20 minutes:"),
            address,
            language.gettext("If you did not ask for it, do nothing: without this mail nobody signs in."),
            f"{language.gettext('Questions about your registration:')} {self.conference.contact}",
        ]
        return written(
            title=title,
            mail_from=self.mail_from,
            to=mail.email,
            subject=language.gettext("Sign in as focal point: %(conference)s") % {"conference": title},
            at=mail.asked_at,
            name=f"sign-in-{mail.link_id}",
            text="\n\n".join(lines),
            languages=[mail.language],
        )
