"""The newest state of delegates and sessions, to be published again where a compacted topic may have kept an older one.

Of a delegate whose key has ended (`registration.erasure`) that is its end.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection

from registration import store
from registration.delegate import fact_of
from registration.intake import reach
from shared.conference import Conference
from shared.outbox import Message, Tombstone
from shared.settings import KafkaSettings
from shared.topics import DELEGATE_REGISTERED, SESSION_CHANGED
from shared.tracing import new_traceparent


def newest(tx: Connection, keys: Collection[tuple[str, bytes]], conference: Conference, kafka: KafkaSettings) -> list[Message]:
    """The facts, or ends, of these (topic, key) pairs as stored, held against every change until `tx` ends."""
    delegates = {UUID(key.decode()) for topic, key in keys if topic == kafka.topic(DELEGATE_REGISTERED)}
    sessions = {key.decode() for topic, key in keys if topic == kafka.topic(SESSION_CHANGED)}
    if not delegates and not sessions:
        return []
    register = reach.load(tx, [reach.Touched(delegates=delegates, sessions=sessions)])
    trace = new_traceparent()
    portraits = store.photos.of(tx, [each.delegate_id for each in register.delegates.values() if each.photo is not None])
    registered = [
        (kafka.topic(DELEGATE_REGISTERED), fact_of(register.delegates[each], conference, portraits), trace)
        for each in sorted(delegates & register.delegates.keys())
    ]
    ended = [
        (kafka.topic(DELEGATE_REGISTERED), Tombstone(str(each)), trace)
        for each in sorted(register.erased - register.delegates.keys())
    ]
    changed = [
        (kafka.topic(SESSION_CHANGED), register.sessions[each], trace) for each in sorted(sessions & register.sessions.keys())
    ]
    return [*registered, *ended, *changed]
