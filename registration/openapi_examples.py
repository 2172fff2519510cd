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
DECISION = {"decision": "refuse", "reason_code": "incomplete-documents", "note": "No letter by 20 June."}
DECISION_ON_MANY = {
    "decision": "accredit",
    "delegates": [
        {"delegate_id": "01890a5d-ac96-774b-bcce-b302099a8057", "revision": 1},
        {"delegate_id": "01890a5d-ac96-774b-bcce-b302099a8058"},
    ],
}
ENDORSEMENT = {"decision": "endorse"}
CORRECTION_DECISION = {"decision": "accept", "number": 1}
AUDIT: dict[str, Any] = {
    "entries": [
        {
            "entry": {
                "action": "accredit",
                "at": "2018-06-21T13:04:05.678901+00:00",
                "by": {"kind": "account", "name": "anna"},
                "delegate_sha256": "1a5e8e2ab3b2a1e6f8d0bb5c3ef34c3c8ad4c5a4a3a6ee1a1b0ea0dc9c0b9b07",
                "revision": 2,
                "seq": 1,
                "status": "accredited",
            },
            "hash": "8b4ee9cd7d1b0f5b6a2a4d9c9b1f5f3f1d3cbb0d9c3d4a5f7e6a1b2c3d4e5f60",
        }
    ],
    "next_after": None,
}
AUDIT_HEAD = {
    "seq": 1,
    "hash": "8b4ee9cd7d1b0f5b6a2a4d9c9b1f5f3f1d3cbb0d9c3d4a5f7e6a1b2c3d4e5f60",
    "at": "2018-06-21T13:05:00.000000+00:00",
    "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "signature": "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==",
}
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
