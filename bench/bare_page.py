"""The limit of a page: FastAPI renders one Jinja2 template of a page's size. It reads nothing."""

import argparse
import asyncio

from fastapi import FastAPI
from jinja2 import Environment
from starlette.responses import HTMLResponse

from bench.bare_intake import serve

LINES = 300
"""With what stands around them about the size of the programme's page."""


def app() -> FastAPI:
    bare = FastAPI()
    page = Environment(autoescape=True).from_string("<ul>{% for each in lines %}<li>{{ each }}</li>{% endfor %}</ul>")

    @bare.get("/page")
    async def answer() -> HTMLResponse:
        return HTMLResponse(page.render(lines=[f"Conference Room {number}" for number in range(LINES)]))

    return bare


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.bare_page", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(app(), parser.parse_args().port))
