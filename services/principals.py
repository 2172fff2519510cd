"""Who may do what at the broker: a user for each service, printer and operations, and ACLs made of the flows alone.

A user may write and read the topics that its row of `shared.flows` names and take part in its own consumer groups, no
more. Operations may besides look at where everybody stands, and whoever reads may ask how long the broker keeps that.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, cast

import kafka.admin
import typer
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaError

from services.commands.terminal import load_beside_stack, stopped
from shared import flows, topics
from shared.settings import KafkaSettings, setting

_scram: Any = kafka.admin
"""Its SCRAM users: the types that come with the type checker are of version 2, which has none."""
CLUSTER = "kafka-cluster"
"""Kafka's name for the cluster as something to have rights to."""


@dataclass(frozen=True, slots=True)
class Right:
    """What one may do with a topic, a consumer group or the cluster; to read or write includes to look at it."""

    operation: ACLOperation
    kind: ResourceType
    name: str

    def acl(self, user: str) -> ACL:
        return ACL(f"User:{user}", "*", self.operation, ACLPermissionType.ALLOW, ResourcePattern(self.kind, self.name))


class _Admin(Protocol):
    def create_acls(self, acls: Sequence[ACL]) -> dict[str, Any]: ...
    def alter_user_scram_credentials(self, alterations: Sequence[object]) -> dict[str, str | None]: ...
    def close(self) -> None: ...


def rights_of(role: str, broker: KafkaSettings) -> list[Right]:
    """The rights of a service, of `PRINTERS` or of `OPERATIONS`."""
    return [*_rights_to_topics(role, broker), *_rights_to_groups(role, broker), *_rights_to_look(role, broker)]


def _rights_to_topics(role: str, broker: KafkaSettings) -> Iterator[Right]:
    for flow in flows.FLOWS:
        for name in flows.at_stations(flow.topic, broker.stations):
            for operation, who in ((ACLOperation.WRITE, flow.written_by), (ACLOperation.READ, flow.read_by)):
                if role in who:
                    yield Right(operation, ResourceType.TOPIC, broker.topic(name))


def _rights_to_groups(role: str, broker: KafkaSettings) -> Iterator[Right]:
    if role == flows.OPERATIONS:
        groups = [*topics.SERVICES, *_printer_groups(broker)]
        yield from (Right(ACLOperation.DESCRIBE, ResourceType.GROUP, broker.topic(group)) for group in groups)
    else:
        groups = _printer_groups(broker) if role == flows.PRINTERS else [role]
        yield from (Right(ACLOperation.READ, ResourceType.GROUP, broker.topic(group)) for group in groups)


def _rights_to_look(role: str, broker: KafkaSettings) -> Iterator[Right]:
    if role != flows.PRINTERS:
        yield Right(ACLOperation.DESCRIBE_CONFIGS, ResourceType.CLUSTER, CLUSTER)
    if role == flows.OPERATIONS:
        for topic in topics.all_topics(broker.stations):
            yield Right(ACLOperation.DESCRIBE, ResourceType.TOPIC, broker.topic(topic.name))


def _printer_groups(broker: KafkaSettings) -> list[str]:
    return [f"{flows.PRINTERS}.{station}" for station in broker.stations]


def make_principals(printers: Sequence[str], *, dry_run: bool) -> None:
    """Make the users whose passwords are given, and give all users their rights. Idempotent; nothing is taken away."""
    broker = load_beside_stack(KafkaSettings)
    roles = {**{name: name for name in (*topics.SERVICES, flows.OPERATIONS)}, **dict.fromkeys(printers, flows.PRINTERS)}
    rights = {user: rights_of(role, broker) for user, role in roles.items()}
    for user, of_user in rights.items():
        for right in of_user:
            typer.echo(f"{user} may {right.operation.name.lower()} {right.kind.name.lower()} {right.name}")
    if dry_run:
        return
    try:
        _make(broker, rights)
    except (KafkaError, OSError) as error:
        servers = broker.kafka_bootstrap_servers
        raise stopped(f"Kafka at {servers} refused ({type(error).__name__}: {error}): see the KAFKA_ settings.") from None


def _make(broker: KafkaSettings, rights: dict[str, list[Right]]) -> None:
    passwords = {user: setting(os.environ, f"{user.replace('-', '_')}_kafka_password") for user in rights}
    mechanism = broker.kafka_sasl_mechanism
    users = [_scram.UserScramCredentialUpsertion(user, mechanism, given) for user, given in passwords.items() if given]
    with closing(cast(_Admin, KafkaAdminClient(**broker.client_arguments()))) as admin:
        refused = [f"{user}: {why}" for user, why in admin.alter_user_scram_credentials(users).items() if why] if users else []
        failed = admin.create_acls([right.acl(user) for user, of_user in rights.items() for right in of_user])["failed"]
    if refused or failed:
        raise stopped("The broker refused: " + "; ".join([*refused, *sorted({each.__name__ for each in failed})]))
    for user, given in passwords.items():
        if not given:
            variable = f"{user.replace('-', '_')}_KAFKA_PASSWORD".upper()
            typer.echo(f"{user}: no password in {variable}, so the user is left as it is.", err=True)
