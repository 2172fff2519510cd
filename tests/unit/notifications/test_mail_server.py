"""How the mail server is named, and what its replies mean."""

from pathlib import Path

import pytest
from aiosmtplib import (
    SMTPConnectError,
    SMTPDataError,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from notifications.sender import Backoff
from notifications.settings import NotificationsSettings
from shared.mail_server import MailServer, described, refused_for_good
from shared.settings import SettingsFault

NEEDED = {
    "DATABASE_URL": "sqlite:///notifications.db",
    "CONFERENCE_FOLDER": "conferences/tiny",
    "SMTP_URL": "smtp://localhost:1025",
    "REGISTRATION_PUBLIC_URL": "https://register.port.example",
}


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "start_tls"),
    [
        ("smtp://mail.example", 25, False, None),
        ("smtp://mail.example:1025", 1025, False, None),
        ("smtp+starttls://mail.example", 587, False, True),
        ("smtps://mail.example", 465, True, False),
    ],
)
def test_the_scheme_says_how_the_connection_is_secured(url: str, port: int, use_tls: bool, start_tls: bool | None) -> None:
    server = MailServer.at(url)
    assert (server.host, server.port, server.use_tls, server.start_tls) == ("mail.example", port, use_tls, start_tls)


def test_user_and_password_are_percent_encoded_and_shown_to_nobody() -> None:
    server = MailServer.at("smtps://desk%40port:p%2Fw%3A@mail.example")
    assert (server.username, server.password) == ("desk@port", "p/w:")
    assert "p/w:" not in repr(server)


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://user:secret@mail.example"])
def test_a_url_that_is_wrong_or_would_send_a_password_in_the_clear(url: str) -> None:
    with pytest.raises(SettingsFault) as fault:
        NotificationsSettings.load(NEEDED | {"SMTP_URL": url})
    assert "SMTP_URL" in str(fault.value)
    assert "secret" not in str(fault.value)


def test_the_settings_and_their_defaults() -> None:
    settings = NotificationsSettings.load(NEEDED | {"NOTIFICATIONS_QUIET_WINDOW_SECONDS": "2", "LONGEST_WAIT_SECONDS": "10"})
    assert (settings.pace.quiet_window.total_seconds(), settings.pace.longest_wait.total_seconds()) == (2, 10)
    default = NotificationsSettings.load(NEEDED).pace
    assert (default.quiet_window.total_seconds(), default.longest_wait.total_seconds()) == (60, 300)
    with pytest.raises(SettingsFault, match="LONGEST_WAIT_SECONDS"):
        NotificationsSettings.load(NEEDED | {"LONGEST_WAIT_SECONDS": "5"})


def test_the_url_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("smtps://desk:secret@mail.example\n", encoding="utf-8")
    without = {name: value for name, value in NEEDED.items() if name != "SMTP_URL"}
    settings = NotificationsSettings.load(without | {"SMTP_URL_FILE": str(tmp_path / "smtp")})
    assert settings.mail_server.password == "secret"
    assert "secret" not in repr(settings)


def recipient(code: int) -> SMTPRecipientsRefused:
    return SMTPRecipientsRefused([SMTPRecipientRefused(code, "no such ada@port.example", "ada@port.example")])


@pytest.mark.parametrize("error", [recipient(550), recipient(501), recipient(571), SMTPDataError(554, "spam")])
def test_what_a_server_will_never_take(error: Exception) -> None:
    assert refused_for_good(error) is not None


@pytest.mark.parametrize(
    "error",
    [
        recipient(450),
        recipient(421),
        recipient(530),  # sign in first
        recipient(503),  # bad sequence of commands
        SMTPDataError(451, "later"),
        SMTPSenderRefused(550, "who are you", "notices@port.example"),
        SMTPServerDisconnected("gone"),
        SMTPConnectError("away"),
        TimeoutError(),
    ],
)
def test_what_passes_or_is_ours_to_mend(error: Exception) -> None:
    assert refused_for_good(error) is None


def test_a_fault_is_logged_without_the_servers_words() -> None:
    assert described(recipient(550)) == {"error": "SMTPRecipientsRefused", "reply_code": 550}
    assert described(SMTPServerDisconnected("ada@port.example")) == {"error": "SMTPServerDisconnected"}


def test_waits_double_up_to_a_limit_and_differ() -> None:
    backoff = Backoff(first_seconds=2, longest_seconds=60)
    assert 1.5 <= backoff.seconds(1) <= 2.5
    assert 6 <= backoff.seconds(3) <= 10
    assert 45 <= backoff.seconds(1000) <= 75
    assert len({backoff.seconds(3) for _ in range(20)}) > 1
