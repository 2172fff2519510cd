"""Endorsement, for tests: a conference whose guests wait for their port's focal point, and who comes to it by a form."""

import json
from typing import Any

import httpx

from registration import store
from shared.conference import Conference
from tests.registration_app import RegistrationApp
from tests.registration_examples import TINY, tiny

GATE = {"category": "guest", "document_number": "N-1"}
OSLO = "/en/delegation/oslo"


def with_endorsement() -> Conference:
    """Where guests register themselves, and wait for their port's focal point for five days."""
    itself = {"self_registration": True, "needs_endorsement": True, "endorsed_within": 5}
    not_ours = {"en": "We do not expect this person.", "fr": "Cette personne n’est pas attendue."}
    return tiny(
        categories=[each.model_copy(update=itself if each.slug == "guest" else {}) for each in TINY.categories],
        refusal_reasons=[{"code": "not-ours", "texts": not_ours}],
    )


async def came(app: RegistrationApp, name: str = "Ada", **fields: Any) -> str:
    """Somebody registers by a form."""
    own = {**GATE, "given_name": name, "document_number": f"N-{name}", "email": f"{name.lower()}@port.example"}
    return await app.registered(by="form", **{**own, **fields})


async def answered(app: RegistrationApp, delegate: str, decision: str = "endorse", **also: Any) -> httpx.Response:
    return await app.ask("POST", f"/delegates/{delegate}/endorsement", json={"decision": decision, **also})


async def needs(app: RegistrationApp, delegate: str) -> list[str] | None:
    return (await app.ask("GET", f"/delegates/{delegate}", "form")).json().get("needs")


def trail(app: RegistrationApp) -> list[tuple[str, str]]:
    with app.database.connect() as tx:
        told = [json.loads(each.content) for each in store.trail.entries(tx)]
    return [(each["action"], each["by"]["kind"]) for each in told]
