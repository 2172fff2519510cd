"""How registration's own mails are laid out, whatever they say."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from shared.events import Language

_POLICY = SMTP.clone(max_line_length=200)
"""A header is folded only where it must be: not right after its name, as a long name in Chinese would be."""


def written(
    *, title: str, mail_from: str, to: str, subject: str, at: datetime, name: str, text: str, languages: Sequence[Language]
) -> bytes:
    """The whole mail, the same whenever it is made of the same: `name` is what its Message-ID is made of."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = formataddr((title, mail_from))
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{name}@{mail_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text + "\n", cte="quoted-printable")
    mail["Content-Language"] = ", ".join(languages)  # now: with the content, every header about it is set anew
    return mail.as_bytes()
