"""Single sign-on: what django-allauth asks this desk about a login. Loaded only if OIDC_ISSUER is set.

An account is found by issuer and subject alone. An e-mail address never leads to an account, verified or not.
"""

from __future__ import annotations

import functools
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.socialaccount.signals import social_account_added
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse

from triage.accounts import audit, claimed_groups, id_token, invitations
from triage.errors import TriageError
from triage.models import GroupInvitation
from triage.operations.single_sign_on import OidcConfig

log = logging.getLogger(__name__)

BACKEND = "triage.accounts.backends.SingleSignOn"
USUAL_SCOPES = ("openid", "profile", "email")
DISCOVERY_SECONDS = 600
# Groups are read at each login, so that a session of a login lasts a day at most.
SESSION_SECONDS = 86_400
# allauth's table holds no longer one.
LONGEST_SUBJECT = 191
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def provider_config() -> OidcConfig:
    """Return the provider of the settings. This module is loaded only if there is one."""
    if settings.OIDC is None:
        raise ImproperlyConfigured("single sign-on is switched off")
    return settings.OIDC


class Connection(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The conversation with the provider."""

    def __init__(self, request: HttpRequest, provider_id: str = "") -> None:
        super().__init__(request, provider_id or provider_config().issuer)

    @property
    def openid_config(self) -> dict[str, Any]:
        """Return the provider's discovery document. Raises OAuth2Error if it is not one of this issuer."""
        return _discovered(provider_config().issuer, int(time.monotonic() // DISCOVERY_SECONDS))

    @property
    def basic_auth(self) -> bool:
        """Return whether the client's secret goes into the Authorization header, which is what the standard assumes."""
        return "client_secret_post" not in self.openid_config.get("token_endpoint_auth_methods_supported", [])

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return request.build_absolute_uri(reverse("sso-callback"))

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        return SocialToken(token=data["access_token"])

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> Any:
        """Return the login of the person whom the provider vouches for. Raises OAuth2Error if something is wrong."""
        claims = self._claims(str(kwargs["response"].get("id_token", "")), token.token)
        subject = claims["sub"]
        if not (isinstance(subject, str) and subject.isprintable() and 0 < len(subject) <= LONGEST_SUBJECT):
            raise OAuth2Error(f"the provider's subject must have 1 to {LONGEST_SUBJECT} printable characters")
        if claims.get("email_verified") not in (True, "true"):
            claims.pop("email", None)
        if not isinstance(claims.get("email") or "", str):
            raise OAuth2Error("the provider's e-mail address must be a text")
        found = self.get_provider().sociallogin_from_response(request, {"userinfo": claims})
        # No more is stored than is needed. Addresses are left out, so that none can lead to an account.
        found.account.extra_data = {"iss": claims["iss"], "sub": subject}
        found.email_addresses = []
        found.claims = claims
        return found

    def _claims(self, token: str, access_token: str) -> dict[str, Any]:
        """Return the claims of the ID token and of the user info together."""
        config, provider = self.openid_config, provider_config()
        try:
            claims = id_token.verify(token, _fetch(config["jwks_uri"]), provider.issuer, provider.client_id)
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"the ID token is not good: {error}") from error
        if "userinfo_endpoint" not in config:
            return claims
        info = _fetch(config["userinfo_endpoint"], {"Authorization": f"Bearer {access_token}"})
        if info.get("sub") != claims["sub"]:
            raise OAuth2Error("the user info is about somebody else")
        return info | claims


@functools.lru_cache(maxsize=2)
def _discovered(issuer: str, period: int) -> dict[str, Any]:
    """Return the discovery document of an issuer. It is fetched once in each period."""
    found = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise OAuth2Error(f"the provider calls itself {found.get('issuer')}, not {issuer}")
    if missing := [name for name in ENDPOINTS if not isinstance(found.get(name), str)]:
        raise OAuth2Error(f"the provider does not state its {missing[0]}")
    return found


def _fetch(url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        answer = session.get(url, headers=headers)
        answer.raise_for_status()
        found = answer.json()
    if not isinstance(found, dict):
        raise OAuth2Error(f"{url} did not answer with an object")
    return found


class DeskProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The provider of the settings."""

    def get_oauth2_adapter(self, request: HttpRequest) -> Connection:
        return Connection(request)

    def get_scope(self) -> list[str]:
        """Return what to ask for: the stated scopes, else the usual ones as far as the provider offers them."""
        if provider_config().scopes:
            return list(provider_config().scopes)
        offered = self.get_oauth2_adapter(self.request).openid_config.get("scopes_supported", USUAL_SCOPES)
        return [scope for scope in USUAL_SCOPES if scope == "openid" or scope in offered]


class LoginAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Decisions about a person who comes from the provider."""

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> DeskProvider:
        config = provider_config()
        app = SocialApp(
            provider=OpenIDConnectProvider.id,
            provider_id=config.issuer,
            name=config.name[:40],
            client_id=config.client_id,
            secret=config.client_secret,
            settings={"server_url": config.issuer, "oauth_pkce_enabled": True},
        )
        return DeskProvider(request, app=app)

    def get_requests_session(self) -> requests.Session:
        """Return a session that follows no redirect, because a secret must only reach the provider."""
        session: requests.Session = super().get_requests_session()
        session.max_redirects = 0
        return session

    def authenticate_by_email(self, sociallogin: Any) -> None:
        """Find no account by e-mail address."""

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse a login that another browser began. Raises PermissionDenied."""
        if not sociallogin.state.get("nonce") or sociallogin.claims.get("nonce") != sociallogin.state["nonce"]:
            raise PermissionDenied("the ID token was made for another login")

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return true if the person may have an account; otherwise send them back with the reason."""
        config = provider_config()
        if _may_sign_up(sociallogin) or _invitation(sociallogin) is not None:
            return True
        text = (
            f"You have no account here, and {config.name} lists no group of this desk for you. Ask for an invitation."
        )
        raise ImmediateHttpResponse(back(request, text))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Fill in a new user's names, and the e-mail address if the provider has verified it."""
        texts = {name: value for name, value in data.items() if isinstance(value, str) and "\0" not in value}
        user = super().populate_user(request, sociallogin, texts)
        user.username, user.first_name, user.last_name = (
            text[:150] for text in (user.username, user.first_name, user.last_name)
        )
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Store a new user. Raises PermissionDenied if the same person signed up at this moment."""
        try:
            with transaction.atomic():
                user = super().save_user(request, sociallogin, form)
                audit.note(user, user, f"made the account by {provider_config().name}")
                if not _may_sign_up(sociallogin):
                    self._use_invitation(request, sociallogin, user)
        except IntegrityError as error:
            raise PermissionDenied("two logins of one new person came at once") from error
        return user

    def _use_invitation(self, request: HttpRequest, sociallogin: Any, user: User) -> None:
        """Accept the invitation that alone lets a new person in, so that it lets in nobody else."""
        invitation = _invitation(sociallogin)
        if invitation is None:
            raise PermissionDenied("the invitation is no longer good")
        try:
            invitations.accept(user, invitation)
        except TriageError as error:
            raise PermissionDenied(error.detail) from error
        messages.success(request, f"You are a member of {invitation.group} now.")
        sociallogin.state["next"] = settings.LOGIN_REDIRECT_URL

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        return reverse("account")

    def on_authentication_error(self, request: HttpRequest, provider: Any, **about: Any) -> None:
        """Send the person back to the login page."""
        log.warning("a login by %s failed: %s %s", provider_config().name, about.get("error"), about.get("exception"))
        text = f"The login by {provider_config().name} did not work. Try again."
        raise ImmediateHttpResponse(back(request, text))


class SessionAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Start of a session for a person who is known, and the user name of a new one."""

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return a free name. Raises ValidationError for letters that can look like those of somebody else's name."""
        ASCIIUsernameValidator()(username)
        return str(super().clean_username(username, shallow))

    def pre_login(self, request: HttpRequest, user: User, **about: Any) -> HttpResponse | None:
        """Bring the user's groups up to date, or refuse a user who was switched off."""
        if not user.is_active:
            return back(request, "This account is switched off. Ask those who run the desk.")
        config = provider_config()
        if config.groups_claim:
            claims = about["signal_kwargs"]["sociallogin"].claims
            claimed_groups.follow(user, list(claimed_groups.listed(config, claims)), config.name)
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        login(request, user, backend=BACKEND)
        request.session.set_expiry(SESSION_SECONDS)

    def post_login(self, request: HttpRequest, user: User, **about: Any) -> HttpResponse:
        return redirect(about["redirect_url"] or settings.LOGIN_REDIRECT_URL)


def back(request: HttpRequest, text: str) -> HttpResponse:
    """Return an answer that leads to the login page, or the Account page of a user, and says why."""
    messages.error(request, text)
    return redirect("account" if request.user.is_authenticated else "login")


def _may_sign_up(sociallogin: Any) -> bool:
    """Return whether the person may have an account without an invitation."""
    config = provider_config()
    return config.sign_up or bool(claimed_groups.listed(config, sociallogin.claims).exists())


def _invitation(sociallogin: Any) -> GroupInvitation | None:
    """Return the invitation whose link the person came from, or None if somebody new may not use it."""
    try:
        found = resolve(urlsplit(sociallogin.state.get("next") or "").path)
    except Resolver404:
        return None
    invitation = invitations.find(found.kwargs["token"]) if found.url_name == "invitation" else None
    return invitation if invitation is not None and invitation.user is None else None


@receiver(social_account_added)
def _note_connection(request: HttpRequest, sociallogin: Any, **rest: Any) -> None:
    audit.note(sociallogin.user, sociallogin.user, f"connected the account with {provider_config().name}")
