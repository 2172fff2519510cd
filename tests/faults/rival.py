"""`python -m tests.faults.rival SERVICE`: takes part in a service's consumer group until it is stopped.

It takes some of the service's partitions in the middle of its work, acknowledges nothing, and leaves.
"""

import asyncio
import signal
import sys

import faust

from shared import topics
from shared.settings import KafkaSettings
from shared.streams import channel, faust_app


async def _take_part(service: str) -> None:
    kafka, stopping = KafkaSettings.load(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app = faust_app(service, kafka)
    for topic in (topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED, topics.BADGE_STATUS):

        async def take(stream: faust.StreamT[bytes]) -> None:
            async for _ in stream.noack().events():
                pass

        app.agent(channel(app, kafka, topic), name=f"rival-{topic}")(take)
    app.finalize()
    await app.start()
    await stopping.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(_take_part(sys.argv[1]))
