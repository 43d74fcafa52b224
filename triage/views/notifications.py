"""What the signed-in user wants to be told of, and what they were told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from triage import notifications
from triage.errors import TriageError
from triage.models import NotificationPreference
from triage.views.base import signed_in

LATEST = 30


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """An address that is left empty stays; ``forget_url`` removes it."""

    url = forms.CharField(required=False, max_length=500, widget=forms.PasswordInput)
    forget_url = forms.BooleanField(required=False)

    class Meta:
        model = NotificationPreference
        fields = ("email", "novelty", "second_opinion", "disputed", "sync_failing")

    def new_url(self) -> str | None:
        """As notifications.save_preference takes it."""
        sent: dict[str, Any] = self.cleaned_data
        return "" if sent["forget_url"] else sent["url"].strip() or None


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notifications_page(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    preference = NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)
    form = PreferenceForm(request.POST if request.method == "POST" else None, instance=preference)
    mail = bool(settings.EMAIL_HOST)
    form.fields["email"].disabled = not mail
    if form.is_valid():
        try:
            notifications.save_preference(form.save(commit=False), form.new_url())
        except TriageError as error:
            form.add_error("url", error.detail)
        else:
            messages.success(request, "Your choice is saved.")
            return redirect("notifications")
    context = {
        "form": form,
        "preference": preference,
        "mail": mail,
        "reachable": bool(preference.encrypted_url or (mail and preference.pk and preference.email)),
        "latest": notifications.latest(user)[:LATEST],
        "section": "notifications",
    }
    return render(request, "notifications.html", context)


@login_required
@require_POST
def send_test(request: HttpRequest) -> HttpResponse:
    """A message to oneself, by every way that is chosen."""
    notifications.tell_test(signed_in(request))
    messages.info(request, "A test message is on its way; look below in a moment.")
    return redirect("notifications")
