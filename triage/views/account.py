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
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from triage.accounts import audit, groups, invitations, login_throttle
from triage.accounts.audiences import shared_groups
from triage.views.base import signed_in

TOO_MANY = "Too many wrong passwords. Try again in a quarter of an hour."


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
    user = signed_in(request)
    return _page(request, PasswordChangeForm(user), EmailForm(user, initial={"email": user.email}))


@never_cache
@login_required
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """Change the password. Other sessions of the user end; this one and the API tokens stay."""
    user = signed_in(request)
    form = PasswordChangeForm(user, request.POST)
    refused = _refused(request, user, form, "old_password")
    if refused:
        return _page(request, form, EmailForm(user, initial={"email": user.email}), status=refused)
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
    form = EmailForm(user, request.POST)
    refused = _refused(request, user, form, "password")
    if refused:
        return _page(request, PasswordChangeForm(user), form, status=refused)
    user.email = form.cleaned_data["email"]
    user.save(update_fields=["email"])
    audit.note(user, user, "changed the e-mail address")
    messages.success(request, "Your e-mail address was changed.")
    return redirect("account")


def _refused(request: HttpRequest, user: User, form: forms.Form, field: str) -> int | None:
    """Return the status of the answer if the form is refused, else None.

    field: the field that holds the present password. A wrong one counts as a failed login.
    """
    if login_throttle.is_locked(request, user.get_username()):
        form.is_valid()
        form.add_error(field, TOO_MANY)
        return 429
    if form.is_valid():
        return None
    if field in form.errors:
        user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=request)
    return 400


def _page(request: HttpRequest, password: forms.Form, email: forms.Form, status: int = 200) -> HttpResponse:
    user = signed_in(request)
    mine = list(shared_groups(user))
    managed = list(groups.managed_groups(user))
    context = {
        "password_form": password,
        "email_form": email,
        "mail": bool(settings.EMAIL_HOST),
        "groups": [(group, groups.managers(group), group in managed) for group in mine],
        "further": [group for group in managed if group not in mine],
        "invitations": [(row, invitations.token_of(row)) for row in invitations.waiting_for(user)],
        "section": "account",
    }
    return render(request, "account.html", context, status=status)
