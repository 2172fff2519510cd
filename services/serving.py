"""How every service serves HTTP."""

import contextlib
from typing import Any

import uvicorn
from fastapi import FastAPI


def http_settings(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=3,
    )


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides the order of its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield
