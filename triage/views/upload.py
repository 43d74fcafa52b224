"""Upload spectrum files; with a script one by one through the API, without one all together."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from triage import intake
from triage.errors import TriageError, UnreadableSpectrumError
from triage.filters import QueueFilter
from triage.forms import UploadForm
from triage.views.base import signed_in
from triage.words import WORDS


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    results: list[dict[str, Any]] = []
    if request.method == "POST":
        form = UploadForm(user, request.POST, request.FILES)
        if form.is_valid():
            given = _given(form.cleaned_data)
            results = [_take_in(user, file, given) for file in form.cleaned_data["spectra"]]
    else:
        form = UploadForm(user)
    results.sort(key=lambda result: "error" not in result)
    refused = sum("error" in result for result in results)
    context = {
        "form": form,
        "results": results,
        "refused": refused,
        "taken": sum(1 + result["others"] for result in results if "error" not in result),
        "mine": QueueFilter(mine="1", after=f"{timezone.now():%Y-%m-%d}").query,
        "words": WORDS,
        "section": "upload",
    }
    return render(request, "upload.html", context)


def _given(sent: dict[str, Any]) -> intake.Given:
    return intake.Given(
        transient=sent["transient"].strip(),
        redshift=sent["redshift"],
        observed_at=sent["observed_at"],
        instrument=sent["instrument"],
        group=sent["group"],
    )


def _take_in(user: User, file: Any, given: intake.Given) -> dict[str, Any]:
    """One line of the result: the file's name with its record or what was wrong with it."""
    try:
        submission = intake.submit_spectrum(user, file.read(), file.name, given)
    except UnreadableSpectrumError as error:
        return {"name": file.name, "error": error, "spectrum": error.spectrum}
    except TriageError as error:
        return {"name": file.name, "error": error, "spectrum": None}
    return {
        "name": file.name,
        "spectrum": submission.spectrum,
        "created": submission.created,
        "others": len(submission.others),
        "notes": submission.notes,
    }
