"""Which exceptions pass by themselves: what they interrupt is retried in place and never dead-lettered."""

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError
from aiosmtplib.errors import SMTPConnectError, SMTPServerDisconnected, SMTPTimeoutError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Overtaken(Exception):
    """Another replica stored a row of this batch first; done again, the batch will see it."""


DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout)
PASSING = (
    Overtaken,
    *DATABASE_AWAY,
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    SMTPConnectError,
    SMTPServerDisconnected,
    SMTPTimeoutError,
    OSError,
    TimeoutError,
)
"""Database, broker or mail server away, full, slow or restarting."""
