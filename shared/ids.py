"""Identifiers: UUIDv7 (RFC 9562), so that keys sort by the time they were made and indexes stay compact."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
