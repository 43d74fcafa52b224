"""Upload page. With JavaScript, the files are sent one by one through the API; without it, all together."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from classifier.input_files import MANIFEST
from triage.accounts.audiences import EVERYBODY, ONLY_ME, chosen_audience, default_audience, shared_groups
from triage.errors import TriageError
from triage.intake import submit, uploads
from triage.intake.manifest import read_manifest
from triage.intake.wording import WORDS
from triage.models import Upload
from triage.views.base import signed_in
from triage.views.fields import DegreesField, MomentField, RedshiftField

# So many earlier uploads are listed below the form.
LATEST = 10


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
    redshift = RedshiftField()
    observed_at = MomentField()
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


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    """Show the form and the latest uploads; POST takes the files in and shows what came of them."""
    user = signed_in(request)
    form = UploadForm(user, request.POST, request.FILES) if request.method == "POST" else UploadForm(user)
    if form.is_bound and form.is_valid():
        audience = chosen_audience(user, form.cleaned_data["group"] or None)
        upload = Upload.objects.create(user=user)
        _take_in_all(upload, form.cleaned_data["spectra"], form.cleaned_data | {"group": audience})
        return redirect("upload-results", upload.pk)
    context = {
        "form": form,
        "words": WORDS,
        "groups": shared_groups(user),
        "audience": default_audience(user),
        "latest": Upload.objects.arrived(user).order_by("-id")[:LATEST],
        "section": "upload",
    }
    return render(request, "upload.html", context)


def _take_in_all(upload: Upload, files: list[Any], sent: dict[str, Any]) -> None:
    """Take in files. What a manifest among them states about a file counts before what the form states about all."""
    manifests = [file for file in files if file.name.casefold() == MANIFEST]
    spectra = [file for file in files if file not in manifests]
    given = _given(sent)
    try:
        manifest = read_manifest(manifests[0].name, manifests[0].read()) if manifests else None
    except TriageError as error:
        for file in manifests or files:
            uploads.note_refusal(upload, file.name, error)
        return
    if manifest is not None:
        uploads.note_unmatched(upload, manifest, [file.name for file in spectra])
    unstored: list[Error] = []
    for chunk in submit.in_chunks((file, file.size) for file in spectra):
        # A refused file does not keep the others from being taken in; the upload says why it was refused.
        for file, outcome in zip(chunk, submit.submit_described(upload.user, chunk, manifest, given), strict=True):
            if isinstance(outcome, Error):
                unstored.append(outcome)
            else:
                uploads.note(upload, file.name, outcome)
    if unstored:
        raise unstored[0]


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
