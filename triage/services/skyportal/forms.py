"""The form with which staff add and change a connection to a SkyPortal."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from triage.accounts import audit
from triage.errors import InvalidActionError, TriageError
from triage.models import Policy, SkyPortalInstance
from triage.services.http import checked_url
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import SkyPortalError
from triage.services.skyportal.posting import foreign_groups


class IdsField(forms.CharField):
    """A list of whole numbers, written with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(number) for number in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        parts = [part.strip() for part in (super().clean(value) or "").split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts):
            raise forms.ValidationError("Enter whole numbers with commas between them, such as 4, 17.")
        return [int(part) for part in parts]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists of numbers; the inherited method would compare a list with its text."""
        try:
            return bool(self.clean(data) != (initial or []))
        except forms.ValidationError:
            return True


class InstanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection that belongs to everybody or to one of the user's groups.

    The token is never shown. An empty token field keeps the present one, unless the address changes.
    """

    token = forms.CharField(required=False, max_length=200, strip=True, widget=forms.PasswordInput)
    remote_groups = IdsField(required=False)
    instruments = IdsField(required=False)
    share_with = IdsField(required=False)

    class Meta:
        model = SkyPortalInstance
        fields = (
            "name",
            "url",
            "group",
            "enabled",
            "remote_groups",
            "instruments",
            "only_unclassified",
            "interval_minutes",
            "reconcile_hours",
            "decisions",
            "predictions",
            "share_with",
            "taxonomy",
        )

    def __init__(self, user: User, data: Any = None, instance: SkyPortalInstance | None = None) -> None:
        super().__init__(data, instance=instance)
        self.user = user
        self.fields["group"].queryset = user.groups.order_by("name")  # type: ignore[attr-defined]
        self.fields["group"].empty_label = "everybody"  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        try:
            return checked_url(self.cleaned_data["url"])
        except InvalidActionError as error:
            raise forms.ValidationError(error.detail) from error

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or self.cleaned_data
        if not sent.get("token") and sent.get("url") != self.initial.get("url"):
            # Otherwise a user who may edit the address could have the stored token sent to a server of their own.
            self.add_error("token", "Enter the token as well: a new address needs its own.")
        if self.instance.pk and "group" in self.changed_data and self.instance.imports.exists():
            self.add_error(
                "group",
                "Spectra were already imported for this audience; add the server as a second connection instead.",
            )
        posting = [sent.get(name) for name in ("decisions", "predictions")]
        if any(policy != Policy.NEVER for policy in posting) and not sent.get("share_with"):
            self.add_error(
                "share_with",
                "Enter the groups that may see what is posted; without one, everybody on the server would.",
            )
        elif sent.get("share_with") and not self.errors:
            self._check_groups(sent)
        return sent

    def _check_groups(self, sent: dict[str, Any]) -> None:
        """Refuse groups that the token does not belong to. A server that does not answer is asked again at posting."""
        try:
            with Client(sent["url"], sent["token"] or self.instance.token, patience_seconds=0) as client:
                foreign = set(sent["share_with"]) - client.groups()
        except (SkyPortalError, TriageError):
            return
        if foreign:
            self.add_error("share_with", f"{foreign_groups(foreign)}.".capitalize())

    def save(self, commit: bool = True) -> SkyPortalInstance:
        instance: SkyPortalInstance = super().save(commit=False)
        if self.cleaned_data["token"]:
            instance.token = self.cleaned_data["token"]
        for kind, since in (("decisions", "posting_since"), ("predictions", "predictions_since")):
            if self.initial.get(kind) in (None, Policy.NEVER):
                setattr(instance, since, timezone.now())
        if {"remote_groups", "instruments", "only_unclassified"} & set(self.changed_data):
            instance.reconciled_at = None
        if commit:
            added = instance.pk is None
            instance.save()
            audit.note(self.user, instance, "added the connection" if added else "changed the connection")
        return instance
