"""The limit of draining `delegate-registered`: an agent that validates each event and does nothing with it.

After every `REPORT_EVERY` events it sends one record, so that its end is read from a topic as badging's is.
"""

import argparse
import asyncio

import faust

from bench.bare_pipeline import bare_faust, run_for_ever
from shared.events import DelegateRegistered

REGISTERED = "bench.registered"
VALIDATED = "bench.validated"
REPORT_EVERY = 1000


async def validate(bootstrap: str) -> None:
    app = bare_faust("bench.validate", bootstrap)
    reports = app.topic(VALIDATED, key_type=bytes, value_type=bytes)
    validated = 0

    @app.agent(app.topic(REGISTERED, key_type=bytes, value_type=bytes))
    async def validate_each(stream: faust.StreamT[bytes]) -> None:
        nonlocal validated
        async for value in stream:
            DelegateRegistered.model_validate_json(value)
            validated += 1
            if validated % REPORT_EVERY == 0:
                await reports.send(key=b"validated", value=str(validated).encode())

    await run_for_ever(app)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.bare_drain", description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    asyncio.run(validate(parser.parse_args().bootstrap))
