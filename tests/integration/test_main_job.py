"""The main job, whole: delegates posted, badges printed, everybody told, and a programme that changes meanwhile.

It is done once, on a real stack; the tests then look at what came of it from different sides.
"""

import asyncio
import json
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pypdfium2
import pytest
import pytest_asyncio

from services.example import generator
from shared import topics
from shared.events import BadgeJob, DelegateRegistered, EnrolmentState, RegistrationSubmitted, Status
from tests.integration.evidence import Evidence, Mail
from tests.integration.histories import newest
from tests.integration.live_stack import LiveStack, live_stack
from tests.integration.topic_reading import records_in
from tests.integration.true_badges import valid_jobs
from tests.integration.true_notices import mails_by_delegate
from tests.integration.truth import violations

pytestmark = pytest.mark.asyncio(loop_scope="module")

DELEGATES = 150
ALL_DELEGATES = 2000
"""As many as the conference is to have; the whole of it takes minutes."""
AMENDED = 60
REPEATED = 100
SAMPLE = 60


@dataclass
class Day:
    """What was done, and who was mailed how often at each of its steps."""

    live: LiveStack
    size: int
    """How many are registered."""
    people: Sequence[RegistrationSubmitted] = ()
    delegate_ids: Sequence[UUID] = ()
    """In the order of `people`."""
    amended: Mapping[UUID, str] = field(default_factory=dict)
    """Whose function was amended while their first badge waited to be printed, and to what."""
    moved: str = ""
    cancelled: str = ""
    resized: str = ""
    told: dict[str, Counter[UUID]] = field(default_factory=dict)
    enrolled: dict[str, set[UUID]] = field(default_factory=dict)
    """By session, when the programme changed."""
    registered_again: Sequence[UUID] = ()
    records_before: int = 0
    records_after: int = 0
    _seen: set[str] = field(default_factory=set)

    def close(self, step: str) -> None:
        """Count the mails that came since the step before."""
        new = sorted({file.name for file in self.live.settings.mail_folder.glob("*.eml")} - self._seen)
        self.told[step] = Counter(Mail((self.live.settings.mail_folder / name).read_bytes()).delegate_id for name in new)
        self._seen.update(new)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[DELEGATES, pytest.param(ALL_DELEGATES, marks=[pytest.mark.thorough, pytest.mark.endurance])],
)
async def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Day]:
    async with live_stack(tmp_path_factory.mktemp("main-job")) as live:
        day = Day(live, request.param)
        await register(day)
        await amend(day)
        await live.stack.start_printers()
        await change_programme(day)
        await live.settled()
        await register_again(day)
        yield day


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(day: Day) -> Evidence:
    return await day.live.evidence()


async def register(day: Day) -> None:
    """Everybody is registered and decided on; badges are issued and wait for a printer."""
    live = day.live
    day.people = list(generator.delegates(live.conference, day.size))
    posted = await live.simulation.register(day.size, rate=None)
    day.delegate_ids = [UUID(each.delegate_id) for each in posted]
    await live.simulation.decide()
    await live.settled(printed=False)
    day.close("registered")


async def amend(day: Day) -> None:
    valid = [each["delegate_id"] for each in await day.live.badges() if each["state"] == "valid"]
    day.amended = {UUID(each): f"Special envoy {number}" for number, each in enumerate(sorted(valid)[:AMENDED])}
    change = (
        day.live.ask("accreditation", "PATCH", f"/delegates/{delegate_id}", {"person": {"function": function}})
        for delegate_id, function in day.amended.items()
    )
    await asyncio.gather(*change)
    await day.live.settled(printed=False)
    day.close("amended")


async def change_programme(day: Day) -> None:
    """One session is moved twice within a quiet window and again in the next; one is cancelled, one only resized."""
    programme = (await day.live.ask("programme", "GET", "/sessions"))["sessions"]
    largest = sorted((each for each in programme if each["capacity"]), key=lambda each: -each["enrolled"])
    day.moved, day.cancelled, day.resized = (each["session_id"] for each in largest[:3])
    day.enrolled = await asyncio.to_thread(enrolled, day.live)
    rooms = [room.names for room in day.live.conference.rooms if room.names != largest[0]["room"]]
    planned = next(each for each in day.live.conference.sessions if each.session_id == day.moved)
    later = [day.live.conference.instant(each) + timedelta(minutes=30) for each in (planned.starts_at, planned.ends_at)]

    await change_session(day, day.moved, room=rooms[0])
    await change_session(day, day.moved, starts_at=later[0].isoformat(), ends_at=later[1].isoformat())
    await change_session(day, day.cancelled, status="cancelled")
    await change_session(day, day.resized, capacity=largest[2]["capacity"] + 40)
    await day.live.settled(printed=False)
    day.close("changed")
    await change_session(day, day.moved, room=rooms[1])
    await day.live.settled(printed=False)
    day.close("moved again")


async def change_session(day: Day, session_id: str, **change: Any) -> None:
    await day.live.ask("programme", "PATCH", f"/sessions/{session_id}", change)


def enrolled(live: LiveStack) -> dict[str, set[UUID]]:
    places: dict[str, set[UUID]] = {}
    for each in newest(read_registrations(live)).values():
        for place in each.enrolments:
            if place.state is EnrolmentState.ENROLLED:
                places.setdefault(place.session_id, set()).add(each.delegate_id)
    return places


def read_registrations(live: LiveStack) -> list[DelegateRegistered]:
    return [
        DelegateRegistered.model_validate_json(each.value or b"")
        for each in records_in(live.stack.kafka, topics.DELEGATE_REGISTERED)
    ]


async def register_again(day: Day) -> None:
    """The forms send what they have sent once more, as after a crash of theirs; some of it is enough."""
    day.records_before = len(await asyncio.to_thread(read_registrations, day.live))
    posted = await day.live.simulation.register(REPEATED, rate=None)
    await day.live.simulation.decide()
    day.registered_again = [UUID(each.delegate_id) for each in posted]
    await day.live.settled()
    day.records_after = len(await asyncio.to_thread(read_registrations, day.live))
    day.close("registered again")


async def test_everything_that_was_promised_is_so(found: Evidence) -> None:
    wrong = violations(found, repeats=False)
    assert not wrong, "\n".join(wrong)


async def test_everybody_who_was_accepted_is_there_and_ended_as_decided(day: Day, found: Evidence) -> None:
    registrations = newest(found.registrations)
    assert len(registrations) == len(set(day.delegate_ids)) == day.size
    for index, delegate_id in enumerate(day.delegate_ids):
        category = day.live.conference.category[day.people[index].category]
        assert registrations[str(delegate_id)].status is generator.ends_as(index, category)
    ended = Counter(each.status for each in registrations.values())
    assert min(ended[each] for each in (Status.ACCREDITED, Status.REFUSED, Status.WITHDRAWN)) > day.size / 100


async def test_the_badges_of_those_who_were_amended_while_theirs_waited_say_the_new(day: Day, found: Evidence) -> None:
    valid = valid_jobs(found)
    assert {each: valid[each].content.function for each in day.amended} == day.amended
    first = {job.serial for job in found.jobs if job.delegate_id in day.amended and job.reason == "first"}
    to_destroy = {each["serial"] for each in found.badges if each["to_destroy"]}
    assert len(first) == AMENDED
    assert first <= to_destroy, "a job that was superseded is printed all the same, and its sheet is to be destroyed"


async def test_those_affected_are_told_once_a_window_and_nobody_else_is(day: Day) -> None:
    moved, cancelled = day.enrolled[day.moved], day.enrolled[day.cancelled]
    assert 0.2 < len(moved) / day.size < 0.3, "some 500 of the 2,000"
    assert day.enrolled[day.resized] - moved - cancelled
    assert day.told["registered"].keys() == set(day.delegate_ids)
    assert day.told["amended"] == Counter(day.amended.keys())
    assert day.told["changed"] == Counter(moved | cancelled)
    assert day.told["moved again"] == Counter(moved)
    assert not day.told["registered again"]


async def test_nobody_is_registered_twice_when_the_forms_send_what_they_sent_again(day: Day) -> None:
    assert day.registered_again == day.delegate_ids[:REPEATED]
    assert day.records_after == day.records_before


async def test_a_sheet_says_what_its_job_says(day: Day, found: Evidence) -> None:
    valid = valid_jobs(found)
    latin = [job for job in valid.values() if job.delegate_id not in day.amended and not any(map(right_to_left, words(job)))]
    sample = [valid[each] for each in list(day.amended)[: SAMPLE // 2] if not any(map(right_to_left, words(valid[each])))]
    sample += latin[:: max(len(latin) // SAMPLE, 1)]
    sample += {job.content.language: job for job in latin}.values()  # few people read Chinese
    assert {"fr", "ru"} <= {job.content.language for job in latin} <= {job.content.language for job in sample}
    for job in sample:
        said = letters(sheet_text(day.live.settings.printed_folder / f"{job.serial}.pdf"))
        assert [word for word in words(job) if letters(word) not in said] == []


async def test_a_protected_name_is_on_no_sheet_and_in_no_mail(day: Day, found: Evidence) -> None:
    mails, jobs = mails_by_delegate(found.mails), valid_jobs(found)
    protected = [(person, each) for person, each in zip(day.people, day.delegate_ids, strict=True) if person.protected]
    assert len(protected) > day.size / 100
    for person, delegate_id in protected:
        said = [mail.text for mail in mails[delegate_id]]
        if delegate_id in jobs:
            said.append(jobs[delegate_id].model_dump_json())
            said.append(sheet_text(day.live.settings.printed_folder / f"{jobs[delegate_id].serial}.pdf"))
        text = " ".join(said)
        assert person.person.given_name not in text
        assert person.person.family_name not in text


async def test_no_log_names_anybody(day: Day) -> None:
    logged = "\n".join(line for log in day.live.settings.log_folder.glob("*.jsonl*") for line in unescaped(log))
    said = set(re.findall(r"\w+", logged))
    assert {"delegate_registered", "badge_printed", "notice_sent"} <= said
    people = [each.person for each in day.people]
    told = {
        "names": {word for each in people for word in telling_words(f"{each.given_name} {each.family_name}")} & said,
        "addresses": {each.email for each in people}.intersection(re.findall(r"[\w.+-]+@[\w.-]+", logged)),
        "birth dates": {str(each.birth_date) for each in people}.intersection(re.findall(r"\d{4}-\d{2}-\d{2}", logged)),
        "documents": {each.document_number for each in people}.intersection(re.findall(r"[A-Z]{2}-\d{6}", logged)),
    }
    assert not any(told.values()), told


def telling_words(name: str) -> set[str]:
    """Words of a name that point to somebody: not its particles ("bin", "de"), nor the letter of "O'Brien", as in "I/O"."""
    return {word for word in re.findall(r"\w+", name) if not word.islower() and not (word.isascii() and len(word) < 3)}


def unescaped(log: Path) -> Iterator[str]:
    for line in log.read_text().splitlines():
        yield json.dumps(json.loads(line), ensure_ascii=False) if line.startswith("{") else line


async def test_one_trace_leads_from_the_post_to_the_badge_and_the_mail(day: Day, found: Evidence) -> None:
    at_once = next(
        each.delegate_id
        for each in newest(found.registrations).values()
        if each.revision == 1 and each.status is Status.ACCREDITED
    )
    ways: dict[str, set[tuple[str, str]]] = {}
    for line in logged_of(day.live.settings.log_folder, at_once):
        ways.setdefault(line["trace_id"], set()).add((line["service"], line["event"]))
    posted = {"delegate_registered", "badge_issued", "badge_printed", "notice_sent"}
    [way] = [way for way in ways.values() if ("registration", "delegate_registered") in way]
    assert posted <= {event for _, event in way}
    assert {("printer", "badge_printed"), ("badging", "badge_printed"), ("notifications", "notice_sent")} <= way


def logged_of(folder: Path, delegate_id: UUID) -> Iterator[dict[str, Any]]:
    for log in folder.glob("*.jsonl*"):
        for line in log.read_text().splitlines():
            if str(delegate_id) in line:
                yield json.loads(line)


def words(job: BadgeJob) -> list[str]:
    content = job.content
    return [content.name, content.function, content.delegation, content.category, job.serial]


def right_to_left(text: str) -> bool:
    """Such a text is found in a PDF in another order than it is written."""
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


def letters(text: str) -> str:
    """Without spaces and hyphens, which a line break adds or takes."""
    return "".join(re.findall(r"\w", text))


def sheet_text(sheet: Path) -> str:
    return pypdfium2.PdfDocument(sheet)[0].get_textpage().get_text_range()
