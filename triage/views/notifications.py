"""Notifications page: which messages the signed-in user gets, and the latest ones."""

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

from triage.errors import TriageError
from triage.models import NotificationPreference
from triage.services import notifications
from triage.views.base import signed_in

LATEST = 30
NO_MAIL_SERVER = "Not possible: this desk has no mail server (setting EMAIL_HOST)."
STORED_ADDRESS = "An address is stored, encrypted. Leave empty to keep it."
NOVELTY_HELP = (
    "0 (familiar) to 1 (unlike anything the network knows). 0.97 is a good start. Leave empty for no messages."
)


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """The user's choice of messages. An empty address leaves the present one; ``forget_url`` removes it."""

    url = forms.CharField(required=False, max_length=500, widget=forms.PasswordInput)
    forget_url = forms.BooleanField(required=False)

    class Meta:
        model = NotificationPreference
        fields = ("email", "novelty", "second_opinion", "disputed", "mention", "sync_failing", "policy_off", "digest")

    def new_url(self) -> str | None:
        """Return the new web address, "" to remove the present one, or None to leave it."""
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
            messages.success(request, "Your choices were saved.")
            return redirect("notifications")
    context = {
        "form": form,
        "preference": preference,
        "email_help": "Leave empty for no e-mail." if mail else NO_MAIL_SERVER,
        "url_help": STORED_ADDRESS if preference.encrypted_url else "Such as https://hooks.slack.com/services/…",
        "novelty_help": NOVELTY_HELP,
        "reachable": bool(preference.encrypted_url or (mail and preference.pk and preference.email)),
        "latest": notifications.latest(user)[:LATEST],
        "section": "notifications",
    }
    return render(request, "notifications.html", context)


@login_required
@require_POST
def send_test(request: HttpRequest) -> HttpResponse:
    """Send the user a test message in every way that they chose."""
    notifications.tell_test(signed_in(request))
    messages.info(request, "A test message is on its way. Reload this page in a moment to see whether it was sent.")
    return redirect("notifications")
