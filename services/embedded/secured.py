"""What makes a broker of ours ask who is there: a certificate of its own, SCRAM users, ACLs.

The one user it begins with is `admin`, who may do all; `lanyard principals` makes the others.
"""

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.embedded.java import Java
from services.faults import CannotStart
from shared.settings import KafkaSettings

ADMIN = "admin"
SETTINGS = Path(__file__).parents[1] / "secure" / "broker.properties"
CERTIFICATE = SETTINGS.with_name("certificate.sh")


@dataclass(frozen=True, slots=True)
class Secured:
    """The secrets of one broker, in `folder`."""

    folder: Path
    password: str

    @property
    def format_options(self) -> list[str]:
        return ["--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={self.password}]"]

    @property
    def settings(self) -> dict[str, str]:
        text = SETTINGS.read_text(encoding="utf-8").replace("{PASSWORD}", self.password).replace("{FOLDER}", str(self.folder))
        lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: value for name, _, value in lines}

    def admin(self, bootstrap: str) -> KafkaSettings:
        """How `admin` reaches the broker; others do by users of their own."""
        return KafkaSettings.model_validate(
            {
                "kafka_bootstrap_servers": bootstrap,
                "kafka_security_protocol": "SASL_SSL",
                "kafka_username": ADMIN,
                "kafka_password": self.password,
                "kafka_ca_file": self.folder / "ca.pem",
            }
        )


def secure(folder: Path, java: Java) -> Secured:
    """Make a password and a certificate in `folder`, or take those that are there. Raises `CannotStart`."""
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / "admin-password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    secured = Secured(folder, password.read_text(encoding="utf-8"))
    keytool = java.executable.with_name("keytool")
    command = ["sh", str(CERTIFICATE), str(keytool), str(folder), "dns:localhost,ip:127.0.0.1"]
    environment = {**os.environ, "STORE_PASSWORD": secured.password}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if said.returncode:
        raise CannotStart(f"keytool could not make a certificate in {secured.folder}: {said.stderr or said.stdout}")
    return secured
