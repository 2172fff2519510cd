"""Examples for the OpenAPI document, of people and sessions of the example conference."""

from typing import Any

REGISTRATION: dict[str, Any] = {
    "category": "delegate",
    "delegation": "fr",
    "person": {
        "given_name": "Anne",
        "family_name": "Petit",
        "function": "Ambassador",
        "email": "anne.petit@mission.example",
        "language": "en",
    },
}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "type": "registration-submitted",
    "source": "/my-form",
    "id": "43",
    "data": REGISTRATION,
}
AMENDMENT = {"person": {"function": "Minister"}}
DECISION = {"decision": "refuse", "reason": "The letter of credentials is missing."}
ENDORSEMENT = {"decision": "endorse"}
CORRECTION_DECISION = {"decision": "accept", "number": 1}
SESSION = {"room": {"en": "Conference Room 4", "fr": "Salle de conférence 4"}}
SWAP = {
    "changes": [
        {"session_id": "prisons", "room": {"en": "Conference Room 4"}},
        {"session_id": "victims", "room": {"en": "Conference Room 2"}},
    ]
}
INVALID: dict[str, Any] = {
    "type": "urn:lanyard:problem:invalid",
    "title": "The request is not valid.",
    "status": 422,
    "detail": "1 fault; nothing was stored. Correct what `errors` names and send it again.",
    "errors": [{"pointer": "/person/email", "code": "required", "detail": "This field is required."}],
}
