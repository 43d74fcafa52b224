"""Forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from triage.models import Verdict
from triage.review import Proposal


class DecisionForm(forms.Form):
    """The panel of the review page. ``prediction`` is the one that was on the page."""

    verdict = forms.ChoiceField(choices=[(v.value, v.label) for v in Verdict if v != Verdict.UNDO])
    class_name = forms.CharField(required=False, max_length=60)
    redshift = forms.FloatField(required=False)
    comment = forms.CharField(required=False, max_length=4000, widget=forms.Textarea)
    prediction = forms.IntegerField(required=False)
    spectrum = forms.IntegerField(required=False)
    last_decision = forms.IntegerField(required=False)

    def proposal(self) -> Proposal:
        """The verdict as triage.review takes it; it checks that a class typed beside a confirmation is the same."""
        return Proposal(**self.cleaned_data)


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """A list of uploaded files; empty ones are let through, so that each is refused by name."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        if not any(files):
            raise forms.ValidationError("Choose at least one file.")
        return list(files)


class UploadForm(forms.Form):
    """Spectrum files and what is known of them all."""

    spectra = SeveralFilesField()
    transient = forms.CharField(required=False, max_length=120)
    redshift = forms.FloatField(required=False)
    observed_at = forms.DateTimeField(required=False)
    instrument = forms.CharField(required=False, max_length=120)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"] = forms.ModelChoiceField(
            user.groups.order_by("name"), required=False, to_field_name="name"
        )
