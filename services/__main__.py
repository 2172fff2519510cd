"""`python -m services` is `lanyard`."""

from services.cli import app

app()
