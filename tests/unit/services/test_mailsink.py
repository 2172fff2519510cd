"""Mails go in by a real SMTP client."""

import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from services.embedded import mailsink


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    server = await mailsink.serve(0, tmp_path / "mail")
    yield server.sockets[0].getsockname()[1]
    server.close()


def notice(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "notices@conference.example"
    message["To"] = "delegate@state.example"
    message["Subject"] = f"Séance déplacée {number}"
    message["Message-ID"] = f"<{number}.delegate@conference.example>"
    message.set_content("La séance commence à 10 h.\n.\nصباح الخير\n")
    return message


def mails(folder: Path) -> list[Path]:
    return sorted((folder / "mail").iterdir())


async def test_a_mail_is_stored_as_it_was_sent_with_its_envelope(port: int, tmp_path: Path) -> None:
    sent = notice(1)
    await aiosmtplib.send(sent, hostname="127.0.0.1", port=port, recipients=["Focal.Point@state.example"])
    (file,) = mails(tmp_path)
    stored = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert stored["Subject"] == "Séance déplacée 1"
    assert stored["Delivered-To"] == "Focal.Point@state.example"
    assert stored["Return-Path"] == "<notices@conference.example>"
    assert isinstance(stored, EmailMessage)
    assert stored.get_content().replace("\r\n", "\n") == sent.get_content()


async def test_names_sort_by_arrival_and_a_repeat_is_a_second_file_with_the_same_ending(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailsink.time, "time_ns", lambda: 1_530_144_000_000_000_000)
    resent = notice(2)
    resent.set_content("The same notice, sent again by another process")
    for message in (notice(2), notice(1), resent):
        await aiosmtplib.send(message, hostname="127.0.0.1", port=port)
    files = mails(tmp_path)
    subjects = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default)["Subject"][-1] for file in files]
    assert subjects == ["2", "1", "2"]
    endings = [file.name.rpartition("-")[2] for file in files]
    assert endings[0] == endings[2] != endings[1]
    assert files[0].name.startswith("20180628T000000.000000Z-")


async def test_a_mail_that_cannot_be_stored_is_refused_for_now(port: int, tmp_path: Path) -> None:
    (tmp_path / "mail").rmdir()
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await aiosmtplib.send(notice(1), hostname="127.0.0.1", port=port)
    assert refused.value.code == 452


async def test_what_a_killed_sink_left_unfinished_goes(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / ".20180628T000000.000000Z-0.eml.tmp").write_text("half a mai")
    (await mailsink.serve(0, tmp_path / "mail")).close()
    assert mails(tmp_path) == []


async def test_it_greets(port: int) -> None:
    await mailsink.greets(port)
