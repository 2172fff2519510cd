"""The limit of post to badge queue: a POST sent to a topic, and an agent in a second process that sends it to another.

Both validate what they take, as anything on this way must; neither knows a rule, stores anything, or survives a crash.
"""

import argparse
import asyncio
from collections.abc import AsyncIterable
from typing import cast

import faust
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from yarl import URL

from bench.bare_intake import serve
from shared.events import RegistrationSubmitted
from shared.ids import new_id

SUBMITTED = "bench.submitted"
FORWARDED = "bench.forwarded"


async def post(bootstrap: str, port: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    app = FastAPI()

    @app.post("/delegates", status_code=201)
    async def register(submitted: RegistrationSubmitted) -> dict[str, str]:
        delegate_id = str(new_id())
        await producer.send_and_wait(SUBMITTED, submitted.model_dump_json().encode(), key=delegate_id.encode())
        return {"delegate_id": delegate_id, "category": submitted.category}

    try:
        await serve(app, port)
    finally:
        await producer.stop()


async def forward(bootstrap: str) -> None:
    app = bare_faust("bench.forward", bootstrap)
    forwarded = app.topic(FORWARDED, key_type=bytes, value_type=bytes)

    @app.agent(app.topic(SUBMITTED, key_type=bytes, value_type=bytes))
    async def forward_each(stream: faust.StreamT[bytes]) -> None:
        async for key, value in cast(AsyncIterable[tuple[bytes, bytes]], stream.items()):
            submitted = RegistrationSubmitted.model_validate_json(value)
            await forwarded.send(key=key, value=submitted.model_dump_json().encode())

    await run_for_ever(app)


def bare_faust(name: str, bootstrap: str) -> faust.App:
    """A Faust app as its documentation starts one, of raw bytes and without a web server."""
    return faust.App(
        name,
        broker=URL(f"kafka://{bootstrap}"),
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        loop=asyncio.get_running_loop(),
    )


async def run_for_ever(app: faust.App) -> None:
    app.finalize()
    await app.start()
    print("agent started", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bare_pipeline", description=__doc__)
    parser.add_argument("part", choices=["post", "forward"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(post(given.bootstrap, given.port) if given.part == "post" else forward(given.bootstrap))


if __name__ == "__main__":
    main()
