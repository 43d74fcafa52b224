"""Upload page. With JavaScript, the files are sent one by one through the API; without it, all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from triage.errors import TriageError
from triage.intake import submit
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.wording import WORDS
from triage.models import Spectrum
from triage.queue.filters import QueueFilter
from triage.views.base import signed_in


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

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"] = forms.ModelChoiceField(
            user.groups.order_by("name"), required=False, to_field_name="name"
        )


@dataclasses.dataclass(frozen=True)
class UploadResult:
    """Result of one uploaded file.

    name: name of the file.
    spectrum: its record, or None if nothing was stored.
    error: why the file was refused, or None.
    created: whether the file is new.
    others: number of further spectra in the file.
    notes: what became of the facts that the user entered.
    """

    name: str
    spectrum: Spectrum | None
    error: TriageError | None = None
    created: bool = False
    others: int = 0
    notes: Sequence[str] = ()


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    results: list[UploadResult] = []
    if request.method == "POST":
        form = UploadForm(user, request.POST, request.FILES)
        if form.is_valid():
            given = _given(form.cleaned_data)
            results = [_take_in(user, file, given) for file in form.cleaned_data["spectra"]]
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
        "section": "upload",
    }
    return render(request, "upload.html", context)


def _given(sent: dict[str, Any]) -> submit.Given:
    return submit.Given(
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
    )
