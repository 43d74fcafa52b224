"""TNS pages: preview and download of a classification report (which send nothing), its submission, and its result."""

from __future__ import annotations

import dataclasses
from typing import Any, Self
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from triage.errors import NotFoundError, TriageError
from triage.models import Spectrum, TnsReport, TnsState, TnsTarget, Transient
from triage.services.tns import reports
from triage.services.tns.client import has_credentials
from triage.services.tns.payload import Options, Report, build_report, faults
from triage.views.base import signed_in

PAGE = 25


class OptionsForm(forms.Form):
    """Fields of a report that the desk cannot know. They stay in the address, so that a preview can be shared."""

    name = forms.CharField(required=False, max_length=40)
    classifier = forms.CharField(required=False, max_length=500)
    observer = forms.CharField(required=False, max_length=200)
    reducer = forms.CharField(required=False, max_length=200)
    instrument = forms.IntegerField(required=False, min_value=0)
    exposure_s = forms.FloatField(required=False, min_value=0)
    group = forms.IntegerField(required=False, min_value=0)
    proprietary_period = forms.IntegerField(required=False, min_value=0)
    remarks = forms.CharField(required=False, max_length=1000)
    spectrum = forms.IntegerField(required=False)

    def options(self) -> Options:
        """Return what was entered, or no options at all if a field is wrong."""
        return Options(**self.cleaned_data) if self.is_valid() else Options()


def _transient(user: User, name: str) -> Any:
    transient = Transient.objects.visible_to(user).called(user, name)
    if transient is None:
        raise Http404("There is no such transient.")
    return transient


def _report(user: User, transient: Transient, form: OptionsForm) -> Report:
    try:
        return build_report(user, transient, form.options())
    except NotFoundError as error:
        raise Http404(error.detail) from error


@login_required
@require_safe
def report_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the report as it would be sent, with everything that is wrong with it."""
    user = signed_in(request)
    transient = _transient(user, name)
    form = OptionsForm(request.GET)
    report = _report(user, transient, form)
    query = urlencode({key: value for key, value in request.GET.items() if key in form.fields and value})
    if query:
        for field, complaint in faults(report.payload):
            if field:
                form.add_error(field, complaint)
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient, arrays__isnull=False).in_time_order()
    context = {
        "transient": transient,
        "form": form,
        "report": report,
        "spectra": spectra,
        "earlier": TnsReport.objects.visible_to(user).filter(transient=transient),
        "may_send": user.has_perm("triage.add_tnsreport"),
        "credentials": has_credentials(),
        "targets": TnsTarget.choices,
        "query": query,
        "section": "vetted",
    }
    return render(request, "tns_report.html", context)


@login_required
@require_safe
def report_json(request: HttpRequest, name: str) -> HttpResponseBase:
    user = signed_in(request)
    report = _report(user, _transient(user, name), OptionsForm(request.GET))
    return _download(report.json, f"{report.tns_name or 'report'}.json", "application/json")


@login_required
@require_safe
def report_ascii(request: HttpRequest, name: str) -> HttpResponseBase:
    user = signed_in(request)
    report = _report(user, _transient(user, name), OptionsForm(request.GET))
    return _download(report.ascii_file, report.ascii_name, "text/plain; charset=utf-8")


def _download(content: str, filename: str, kind: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=filename)
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})


@login_required
@require_POST
def send(request: HttpRequest, name: str) -> HttpResponse:
    """Send a report after a second confirmation: the user types the name once more."""
    user = signed_in(request)
    transient = _transient(user, name)
    form = OptionsForm(request.POST)
    target, typed = request.POST.get("target", ""), request.POST.get("confirmation", "")
    try:
        row = reports.submit(user, transient, form.options(), target, typed)
    except TriageError as error:
        messages.error(request, error.detail)
        query = urlencode({key: value for key, value in request.POST.items() if key in form.fields and value})
        return redirect(f"{request.path.removesuffix('send/')}?{query}")
    messages.success(request, f"The report of {row.tns_name} will be sent to the {row.get_target_display()} TNS.")
    return redirect("tns-reports")


@dataclasses.dataclass(frozen=True)
class ReportRow:
    """A submitted report, as the page lists it.

    report: the stored row.
    may_settle: whether the user can say if the report arrived, because the TNS did not answer.
    """

    report: TnsReport
    may_settle: bool

    @classmethod
    def stored(cls, report: TnsReport, *, may_send: bool) -> Self:
        """Describe a stored report.

        may_send: whether the user may send reports.
        """
        asked_again_at = report.next_poll_at if report.state == TnsState.SENDING else None
        return cls(report, may_send and asked_again_at is not None and asked_again_at <= timezone.now())


@login_required
@require_safe
def reports_page(request: HttpRequest) -> HttpResponse:
    """List the submitted reports, the newest first."""
    user = signed_in(request)
    submitted = TnsReport.objects.visible_to(user).select_related("transient", "decision", "sent_by", "group")
    page = Paginator(submitted, PAGE).get_page(request.GET.get("page"))
    may_send = user.has_perm("triage.add_tnsreport")
    context = {
        "page": page,
        "rows": [ReportRow.stored(report, may_send=may_send) for report in page.object_list],
        "section": "vetted",
    }
    return render(request, "tns_reports.html", context)


@login_required
@require_POST
def settle(request: HttpRequest, report_id: int) -> HttpResponse:
    try:
        row = reports.settle(signed_in(request), report_id, arrived=request.POST.get("arrived") == "1")
    except TriageError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"{row}: {row.get_state_display()}.")
    return redirect("tns-reports")
