"""Registration's settings."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, Json, SecretStr, model_validator

from registration.delegations.focal_news import Pace
from registration.staff.provider import ProviderSettings
from shared.events import Email
from shared.keys import Role
from shared.mail_server import MailServer
from shared.settings import ServiceSettings


class RegistrationSettings(ServiceSettings):
    service: ClassVar[str] = "registration"

    form_posts_an_hour: int = Field(default=60, ge=1)
    """How often one address may send the public form within an hour, by the memory of each process."""
    smtp_url: SecretStr | None = None
    """Where sign-in links are mailed, as in `NotificationsSettings`. Without it no focal point can sign in."""
    smtp_ca_file: Path | None = None
    smtp_timeout_seconds: float = Field(default=30.0, gt=0)
    oidc_issuer: str | None = None
    """The OpenID provider that staff may sign in with, by the address its discovery document is under."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "OpenID Connect"
    """As the sign-in page calls the provider."""
    oidc_scope: str = "openid profile email groups"
    oidc_account_claim: str = "sub"
    """What an account is named by: unique at the provider, and never given to another person."""
    oidc_roles_claim: str = "groups"
    """Where its groups or roles stand; a dot leads into an object, as in `realm_access.roles`."""
    oidc_roles: Json[dict[str, Role]] = Field(default_factory=dict[str, Role])
    """Which of them have which role here, as JSON. Who is in several has the role of the first in this order."""
    audit_key: SecretStr | None = None
    """An Ed25519 private key in PEM (PKCS 8), by which heads of the audit trail are signed; without it one is made."""
    mail_from: Email | None = None
    """The address that sign-in links are from; the conference's contact where left out."""
    focal_news_gathered_seconds: float = Field(default=300.0, ge=0)
    """For how long what focal points are to be told is gathered into one mail."""
    focal_news_rest_seconds: float = Field(default=4 * 3600.0, ge=0)
    """How long after a mail the focal points of a delegation are not written to again."""

    @property
    def mail_server(self) -> MailServer | None:
        if self.smtp_url is None:
            return None
        return MailServer.at(self.smtp_url.get_secret_value(), self.smtp_timeout_seconds, self.smtp_ca_file)

    @property
    def focal_news_pace(self) -> Pace:
        return Pace(timedelta(seconds=self.focal_news_gathered_seconds), timedelta(seconds=self.focal_news_rest_seconds))

    @property
    def oidc(self) -> ProviderSettings | None:
        if self.oidc_issuer is None:
            return None
        secret = self.oidc_client_secret
        return ProviderSettings(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=None if secret is None else secret.get_secret_value(),
            name=self.oidc_name,
            scope=self.oidc_scope,
            account_claim=self.oidc_account_claim,
            roles_claim=self.oidc_roles_claim,
            roles=self.oidc_roles,
        )

    @model_validator(mode="after")
    def _understood(self) -> Self:
        _ = self.mail_server
        if self.oidc_issuer is not None and not (self.oidc_client_id and self.oidc_roles):
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_ROLES beside it")
        return self
