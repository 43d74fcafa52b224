"""Account page: password, e-mail address, and the groups of the signed-in user."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from triage.accounts import audit, connecting, groups, invitations, login_throttle
from triage.accounts.audiences import shared_groups
from triage.views.base import signed_in


class EmailForm(forms.Form):
    """A new e-mail address. The password is asked for, because the address leads to a new one."""

    email = forms.EmailField(required=False)
    password = forms.CharField(widget=forms.PasswordInput, strip=False)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("That is not your password.")
        return password


@never_cache
@login_required
@require_safe
def account_page(request: HttpRequest) -> HttpResponse:
    return _page(request)


@never_cache
@login_required
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """Change the password. Other sessions of the user end; this one and the API tokens stay."""
    user = signed_in(request)
    if _locked(request, user):
        return _page(request, status=429)
    form = PasswordChangeForm(user, request.POST)
    if not form.is_valid():
        _count_wrong_password(request, user, form, "old_password")
        return _page(request, password=form, status=400)
    form.save()
    update_session_auth_hash(request, user)
    audit.note(user, user, "changed the password")
    messages.success(request, "Your password was changed. You are logged out everywhere else.")
    return redirect("account")


@never_cache
@login_required
@require_POST
def change_email(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if _locked(request, user):
        return _page(request, status=429)
    form = EmailForm(user, request.POST)
    if not form.is_valid():
        _count_wrong_password(request, user, form, "password")
        return _page(request, email=form, status=400)
    user.email = form.cleaned_data["email"]
    user.save(update_fields=["email"])
    audit.note(user, user, "changed the e-mail address")
    messages.success(request, "Your e-mail address was changed.")
    return redirect("account")


def _locked(request: HttpRequest, user: User) -> bool:
    """Return whether no password is looked at now, because too many were wrong. Raises Http404 if the user has none."""
    if not _logs_in_by_password(user):
        raise Http404("This account has no password.")
    return login_throttle.is_locked(request, user.get_username())


def _count_wrong_password(request: HttpRequest, user: User, form: forms.Form, field: str) -> None:
    """Count a failed login if the field with the present password is wrong."""
    if field in form.errors:
        user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=request)


def _logs_in_by_password(user: User) -> bool:
    return settings.PASSWORD_LOGIN and user.has_usable_password()


def _page(
    request: HttpRequest, password: forms.Form | None = None, email: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    user = signed_in(request)
    mine = list(shared_groups(user))
    managed = list(groups.managed_groups(user))
    context = {
        "by_password": _logs_in_by_password(user),
        "sso": settings.OIDC,
        "connected": connecting.is_connected(user),
        "permission": connecting.permission(user),
        "claimed": user.claimed_memberships.values_list("group", flat=True),
        "locked": status == 429,
        "password_form": password or PasswordChangeForm(user),
        "email_form": email or EmailForm(user, initial={"email": user.email}),
        "mail": bool(settings.EMAIL_HOST),
        "groups": [(group, groups.managers(group), group in managed) for group in mine],
        "invitations": invitations.waiting_for(user),
        "section": "account",
    }
    return render(request, "account.html", context, status=status)
