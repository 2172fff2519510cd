"""`python -m tests.faults.process SERVICE ...` is `python -m services SERVICE ...` with fault points.

`FAULT_FOLDER` is where points are armed and orders for the next start lie; `FAULT_PROCESS` is this process's name there;
`FAULT_MUTATION`, where set, breaks the code in one way.
"""

import os
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from tests.faults.points import Passing, install

REWOUND_WITHIN_SECONDS = 30.0


def main() -> None:
    folder, process = Path(os.environ["FAULT_FOLDER"]), os.environ["FAULT_PROCESS"]
    _set_clock(folder / f"{process}.clock")
    _rewind(folder / f"{process}.rewind", process)
    install(Passing(folder, process))
    if mutation := os.environ.get("FAULT_MUTATION"):
        from tests.faults.mutations import MUTATIONS

        MUTATIONS[mutation].install()  # around the points: what it does too early is done before they are passed

    from services.cli import app

    app()


def _set_clock(file: Path) -> None:
    """Have this process's clock go wrong by as many seconds as the file says, before anything has taken it by name."""
    if not file.exists():
        return
    from shared import clock

    right, wrong_by = clock.utc_now, timedelta(seconds=float(file.read_text()))

    def wrong_now() -> datetime:
        return right() + wrong_by

    clock.utc_now = wrong_now


def _rewind(file: Path, group: str) -> None:
    """Have its consumer group begin anew from the first record, once, where the file asks for it."""
    if not file.exists():
        return
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError, NoError
    from kafka.structs import OffsetAndMetadata

    from shared.settings import KafkaSettings

    kafka = KafkaSettings.load()
    give_up = time.monotonic() + REWOUND_WITHIN_SECONDS
    while time.monotonic() < give_up:
        try:
            with closing(KafkaAdminClient(**kafka.client_arguments())) as admin:
                name = kafka.topic(group)
                first = {place: OffsetAndMetadata(0, "", -1) for place in admin.list_group_offsets([name])[name]}
                refused = [error for error in admin.alter_group_offsets(name, first).values() if error is not NoError]
        except (KafkaError, OSError):
            refused = [KafkaError]
        if not refused:
            file.unlink()
            return
        time.sleep(0.5)  # the dead one is still a member, or the broker is away: neither tells when that ends


if __name__ == "__main__":
    main()
