"""What `lanyard status` shows on a terminal."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.broker_positions import Positions
from services.commands.status import ProcessStatus, State, Status
from services.commands.terminal import printable
from services.offsets_retention import NEEDED_MINUTES, SETTING, is_short

_STYLE = {State.READY: "green", State.RUNNING: "green", State.NOT_READY: "yellow", State.DOWN: "bold red"}


def show(status: Status) -> None:
    console = Console(highlight=False)
    console.print(_processes(status))
    for process in status.processes:
        if process.detail:
            console.print(
                Text(f"{printable(process.name)} is {_state(process)}: {printable(process.detail)}", "yellow"), soft_wrap=True
            )
    console.print(_counts(status))
    if status.positions is None:
        console.print(f"The broker {status.kafka} does not answer: lag, queues and printers are not known.", style="red")
        return
    if status.positions.missing_topics:
        missing = ", ".join(status.positions.missing_topics)
        console.print(f"Topics are missing: {missing}. Create them with `lanyard topics`.", style="yellow")
    if status.disagreement:
        console.print(f"{status.disagreement}: {_cause(status)}", style="yellow")
    minutes = status.positions.offsets_retention_minutes
    if is_short(minutes):
        console.print(
            f"The broker forgets an idle consumer group after {minutes} minutes, and a printer would then print again what it "
            f"printed: set its {SETTING} to {NEEDED_MINUTES} or more.",
            style="yellow",
        )
    console.print(_waiting(status.positions), _queues(status.positions), sep="\n")


def _cause(status: Status) -> str:
    assert status.positions is not None
    waits = sum(each.records for each in status.positions.waiting if each.group.endswith("badging"))
    outbox = sum(each.outbox.rows for each in status.processes if each.name == "registration" and each.outbox)
    if waits or outbox:
        return f"{outbox} changes wait to be published and {waits} events to be read."
    return "nothing waits, so look at badging's dead letters: `lanyard dead-letters list --service badging`."


def _table(title: str, *columns: str) -> Table:
    """As narrow as it can be: a terminal has 80 columns, and a name that is cut says nothing."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, padding=(0, 2, 0, 0)
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _processes(status: Status) -> Table:
    table = _table("Processes", "process", "state", "outbox", "oldest", "parked", "dead letters")
    for process in status.processes:
        table.add_row(
            Text(printable(process.name)),
            _state(process),
            *_outbox(process),
            _dead_letters(process),
        )
    table.add_row(f"broker {status.kafka}", Text(status.kafka_state.value, _STYLE[status.kafka_state]))
    return table


def _counts(status: Status) -> Table:
    table = _table("Counts", "process", "counts")
    for process in status.processes:
        if process.counts:
            table.add_row(Text(printable(process.name)), Text(_counted(process.counts)))
    return table


def _state(process: ProcessStatus) -> Text:
    return Text(process.state.value, _STYLE[process.state])


def _outbox(process: ProcessStatus) -> tuple[str, str, Text]:
    outbox = process.outbox
    if outbox is None:
        return "", "", Text()
    return str(outbox.rows), f"{outbox.oldest_seconds:.1f} s", Text(str(outbox.parked), "red" if outbox.parked else "")


def _dead_letters(process: ProcessStatus) -> Text:
    number = process.dead_letters
    return Text("" if number is None else str(number), "red" if number else "")


def _counted(counts: dict[str, Any]) -> str:
    return ", ".join(f"{printable(name)} {printable(str(count))}" for name, count in counts.items())


def _waiting(positions: Positions) -> Table:
    table = _table("Waiting to be read", "group", "members", "topic", "records")
    members = {each.group: str(len(each.members)) for each in positions.groups}
    for each in positions.waiting:
        table.add_row(each.group, members[each.group], each.topic, str(each.records))
    return table


def _queues(positions: Positions) -> Table:
    table = _table("Badge queues", "station", "urgent", "normal", "printers")
    for queue in positions.queues:
        printers = Text(printable(", ".join(queue.printers))) if queue.printers else Text("none", "yellow")
        table.add_row(queue.station, str(queue.urgent), str(queue.normal), printers)
    return table
