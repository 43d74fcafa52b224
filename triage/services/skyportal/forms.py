"""The form with which staff add and change a connection to a SkyPortal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from triage.accounts import audit
from triage.errors import InvalidActionError, TriageError
from triage.models import Policy, SkyPortalInstance
from triage.services.http import checked_url
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import SkyPortalError
from triage.services.skyportal.trial import Trial, try_connection

# The lists of a connection, and whose names at the server they take.
NAMED = {"remote_groups": "groups", "instruments": "instruments", "share_with": "groups"}
MOST_OFFERED = 40


class NamesField(forms.CharField):
    """A list of the server's groups or instruments: names or ids, written with commas between them.

    known: names by id, as far as the desk knows them.
    """

    def __init__(self) -> None:
        super().__init__(required=False)
        self.known: dict[int, str] = {}

    def prepare_value(self, value: Any) -> Any:
        """Return the names of ids. The id itself is shown if its name would not be read back as this id."""
        if not isinstance(value, list):
            return value
        names = [(number, self.known.get(number, "")) for number in value]
        return ", ".join(name if self._read(name) == [number] else str(number) for number, name in names)

    def clean(self, value: Any) -> Any:
        """Return the ids; a name that the desk does not know, or that several have, stays as it is."""
        return self._read(super().clean(value) or "")

    def _read(self, text: str) -> list[int | str]:
        ids = ids_by_name(self.known)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return [int(part) if is_id(part) else ids.get(part.casefold(), part) for part in parts]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists of ids; the inherited method would compare a list with its text."""
        try:
            return bool(self.clean(data) != (initial or []))
        except forms.ValidationError:
            return True


def is_id(text: str) -> bool:
    """Return whether a text is an id that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) < 12


def ids_by_name(names: Mapping[int, str]) -> dict[str, int]:
    """Return the ids of names in small letters, without the names that several ids have."""
    number_of = Counter(name.casefold() for name in names.values())
    return {name.casefold(): number for number, name in names.items() if number_of[name.casefold()] == 1}


class InstanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection that belongs to everybody or to one of the user's groups.

    The token is never shown. An empty token field keeps the present one, unless the address changes.
    """

    token = forms.CharField(required=False, max_length=200, strip=True, widget=forms.PasswordInput)
    remote_groups = NamesField()
    instruments = NamesField()
    share_with = NamesField()

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
        error_messages: ClassVar = {"name": {"unique": "Another connection has this name."}}

    def __init__(self, user: User, data: Any = None, instance: SkyPortalInstance | None = None) -> None:
        super().__init__(data, instance=instance)
        self.user = user
        self.fields["group"].queryset = user.groups.order_by("name")  # type: ignore[attr-defined]
        self.fields["group"].empty_label = "everybody"  # type: ignore[attr-defined]
        for name, kind in NAMED.items():
            known = self.instance.remote_names.get(kind, {})
            self.fields[name].known = {int(number): text for number, text in known.items()}  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        try:
            return checked_url(self.cleaned_data["url"])
        except InvalidActionError as error:
            raise forms.ValidationError(error.detail) from error

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"]
        if not (token.isascii() and token.isprintable()):
            raise forms.ValidationError("A token has letters, digits and dashes alone; copy it from the server again.")
        return token

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or self.cleaned_data
        if sent.get("token") == "" and sent.get("url") != self.initial.get("url"):
            # Otherwise a user who may edit the address could have the stored token sent to a server of their own.
            self.add_error("token", "Enter the token as well: a new address needs its own.")
        if self.instance.pk and "group" in self.changed_data and self.instance.imports.exists():
            self.add_error(
                "group",
                "Spectra were already imported for this audience; add the server as a second connection instead.",
            )
        if _posts(sent) and not sent.get("share_with"):
            self.add_error(
                "share_with",
                "Enter the groups that may see what is posted; without one, everybody on the server would.",
            )
        # A connection that is switched off needs the server for nothing but names.
        listed = [part for name in NAMED for part in sent.get(name) or () if sent["enabled"] or isinstance(part, str)]
        # A test saves no names, and asks for the groups itself.
        if listed and not self.errors and "test" not in self.data:
            self._look_up(sent)
        return sent

    def _look_up(self, sent: dict[str, Any]) -> None:
        """Replace names by ids, and keep the server's names for the page.

        What the token does not see is refused, because no sync or post would work with it. If the server does not
        answer, ids are taken as they are.
        """
        try:
            with Client(sent["url"], sent["token"] or self.instance.token, patience_seconds=0) as client:
                names = {"groups": client.groups()} | (
                    {"instruments": client.instruments()} if sent["instruments"] else {}
                )
        except (SkyPortalError, TriageError):
            for name in NAMED:
                if any(isinstance(part, str) for part in sent[name]):
                    self.add_error(name, "The server does not answer, so names cannot be looked up. Enter ids instead.")
            return
        self.instance.remote_names = {**self.instance.remote_names, **names}
        for name, kind in NAMED.items():
            if sent[name]:
                self._replace_names(name, names[kind])

    def _replace_names(self, name: str, names: dict[int, str]) -> None:
        ids = ids_by_name(names)
        found = [ids.get(part.casefold(), part) if isinstance(part, str) else part for part in self.cleaned_data[name]]
        if unknown := [part for part in found if part not in names]:
            self.add_error(name, _refusal(str(unknown[0]), names))
        self.cleaned_data[name] = found

    def test(self) -> Trial:
        """Return what the server says to the address and the token, whatever else the form still lacks."""
        for name in ("url", "token"):
            if name in self.errors:
                return Trial(works=False, said=str(self.errors[name][0]))
        sent = self.cleaned_data
        try:
            return try_connection(sent["url"], sent["token"] or self.instance.token, posting=_posts(sent))
        except TriageError as error:
            return Trial(works=False, said=f"Nothing was tested: {error.detail}.")

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


def _posts(sent: Mapping[str, Any]) -> bool:
    """Return whether settings let anything be posted."""
    return any(sent.get(name) != Policy.NEVER for name in ("decisions", "predictions"))


def _refusal(part: str, names: Mapping[int, str]) -> str:
    """Return why a name cannot be replaced by an id, or why an id is not taken."""
    if several := sorted(number for number, name in names.items() if name.casefold() == part.casefold()):
        return f"Several at the server are called “{part}”. Enter one of the ids: {', '.join(map(str, several))}."
    offered = ", ".join(sorted(names.values(), key=str.casefold)[:MOST_OFFERED]) or "none"
    return f"The server has no “{part}” that the token sees. It has: {offered}."
