"""Tokens page: API tokens of the signed-in user."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from triage.accounts import tokens
from triage.errors import TriageError
from triage.models import Scope
from triage.views.base import sentence, signed_in


class TokenForm(forms.Form):
    """A new token. Every token may read, and nothing else unless that is chosen.

    days: days until it expires, or 0 for never.
    """

    label = forms.CharField(max_length=80)
    upload = forms.BooleanField(required=False)
    decide = forms.BooleanField(required=False)
    days = forms.TypedChoiceField(
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "never")], coerce=int, initial=365
    )

    def make(self, user: User) -> str:
        """Make the token and return its key."""
        sent = self.cleaned_data
        expires_at = timezone.now() + timedelta(days=sent["days"]) if sent["days"] else None
        return tokens.make(user, sent["label"], [scope for scope in Scope if sent[scope]], expires_at)[1]


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens_page(request: HttpRequest) -> HttpResponse:
    """List the tokens; POST makes one. Its key is shown in this answer only."""
    user = signed_in(request)
    key = None
    form = TokenForm(request.POST) if request.method == "POST" else TokenForm()
    if form.is_valid():
        key, form = form.make(user), TokenForm()
    context = {"tokens": tokens.not_revoked(user), "key": key, "form": form, "now": timezone.now(), "section": "tokens"}
    return render(request, "tokens.html", context)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke a token. It is refused from the next request on."""
    try:
        tokens.revoke(signed_in(request), token_id)
        messages.success(request, "The token was revoked.")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    return redirect("tokens")
