"""An OpenID provider that vouches for staff: discovery, authorization code with PKCE, and whom an ID token says they are.

Authlib does the protocol: it checks state, nonce, signature (fetching the keys anew where one is unknown), issuer, audience
and times.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from authlib.common.errors import AuthlibBaseError
from authlib.deprecate import AuthlibDeprecationWarning
from fastapi import Request
from httpx import HTTPError
from joserfc.errors import JoseError
from starlette.responses import Response

from registration.staff.accounts import StaffAccount
from shared.keys import Role
from shared.logs import get_log

with warnings.catch_warnings():
    # It warns whoever has httpx and not its successor, on a line of the log that is no event.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import OAuth

log = get_log()

SIGNED_BY = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"})
"""How an ID token may be signed: by a key that the provider alone has."""
CLOCKS_APART_SECONDS = 60
TIMEOUT_SECONDS = 10
LONGEST_NAME = 64
LONGEST_EMAIL = 254


class ProviderAway(Exception):
    """The provider does not answer, or not as a provider does."""


class NotVouchedFor(Exception):
    """What came back is no proof of who they are; `code` says why, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NoRole(Exception):
    """They are who they say, and have no role here."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    name: str
    scope: str
    account_claim: str
    roles_claim: str
    roles: Mapping[str, Role]


class Provider:
    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._app: Any = OAuth().register(  # typed in part
            "staff",
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": settings.scope, "code_challenge_method": "S256", "timeout": TIMEOUT_SECONDS},
        )

    @property
    def name(self) -> str:
        return self._settings.name

    async def ask(self, request: Request, back_to: str) -> tuple[Response, dict[str, Any]]:
        """The answer that sends them to the provider, and what `vouched` needs when they come back."""
        request.scope["session"] = kept = dict[str, Any]()
        try:
            await self._discovered()
            return cast(Response, await self._app.authorize_redirect(request, back_to)), kept
        except (HTTPError, ValueError, RuntimeError, KeyError) as error:
            raise _away(error) from error

    async def vouched(self, request: Request, kept: Mapping[str, Any]) -> StaffAccount:
        """Whom the provider vouches for in the request that they came back with; raises the three above."""
        request.scope["session"] = dict(kept)
        try:
            await self._discovered()
            claims = await self._claims(request)
        except (AuthlibBaseError, JoseError) as error:
            raise NotVouchedFor(getattr(error, "error", "") or type(error).__name__) from error
        except (HTTPError, ValueError, RuntimeError, KeyError) as error:
            raise _away(error) from error
        return account_of(claims, self._settings)

    async def _discovered(self) -> None:
        metadata = cast(dict[str, Any], await self._app.load_server_metadata())
        offered: list[str] = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [each for each in offered if each in SIGNED_BY]

    async def _claims(self, request: Request) -> Mapping[str, Any]:
        """What the ID token says and, where it does not say the roles, the provider when asked."""
        ours = {
            "iss": {"essential": True, "values": [self._settings.issuer]},
            "aud": {"essential": True, "values": [self._settings.client_id]},
        }
        token = await self._app.authorize_access_token(request, claims_options=ours, leeway=CLOCKS_APART_SECONDS)
        claims = cast(dict[str, Any] | None, token.get("userinfo"))
        if claims is None:
            raise NotVouchedFor("no-id-token")
        if list(_found(claims, self._settings.roles_claim)) or "userinfo_endpoint" not in self._app.server_metadata:
            return claims
        told = cast(dict[str, Any], await self._app.userinfo(token=token))
        if told.get("sub") != claims["sub"]:
            raise NotVouchedFor("another-subject")
        return {**told, **claims}


def account_of(claims: Mapping[str, Any], settings: ProviderSettings) -> StaffAccount:
    """The account that these claims are of; raises `NoRole` where none of their groups has one."""
    groups = set(_found(claims, settings.roles_claim))
    role = next((role for group, role in settings.roles.items() if group in groups), None)
    if role is None:
        raise NoRole
    name = claims.get(settings.account_claim)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise NotVouchedFor("no-account-name")
    return StaffAccount(name, role, settings.issuer, _email(claims))


def _email(claims: Mapping[str, Any]) -> str | None:
    """Whose account it is; only by an address that the provider itself has verified, not by what somebody typed there."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or len(email) > LONGEST_EMAIL:
        return None
    return email.lower()


def _found(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    """The texts that stand at `path`: whole as a name, else a dot leads into an object."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = cast(Mapping[str, Any], found).get(name) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else cast(list[Any], found) if isinstance(found, list) else []
    return (each for each in listed if isinstance(each, str))


def _away(error: Exception) -> ProviderAway:
    log.error("oidc_provider_away", error=type(error).__name__)
    return ProviderAway(type(error).__name__)
