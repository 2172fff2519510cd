"""What becomes of dead letters, on a real broker: replayed, discarded, overtaken, and each of it once."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from services import cli
from services.commands.dead_letter_reading import Letter, LetterBox
from shared import dead_letters, topics
from shared.cloudevents import Record, encode
from shared.database import Database
from shared.events import SessionChanged
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent
from tests import parts
from tests.badging_examples import session
from tests.integration.programme_desk import SERVICE, Programme
from tests.integration.topic_reading import records_in
from tests.waiting import until

_prefixes = parts.prefixes()


class OutOfOrder(Exception):
    """A fault of the handler's own."""


@pytest.fixture
def programme(bootstrap: str, tmp_path: Path, new_url: Callable[[Path], str]) -> Iterator[Programme]:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"letters-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(kafka, kafka.stations)
    with closing(Programme(kafka, Database(new_url(tmp_path / "programme.db"), SERVICE))) as programme:
        yield programme


class Operations:
    """The commands of operations beside a service in this process."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.kafka = kafka
        self._environment = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.kafka_bootstrap_servers,
            "TOPIC_PREFIX": kafka.topic_prefix,
            "VAR": "nowhere",
            "COLUMNS": "250",
        }

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["dead-letters", *arguments], env=self._environment)

    def listed(self, *options: str) -> list[dict[str, Any]]:
        ran = self.run("list", "--json", *options)
        assert ran.exit_code == 0, ran.stderr
        return json.loads(ran.stdout)

    def letters(self) -> list[Letter]:
        with LetterBox(self.kafka, SERVICE) as box:
            return box.letters(lambda _: True, *box.bounds(), lambda _: None)


@pytest.fixture
def operations(programme: Programme) -> Operations:
    return Operations(programme.kafka)


def failing(programme: Programme, *session_ids: str) -> list[str]:
    """Have these sessions fail for as long as they stand in the list."""
    broken = list(session_ids)

    def fail(batch: Sequence[str]) -> None:
        if set(broken) & set(batch):
            raise OutOfOrder

    programme.before_commit = fail
    return broken


async def buried(programme: Programme, operations: Operations, *facts: SessionChanged | Record) -> None:
    """Send what fails, and wait until each is an open dead letter."""
    before = len(operations.listed())
    programme.send(*facts)
    await until(lambda: len(operations.listed()) == before + len(facts), "each is an open letter")


async def closed(operations: Operations, number: int) -> None:
    await until(lambda: len([each for each in operations.letters() if each.outcome]) == number, f"{number} are closed")


async def test_a_replayed_event_takes_effect_and_is_open_no_more(programme: Programme, operations: Operations) -> None:
    broken = failing(programme, "stuck")
    async with programme.running():
        await buried(programme, operations, session(session_id="stuck"))
        broken.clear()
        assert operations.run("replay", "--all", "--wait", "0").exit_code == 1, "it was not taken yet"
        await closed(operations, 1)
    assert programme.effects() == {("stuck", 1): 1}
    assert operations.listed() == []
    [letter] = operations.listed("--closed")
    assert letter["outcome"] == "replayed"


async def test_what_is_replayed_is_the_event_byte_for_byte_and_names_its_letter(
    programme: Programme, operations: Operations
) -> None:
    failing(programme, "stuck")
    record = encode(session(session_id="stuck"), "programme-desk", new_traceparent())
    record = record._replace(headers=[*record.headers, ("binary", b"\x00\xff"), ("twice", b"1"), ("twice", b"2")])
    async with programme.running():
        await buried(programme, operations, record)
        operations.run("replay", "--all", "--wait", "0")
    [letter] = [each for each in operations.letters() if dead_letters.PREVIOUS not in each.headers]
    with LetterBox(programme.kafka, SERVICE) as box:
        box.topic = programme.kafka.topic(topics.retry(SERVICE))
        [returned] = box.letters(lambda _: True, *box.bounds(), lambda _: None)
    assert (returned.raw_key, returned.value) == (record.key, record.value)
    assert returned.raw_headers[: len(record.headers)] == record.headers
    place = f"{programme.kafka.topic(topics.dead_letter(SERVICE))} {letter.place}"
    assert returned.headers[dead_letters.PLACE] == place
    assert returned.letter_id == letter.letter_id


async def test_a_letter_that_is_replayed_twice_is_handled_once(programme: Programme, operations: Operations) -> None:
    broken = failing(programme, "stuck")
    async with programme.running():
        await buried(programme, operations, session(session_id="stuck"))
        broken.clear()
        programme.batches.clear()
        operations.run("replay", "--all", "--wait", "0")
        operations.run("replay", "--all", "--wait", "0")
        await closed(operations, 1)
        [again] = operations.letters()
        _send_back(programme, again)
        await programme.all_read()
    assert [each for batch in programme.batches for each in batch] == ["stuck"]
    assert programme.effects() == {("stuck", 1): 1}
    assert len(_closings(programme)) == 1


def _send_back(programme: Programme, letter: Letter) -> None:
    """As a second operator would who saw the letter open a moment ago."""
    programme.send(Record(letter.raw_key, letter.value, letter.raw_headers), topic=topics.retry(SERVICE))


def _closings(programme: Programme) -> list[str]:
    found = records_in(programme.kafka, topics.dead_letter(SERVICE))
    return [each.headers[dead_letters.OUTCOME] for each in found if dead_letters.OUTCOME in each.headers]


async def test_a_replayed_event_that_fails_again_is_a_new_letter_that_names_the_first(
    programme: Programme, operations: Operations
) -> None:
    broken = failing(programme, "stuck")
    record = encode(session(session_id="stuck"), "programme-desk", new_traceparent())
    async with programme.running():
        await buried(programme, operations, record)
        [first] = operations.listed()
        ran = operations.run("replay", "--service", SERVICE, "--place", first["place"], "--wait", "0")
        assert ran.exit_code == 1
        await closed(operations, 1)
        [second] = operations.listed()
        assert second["place"] != first["place"]
        assert second["origin"] == first["origin"], "where the event first stood"
        shown = operations.run("show", SERVICE, second["place"]).stdout
        assert f"lanyard.letter.previous: {first['letter']}" in shown
        assert operations.listed("--closed")[0]["outcome"] == "failed-again"
        assert dead_letters.split(operations.letters()[1].raw_headers)[0] == record.headers
        broken.clear()
        operations.run("replay", "--all", "--wait", "0")
        await closed(operations, 2)
    assert programme.effects() == {("stuck", 1): 1}
    assert operations.listed() == []


async def test_a_discarded_letter_is_closed_and_never_handled(programme: Programme, operations: Operations) -> None:
    broken = failing(programme, "stuck")
    async with programme.running():
        await buried(programme, operations, session(session_id="stuck"))
        [letter] = operations.letters()
        broken.clear()
        operations.run("discard", "--service", SERVICE, "--place", letter.place, "--wait", "0")
        await closed(operations, 1)
        _send_back(programme, letter)
        await programme.all_read()
    assert programme.effects() == {}
    assert programme.forgotten == []
    assert operations.listed() == []
    assert _closings(programme) == ["discarded"]


async def test_a_letter_overtaken_by_a_higher_revision_closes_itself_and_is_not_replayed(
    programme: Programme, operations: Operations
) -> None:
    broken = failing(programme, "moved", "other")
    async with programme.running():
        await buried(programme, operations, session(session_id="moved", revision=3), session(session_id="other"))
        broken.clear()
        programme.send(session(session_id="moved", revision=2))
        await programme.all_read()
        assert len(operations.listed()) == 2, "an older revision overtakes nothing"
        with capture_logs() as logs:
            programme.send(session(session_id="moved", revision=4))
            await closed(operations, 1)
        assert [line["outcome"] for line in logs if line["event"] == "letter_closed"] == ["overtaken"]
        ran = operations.run("replay", "--all", "--dry-run")
        assert "Skipped 1 letter, overtaken already." in ran.stdout
        assert "Would replay 1 letter" in ran.stdout
        assert [each["key"] for each in operations.listed()] == ["other"], "a dry run does nothing"


async def test_events_read_again_from_the_beginning_bury_nothing_twice(programme: Programme, operations: Operations) -> None:
    broken = failing(programme, "stuck")
    async with programme.running():
        await buried(programme, operations, session(session_id="stuck"))
        [letter] = operations.letters()
        operations.run("discard", "--all", "--wait", "0")
        await closed(operations, 1)
    programme.start_over()
    async with programme.running():
        await programme.all_read()
        broken.clear()
        programme.send(session(session_id="last"))
        await until(lambda: programme.effects(), "the stream went on")
    assert [(each.place, each.outcome) for each in operations.letters()] == [(letter.place, "discarded")]


async def test_a_tombstone_comes_back_as_one(programme: Programme, operations: Operations) -> None:
    programme.send(session(session_id="gone"))
    async with programme.running():
        await programme.all_read()
        programme.fail_to_forget = True
        await buried(programme, operations, Record(b"gone", None, []))
        programme.fail_to_forget = False
        operations.run("replay", "--all", "--wait", "0")
        await closed(operations, 1)
    assert programme.forgotten == ["gone"]


async def test_letters_are_chosen_by_what_is_said_of_them(programme: Programme, operations: Operations) -> None:
    failing(programme, "one", "two")
    async with programme.running():
        await buried(programme, operations, session(session_id="one"), session(session_id="two"))
        await buried(programme, operations, Record(b"three", b"not JSON", []))
    assert {each["key"] for each in operations.listed("--error-type", "OutOfOrder")} == {"one", "two"}
    assert {each["key"] for each in operations.listed("--error-type", "Unreadable")} == {"three"}
    assert {each["key"] for each in operations.listed("--key", "one")} == {"one"}
    assert {each["key"] for each in operations.listed("--delegate", "two")} == {"two"}
    assert len(operations.listed("--since", "1h")) == 3
    assert operations.listed("--since", "2200-01-01T00:00:00Z") == []
    assert operations.listed("--topic", "badge-status") == []
    assert len(operations.listed("--topic", "session-changed", "--service", SERVICE)) == 3


def test_what_is_not_said_rightly_is_refused(programme: Programme, operations: Operations) -> None:
    for wrong, said in (
        (["replay"], "Say which"),
        (["discard"], "Say which"),
        (["list", "--since", "yesterday"], "is no time"),
        (["replay", "--service", SERVICE, "--place", "seven"], "is no place"),
        (["replay", "--place", "0-7"], "name it by --service"),
    ):
        ran = operations.run(*wrong)
        assert ran.exit_code == 2
        assert said in " ".join(ran.stderr.replace("│", " ").split()), wrong
    assert operations.run("replay", "--all").stdout == "No open dead letter is meant.\n"


async def test_the_largest_record_that_a_topic_takes_can_be_buried(programme: Programme, operations: Operations) -> None:
    async with programme.running():
        await buried(programme, operations, Record(b"large", b"x" * (topics.MAX_RECORD_BYTES - 200), []))
