"""How registration is put together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
from sqlalchemy import Connection, func, select

from registration import store, stream
from registration.api import router
from registration.audit.head import HeadSigner
from registration.callers.caller import Callers
from registration.decisions.decider import Decider
from registration.erasure import KeyEnder
from registration.intake.group_commit import Intake
from registration.intake.submitting import FrontDesk
from registration.mailer import Mailer
from registration.newest import newest
from registration.pages.focal_news_mail import FocalNewsPost
from registration.pages.focal_point import FocalDesk
from registration.pages.nowhere import answer_no_route
from registration.pages.photo_mail import PhotoPost
from registration.pages.public_form import PublicDesk
from registration.pages.sign_in_mail import SignInMail
from registration.pages.site import Site, languages
from registration.programme.seeding import seed_sessions
from registration.service import Desk
from registration.settings import RegistrationSettings
from registration.staff.provider import Provider
from services.first_start import FirstStart
from services.process import Composition, Parts, Service
from shared import topics
from shared.inbox import Inbox
from shared.logs import get_log, log_all

log = get_log()


def compose(settings: RegistrationSettings, parts: Parts) -> Composition:
    desk = Desk(parts.conference, parts.clock)
    intake = Intake(parts.database, desk, settings, outbox_limit=settings.outbox_limit)
    key_ender = KeyEnder(parts.database, settings)
    decider = Decider(parts.database, intake)
    callers = Callers(parts.database, parts.staff_keys)
    site = Site(parts.conference, parts.database, intake, parts.clock, languages())
    public_desk = PublicDesk(site, settings.form_posts_an_hour)
    mailers = _mailers(settings, site, public_desk)
    focal_desk = FocalDesk(site, public_desk.tokens, mailers[0].wake if mailers else None, settings.form_posts_an_hour)

    async def seed() -> None:
        journal = await parts.database.write(lambda tx: seed_sessions(tx, parts.conference, settings))
        log_all(log, journal)

    def counts(tx: Connection) -> dict[str, Any]:
        status = store.delegates.c.status
        return dict(tx.execute(select(status, func.count()).group_by(status)).all())

    def close() -> None:
        intake.close()
        key_ender.close()
        decider.close()
        site.studio.letter_reader.close()
        for mailer in mailers:
            mailer.close()

    def agents(app: faust.App, inbox: Inbox) -> None:
        stream.agents(app, inbox, settings)

    front_desk = FrontDesk(
        intake,
        callers,
        parts.database,
        parts.conference,
        public_desk,
        focal_desk,
        decider,
        HeadSigner(settings, parts.database, _tell_key_made),
        settings.own_url,
        Provider(settings.oidc) if settings.oidc else None,
    )
    return Composition(
        routes=router(front_desk),
        agents=agents,
        counts=counts,
        tasks=[intake.run, key_ender.run, decider.run, site.studio.letter_reader.run, *(each.run for each in mailers)],
        close=close,
        newest=lambda tx, keys: newest(tx, keys, parts.conference, settings),
        start=seed,
        first_start=FirstStart(
            tables=[store.delegates, store.sessions],
            reads=stream.TOPICS,
            writes=[topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED],
        ),
        answer_no_route=answer_no_route(site),
    )


def _tell_key_made(file: Path) -> None:
    log.warning("audit_key_made", path=str(file), advice="Back it up, away from the database.")


def _mailers(settings: RegistrationSettings, site: Site, public_desk: PublicDesk) -> Sequence[Mailer[Any]]:
    """Of sign-in links first, then of what focal points are told, and of photos that are missing."""
    server = settings.mail_server
    if server is None:
        log.warning("sign_in_by_mail_not_set_up", setting="SMTP_URL")
        return []
    mail_from = settings.mail_from or site.conference.contact
    mail = SignInMail(site.conference, site.languages, public_desk.tokens, settings.own_url, mail_from)
    news = FocalNewsPost(site.conference, site.languages, site.database, settings.own_url, mail_from, settings.focal_news_pace)
    photos = PhotoPost(site.conference, site.languages, public_desk.tokens, settings.own_url, mail_from)
    return [Mailer(site.database, server, each) for each in (mail, news, photos)]


SERVICE = Service(
    name="registration",
    settings=RegistrationSettings,
    outbox=store.outbox,
    dead_letters=store.dead_letters,
    reads=stream.TOPICS,
    compose=compose,
    ready_without_broker=True,
)
