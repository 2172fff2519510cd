"""The limit of intake: FastAPI takes the same body and answers. It checks no key, knows no rule and stores nothing."""

import argparse
import asyncio

import uvicorn
from fastapi import FastAPI

from services.serving import http_settings
from shared.events import RegistrationSubmitted
from shared.ids import new_id


def app() -> FastAPI:
    bare = FastAPI()

    @bare.post("/delegates", status_code=201)
    async def register(submitted: RegistrationSubmitted) -> dict[str, str]:
        return {"delegate_id": str(new_id()), "category": submitted.category}

    return bare


async def serve(bare: FastAPI, port: int) -> None:
    """Serve until SIGTERM, as every service serves."""
    await uvicorn.Server(http_settings(bare, "127.0.0.1", port)).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.bare_intake", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(app(), parser.parse_args().port))
