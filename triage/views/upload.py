"""Upload page. With JavaScript, the files are sent one by one through the API; without it, all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from triage.accounts.audiences import EVERYBODY, ONLY_ME, chosen_audience, default_audience, shared_groups
from triage.errors import TriageError
from triage.intake import submit
from triage.intake.manifest import read_manifest, statements
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.wording import WORDS
from triage.models import Spectrum
from triage.queue.filters import QueueFilter
from triage.views.base import signed_in
from triage.views.fields import DegreesField

# Name of the file that states facts about the others.
MANIFEST = "manifest.csv"


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """A list of uploaded files. Empty files pass, so that each is refused by its name later."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        if not any(files):
            raise forms.ValidationError("Choose at least one file.")
        return list(files)


class UploadForm(forms.Form):
    """Spectrum files, and statements about all of them."""

    spectra = SeveralFilesField()
    transient = forms.CharField(required=False, max_length=120)
    redshift = forms.FloatField(required=False)
    observed_at = forms.DateTimeField(required=False)
    instrument = forms.CharField(required=False, max_length=120)
    ra = DegreesField(15)
    dec = DegreesField(1)
    comment = forms.CharField(required=False, max_length=2000)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [group.name for group in shared_groups(user)]
        self.fields["group"] = forms.ChoiceField(
            choices=[(name, name) for name in (EVERYBODY, *groups, ONLY_ME)], required=False
        )

    def clean(self) -> dict[str, Any]:
        """Return the statements. Raises ValidationError for one coordinate without the other."""
        sent = self.cleaned_data
        if "ra" in sent and "dec" in sent and (sent["ra"] is None) != (sent["dec"] is None):
            raise forms.ValidationError("Right ascension and declination come together.")
        return sent


@dataclasses.dataclass(frozen=True)
class UploadResult:
    """Result of one uploaded file.

    name: name of the file.
    spectrum: its record, or None if nothing was stored.
    error: why the file was refused, or None.
    created: whether the file is new.
    others: number of further spectra in the file.
    notes: what became of the facts that the user entered.
    differences: facts that the user entered and that differ from the record of a known file.
    """

    name: str
    spectrum: Spectrum | None
    error: TriageError | None = None
    created: bool = False
    others: int = 0
    notes: Sequence[str] = ()
    differences: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    results: list[UploadResult] = []
    if request.method == "POST":
        form = UploadForm(user, request.POST, request.FILES)
        if form.is_valid():
            audience = chosen_audience(user, form.cleaned_data["group"] or None)
            results = _take_in_all(user, form.cleaned_data["spectra"], form.cleaned_data | {"group": audience})
    else:
        form = UploadForm(user)
    results.sort(key=lambda result: result.error is None)
    refused = sum(result.error is not None for result in results)
    context = {
        "form": form,
        "results": results,
        "refused": refused,
        "taken": sum(1 + result.others for result in results if result.error is None),
        "mine": QueueFilter(mine="1", after=f"{timezone.now():%Y-%m-%d}").query,
        "words": WORDS,
        "groups": shared_groups(user),
        "audience": default_audience(user),
        "section": "upload",
    }
    return render(request, "upload.html", context)


def _take_in_all(user: User, files: list[Any], sent: dict[str, Any]) -> list[UploadResult]:
    """Take in files. What a manifest among them states about a file counts before what the form states about all."""
    manifests = [file for file in files if file.name.casefold() == MANIFEST]
    spectra = [file for file in files if file not in manifests]
    given = _given(sent)
    try:
        manifest = read_manifest(manifests[0].name, manifests[0].read()) if manifests else None
    except TriageError as error:
        return [UploadResult(file.name, None, error) for file in manifests or files]
    rows = {file: manifest.row_of(file.name) if manifest else None for file in spectra}
    return [_take_in(user, file, statements(rows[file], given)) for file in spectra]


def _given(sent: dict[str, Any]) -> submit.Given:
    """Return the statements of the form."""
    return submit.Given(
        ra=sent["ra"],
        dec=sent["dec"],
        comment=sent["comment"],
        transient=sent["transient"].strip(),
        redshift=sent["redshift"],
        observed_at=sent["observed_at"],
        instrument=sent["instrument"],
        group=sent["group"],
    )


def _take_in(user: User, file: Any, given: submit.Given) -> UploadResult:
    try:
        submission = submit.submit_spectrum(user, file.read(), file.name, given)
    except UnreadableSpectrumError as error:
        return UploadResult(file.name, error.spectrum, error)
    except TriageError as error:
        return UploadResult(file.name, None, error)
    return UploadResult(
        name=file.name,
        spectrum=submission.spectrum,
        created=submission.created,
        others=len(submission.others),
        notes=submission.notes,
        differences=submission.differences,
    )
