"""Configuration of single sign-on with OpenID Connect, from environment variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from triage.operations.environment import env, env_bool, env_list

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
# Columns of the database hold no longer issuer.
LONGEST_ISSUER = 200


@dataclasses.dataclass(frozen=True)
class OidcConfig:
    """One provider of logins.

    issuer: its address, exactly as its discovery document states it.
    client_id, client_secret: what it knows this desk by.
    name: name of the provider on the pages.
    scopes: what to ask for; empty for openid, profile and email, as far as the provider offers them.
    groups_claim: claim that lists a person's groups, or "" to take no groups from the provider.
    groups: group at the provider → group of the desk. If empty, groups of the same name belong together.
    sign_up: whether everybody with a login at the provider gets an account. Otherwise a person needs an invitation, or
        a group that the claim gives.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ()
    groups_claim: str = ""
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sign_up: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS):
            raise ImproperlyConfigured("OIDC_ISSUER must begin with https://")
        if len(self.issuer) > LONGEST_ISSUER:
            raise ImproperlyConfigured(f"OIDC_ISSUER may have {LONGEST_ISSUER} characters")
        if not self.client_id or not self.client_secret:
            raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")


def from_environment() -> OidcConfig | None:
    """Return the provider, or None if OIDC_ISSUER is not set. Raises ImproperlyConfigured for impossible values."""
    issuer = env("OIDC_ISSUER")
    if not issuer:
        return None
    return OidcConfig(
        issuer=issuer,
        client_id=env("OIDC_CLIENT_ID"),
        client_secret=env("OIDC_CLIENT_SECRET"),
        name=env("OIDC_NAME") or "single sign-on",
        scopes=tuple(env("OIDC_SCOPES").split()),
        groups_claim=env("OIDC_GROUPS_CLAIM"),
        groups=_mapping(env_list("OIDC_GROUPS")),
        sign_up=env_bool("OIDC_SIGN_UP"),
    )


def _mapping(pairs: list[str]) -> dict[str, str]:
    """Return {group at the provider: group of the desk} for texts such as "/surveys/ztf=ZTF"."""
    split = [pair.rpartition("=") for pair in pairs]
    if any(not there.strip() or not here.strip() for there, _, here in split):
        raise ImproperlyConfigured("OIDC_GROUPS must be a list such as /surveys/ztf=ZTF,/surveys/yse=YSE")
    return {there.strip(): here.strip() for there, _, here in split}
