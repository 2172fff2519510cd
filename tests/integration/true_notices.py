"""What must be true of the mails: each breach in words. A notice is read as its delegate reads it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from shared.events import DelegateRegistered, EnrolmentState, SessionChanged, SessionStatus, Status
from tests.integration.evidence import Evidence, Mail
from tests.integration.histories import History


class Wording(NamedTuple):
    """The words by which a notice is understood, in one language."""

    registration: str
    changes: str
    sessions: str
    function: str
    leads: dict[str, Status]


WORDINGS = {
    "en": Wording(
        "Your registration",
        "What has changed",
        "Your sessions",
        "Function",
        {
            "Your registration has been received.": Status.SUBMITTED,
            "You are registered and accredited.": Status.ACCREDITED,
            "We regret that your registration could not be accepted.": Status.REFUSED,
            "Your registration has been withdrawn.": Status.WITHDRAWN,
        },
    ),
    "fr": Wording(
        "Votre inscription",
        "Ce qui change",
        "Vos séances",
        "Fonction",
        {
            "Votre inscription a bien été reçue.": Status.SUBMITTED,
            "Votre inscription est confirmée et votre accréditation accordée.": Status.ACCREDITED,
            "Nous avons le regret de vous informer": Status.REFUSED,
            "Votre inscription a été retirée.": Status.WITHDRAWN,
        },
    ),
    "ar": Wording(
        "تسجيلكم",
        "ما تغيّر",
        "جلساتكم",
        "الوظيفة",
        {
            "تلقينا طلب تسجيلكم.": Status.SUBMITTED,
            "تم تسجيلكم واعتمادكم.": Status.ACCREDITED,
            "يؤسفنا إبلاغكم": Status.REFUSED,
            "سُحب تسجيلكم.": Status.WITHDRAWN,
        },
    ),
    "zh": Wording(
        "您的注册信息",
        "变更内容",
        "您的会议安排",
        "职务",
        {
            "我们已收到您的注册申请。": Status.SUBMITTED,
            "您已完成注册，与会资格已获核准。": Status.ACCREDITED,
            "很遗憾，": Status.REFUSED,
            "您的注册已撤回。": Status.WITHDRAWN,
        },
    ),
    "ru": Wording(
        "Ваша регистрация",
        "Что изменилось",
        "Ваши мероприятия",
        "Должность",
        {
            "Ваша заявка на регистрацию получена.": Status.SUBMITTED,
            "Вы зарегистрированы и аккредитованы.": Status.ACCREDITED,
            "С сожалением сообщаем": Status.REFUSED,
            "Ваша регистрация отозвана.": Status.WITHDRAWN,
        },
    ),
    "es": Wording(
        "Su inscripción",
        "Lo que ha cambiado",
        "Sus sesiones",
        "Cargo",
        {
            "Se ha recibido su inscripción.": Status.SUBMITTED,
            "Su inscripción está confirmada": Status.ACCREDITED,
            "Lamentamos comunicarle": Status.REFUSED,
            "Su inscripción ha sido retirada.": Status.WITHDRAWN,
        },
    ),
}
COLON = re.compile("\\s*[:：]\\s*")
COMMAS = (", ", "، ", "，")


def mails_by_delegate(mails: Iterable[Mail]) -> dict[UUID, list[Mail]]:
    """Each delegate's mails in the order of their numbers, a repeated one once."""
    by_number: defaultdict[UUID, dict[int, Mail]] = defaultdict(dict)
    for mail in mails:
        by_number[mail.delegate_id].setdefault(mail.number, mail)
    return {delegate_id: [each[number] for number in sorted(each)] for delegate_id, each in by_number.items()}


def wrong_notices(
    found: Evidence, registrations: History[DelegateRegistered], sessions: History[SessionChanged]
) -> Iterator[str]:
    programme = {key: revisions[-1] for key, revisions in sessions.items()}
    mails = mails_by_delegate(found.mails)
    for delegate_id in mails.keys() - {UUID(key) for key in registrations}:
        yield f"{len(mails[delegate_id])} mails are to {delegate_id}, who is not registered"
    for key, revisions in registrations.items():
        told = mails.get(UUID(key), [])
        if not told:
            yield f"delegate {key} was told nothing"
            continue
        if [mail.number for mail in told] != list(range(1, len(told) + 1)):
            yield f"delegate {key} was sent the notices {[mail.number for mail in told]}"
        addresses = {each.person.email for each in revisions if each.person is not None}
        for mail in told:
            if mail.to not in addresses:
                yield f"notice {mail.number} of delegate {key} went to somebody else's address"
        if len(told) > (most := _changes(revisions, sessions)):
            yield f"delegate {key} was sent {len(told)} notices of {most} changes at most"
        for wrong in _untrue(told, revisions[-1], programme, found.conference.zone_info):
            yield f"delegate {key} was told last what is not so: {wrong}"


def ambiguous_mails(mails: Sequence[Mail]) -> Iterator[str]:
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    ids: defaultdict[tuple[UUID, int], set[str]] = defaultdict(set)
    for mail in mails:
        contents[mail.message_id].add(mail.content)
        ids[mail.delegate_id, mail.number].add(mail.message_id)
    for message_id, mailed in contents.items():
        if len(mailed) > 1:
            yield f"{len(mailed)} different mails have the Message-ID {message_id}"
    for (delegate_id, number), message_ids in ids.items():
        if len(message_ids) > 1:
            yield f"notice {number} of delegate {delegate_id} has the Message-IDs {sorted(message_ids)}"


def _changes(revisions: Sequence[DelegateRegistered], sessions: History[SessionChanged]) -> int:
    """How often something a delegate may see has changed: they are never told more often."""
    own = {each.session_id for revision in revisions for each in revision.enrolments}
    of_sessions = sum(
        _visible(before) != _visible(after) for session_id in own for before, after in pairwise(sessions.get(session_id, []))
    )
    return len(revisions) + of_sessions


def _visible(session: SessionChanged) -> tuple[object, ...]:
    return session.status, session.title, session.room, session.starts_at, session.ends_at


def _untrue(
    told: Sequence[Mail], registration: DelegateRegistered, programme: Mapping[str, SessionChanged], zone: tzinfo
) -> Iterator[str]:
    """How what was told last, all notices taken together, differs from what is."""
    statuses = [status for mail in told if (status := _status_in(mail)) is not None]
    if statuses[-1:] != [registration.status]:
        yield f"the status is {registration.status}, not {statuses[-1] if statuses else 'untold'}"
    person = registration.person
    functions = [function for mail in told if (function := _function_in(mail)) is not None]
    if functions and person is not None and functions[-1] != person.function:
        yield "the function is another"
    own = [programme[each.session_id] for each in registration.enrolments if each.state is not EnrolmentState.RELEASED]
    yield from _misled(told[-1], [each for each in own if each.status is SessionStatus.SCHEDULED], zone)


def _status_in(mail: Mail) -> Status | None:
    return next((status for lead, status in WORDINGS[mail.language].leads.items() if lead in mail.text), None)


def _function_in(mail: Mail) -> str | None:
    """The function as the mail says it, in a confirmation or as a change."""
    wording = WORDINGS[mail.language]
    for line in mail.sections.get(wording.registration, []):
        label, *value = COLON.split(line, maxsplit=1)
        if label == wording.function:
            return value[0].strip()
    changes = mail.sections.get(wording.changes, [])
    if f"* {wording.function}" not in changes:
        return None
    _was, now = changes[changes.index(f"* {wording.function}") + 1 :][:2]
    return COLON.split(now, maxsplit=1)[1].strip()


def _misled(mail: Mail, own: Sequence[SessionChanged], zone: tzinfo) -> Iterator[str]:
    """Where the programme in a mail is not the delegate's own as it is now."""
    due = {_in(mail, each.title): each for each in own}
    said = _programme(mail)
    for title in said.keys() - due.keys():
        yield f"it lists {title!r}"
    for title, session in due.items():
        if title not in said:
            yield f"it leaves out {session.session_id}"
        elif not _is_place_of(said[title], session, mail, zone):
            yield f"{session.session_id} is not {said[title]!r}"


def _in(mail: Mail, text: dict[str, str]) -> str:
    return text.get(mail.language) or text["en"]


def _programme(mail: Mail) -> dict[str, str]:
    """Title to place, as the mail lists the delegate's sessions."""
    lines = mail.sections.get(WORDINGS[mail.language].sessions, [])
    return {line[2:]: lines[at + 1].strip() for at, line in enumerate(lines) if line.startswith("* ")}


def _is_place_of(said: str, session: SessionChanged, mail: Mail, zone: tzinfo) -> bool:
    """Whether a place such as "Monday 25 June 2018, 10:00–11:00 (New York), Room A" is a session's."""
    starts_at, ends_at = (each.astimezone(zone) for each in (session.starts_at, session.ends_at))
    day, *times = re.split(r"(\d{1,2}:\d{2})", said)
    return (
        times[:3:2] == [_clock(each, mail) for each in (starts_at, ends_at)]
        and {starts_at.day, starts_at.year} <= {int(number) for number in re.findall(r"\d+", day)}
        and said.endswith(tuple(comma + _in(mail, session.room) for comma in COMMAS))
    )


def _clock(at: datetime, mail: Mail) -> str:
    return f"{at:%H:%M}".removeprefix("0") if mail.language == "es" else f"{at:%H:%M}"
