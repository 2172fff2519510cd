"""A real OpenID provider for tests: Canaille, in this process, on a port of its own, with people, groups and one client."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from registration.staff.provider import ProviderSettings
from shared.keys import Role
from tests.integration.deployment import free_port

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CLIENT, SECRET, PASSWORD = "lanyard", "a secret of the client's", "correct horse battery"
PEOPLE = {"anna": ["protocol-office"], "paul": ["programme-unit"], "guest": []}
"""Who is in which groups."""
ROLES = {"protocol-office": Role.ACCREDITATION, "programme-unit": Role.PROGRAMME}


class IdentityProvider:
    def __init__(self, port: int) -> None:
        self.issuer = f"http://localhost:{port}"  # another site than 127.0.0.1, as providers are
        config = {
            "SECRET_KEY": "of this test",
            "SERVER_NAME": f"localhost:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "ENABLE_INTRUDER_LOCKOUT": False},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [_key()]},
        }
        self.app = create_app(config)
        self.forging: Callable[[str], str] | None = None
        """Makes another of each ID token that it gives, as an attacker on the way would."""
        self._server = make_server("127.0.0.1", port, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = Response.from_app(self.app, environ)
        if self.forging is not None and answer.is_json and "id_token" in answer.json:
            answer.set_data(json.dumps({**answer.json, "id_token": self.forging(answer.json["id_token"])}))
        return answer(environ, start_response)

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """A token of its own."""
        key = RSAKey.import_key(self.app.config["CANAILLE_OIDC"]["ACTIVE_JWKS"][0])
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self, **changed: Any) -> ProviderSettings:
        known = {"name": "the office’s account", "scope": "openid profile groups", "account_claim": "sub"}
        own = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "roles": ROLES, "roles_claim": "groups"}
        return ProviderSettings(**(known | own | changed))

    def knows(self, back_to: str) -> None:
        """Have it know everybody, and the client that sends them back to `back_to`."""
        with self.app.app_context():
            store = Backend.instance
            for name, groups in PEOPLE.items():
                person = models.User(user_name=name, formatted_name=name, family_name=name, emails=[f"{name}@office.example"])
                store.save(person)
                store.set_user_password(person, PASSWORD)
                for group in groups:
                    store.save(models.Group(display_name=group, members=[person]))
            client = models.Client(
                client_id=CLIENT,
                client_secret=SECRET,
                client_name="Lanyard",
                client_uri="http://127.0.0.1/",  # trusted: it asks for no consent
                redirect_uris=[back_to],
                grant_types=["authorization_code"],
                response_types=["code"],
                scope=["openid", "profile", "email", "groups"],
                token_endpoint_auth_method="client_secret_basic",
            )
            store.save(client)
            client.audience = [client]
            store.save(client)

    def rotate_key(self) -> None:
        self.app.config["CANAILLE_OIDC"]["ACTIVE_JWKS"] = [_key()]


def _key() -> dict[str, Any]:
    return dict(RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True))


@contextmanager
def identity_provider(back_to: str) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(free_port())
    provider.knows(back_to)
    try:
        yield provider
    finally:
        provider.stop()
