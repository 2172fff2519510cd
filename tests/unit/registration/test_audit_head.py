"""The key that heads of the audit trail are signed with."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from registration.audit.head import HeadSigner
from registration.settings import RegistrationSettings
from shared.database import Database

AT_ONCE, TIMES = 8, 25


def test_many_who_are_first_at_once_sign_with_one_key(tmp_path: Path):
    for number in range(TIMES):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = f"sqlite:///{folder / 'registration.db'}"
        settings = RegistrationSettings.load({"REGISTRATION_DATABASE_URL": url})
        database, together, made = Database(url, "registration"), Barrier(AT_ONCE), list[Path]()

        def public_key(_: int, settings=settings, database=database, together=together, made=made) -> str:
            signer = HeadSigner(settings, database, made.append)
            together.wait()
            return signer.public_key

        with ThreadPoolExecutor(AT_ONCE) as threads:
            keys = set(threads.map(public_key, range(AT_ONCE)))
        database.close()
        assert (len(keys), len(made)) == (1, 1)
        assert [each.name for each in folder.glob("*.pem*")] == ["audit-key.pem"]
