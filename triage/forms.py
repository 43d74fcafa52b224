"""Forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from classifier.readers import CHOICES
from classifier.taxonomy import load_taxonomy
from triage.errors import InvalidActionError
from triage.models import Verdict
from triage.review import Proposal
from triage.words import in_words


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


class CorrectionForm(forms.Form):
    """What the reader guessed, to be stated instead; an empty field leaves the guess."""

    wavelength_unit = forms.ChoiceField(required=False, label="Wavelength unit")
    wavelength_column = forms.IntegerField(required=False, min_value=0, max_value=99, label="Wavelength column")
    flux_column = forms.IntegerField(required=False, min_value=0, max_value=99, label="Flux column")
    flux_kind = forms.ChoiceField(required=False, label="Kind of flux")
    third_column = forms.ChoiceField(required=False, label="Third column")
    frame = forms.ChoiceField(required=False, label="Redshift frame")
    medium = forms.ChoiceField(required=False, label="Measured in")
    target = forms.CharField(required=False, max_length=60, label="Target")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in CHOICES.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = [("", "as found"), *((value, in_words(value)) for value in values)]

    def corrections(self) -> dict[str, Any]:
        """Those that were made, as triage.rereading takes them."""
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


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


class PhotometryForm(forms.Form):
    """A light curve and who may see it."""

    file = forms.FileField()

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"] = forms.ModelChoiceField(
            user.groups.order_by("name"), required=False, to_field_name="name"
        )


class PolicyForm(forms.Form):
    """One audience's policy. below: percent."""

    group = forms.CharField(required=False)
    below = forms.FloatField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [entry.name for entry in load_taxonomy().classes]
        self.fields["class_names"] = forms.MultipleChoiceField(choices=[(n, n) for n in names], required=False)

    def values(self) -> tuple[str, list[str], float | None]:
        """Group, classes, probability; raises InvalidActionError."""
        if not self.is_valid():
            raise InvalidActionError("; ".join(str(text) for errors in self.errors.values() for text in errors))
        below = self.cleaned_data["below"]
        names: list[str] = self.cleaned_data["class_names"]
        return self.cleaned_data["group"], names, None if below is None else below / 100
