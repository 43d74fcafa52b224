"""TNS pages: preview and download of a classification report (which send nothing), its submission, and its result."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.models import Spectrum, TnsReport, TnsTarget, Transient
from triage.services.tns import reports
from triage.services.tns.client import has_credentials
from triage.services.tns.lookup import want_spectra
from triage.services.tns.payload import Options, Report, build_report, faults
from triage.services.tns.tables import Tables, current_tables, number_of
from triage.views.base import sentence, signed_in, visible_transient
from triage.views.sorting import sorted_by

PAGE = 25
# Columns that the reports can be sorted by.
SORTED_BY = {
    "name": "tns_name",
    "class": "decision__class_name",
    "state": "state",
    "sender": "sent_by__username",
    "made": "created_at",
}


class NumberedField(forms.CharField):
    """An instrument or a group, by its name or its number at the TNS.

    kind: "instrument" or "group".
    """

    def __init__(self, kind: str) -> None:
        super().__init__(required=False, max_length=120, widget=forms.TextInput({"list": f"tns-{kind}s"}))
        self.kind = kind

    def clean(self, value: Any) -> int | None:
        """Return the number, or None. Raises ValidationError for a name that the TNS does not know."""
        try:
            return number_of(self.kind, super().clean(value))
        except InvalidActionError as error:
            raise forms.ValidationError(error.detail) from error


class OptionsForm(forms.Form):
    """Fields of a report that the desk cannot know. They stay in the address, so that a preview can be shared."""

    name = forms.CharField(required=False, max_length=40)
    classifier = forms.CharField(required=False, max_length=500)
    observer = forms.CharField(required=False, max_length=200)
    reducer = forms.CharField(required=False, max_length=200)
    instrument = NumberedField("instrument")
    exposure_s = forms.FloatField(required=False, min_value=0)
    group = NumberedField("group")
    proprietary_period = forms.IntegerField(required=False, min_value=0)
    remarks = forms.CharField(required=False, max_length=1000)
    spectra = forms.TypedMultipleChoiceField(required=False, coerce=int)

    def __init__(self, user: User, transient: Transient, data: QueryDict) -> None:
        super().__init__(data)
        readable = Spectrum.objects.visible_to(user).filter(transient=transient, arrays__isnull=False).in_time_order()
        spectra = self.fields["spectra"]
        if isinstance(spectra, forms.ChoiceField):
            spectra.choices = [(spectrum.pk, _label(spectrum)) for spectrum in readable]
        # The entered values, as pairs for an address or for hidden fields.
        self.entered = [(name, value) for name in self.fields for value in data.getlist(name) if value]

    def options(self) -> Options:
        """Return what was entered, or no options at all if a field is wrong."""
        if not self.is_valid():
            return Options()
        return Options(**self.cleaned_data | {"spectra": tuple(self.cleaned_data["spectra"])})


def _show_defaults(form: OptionsForm, report: Report, tables: Tables) -> None:
    """Show in the empty fields what the desk or the files say, which is reported if nothing is entered."""
    content = report.payload["classification_report"]["0"]
    first = next(iter(content["spectra"]["spectra-group"].values()))
    instrument = tables.instruments.get(first["instrumentid"], "")
    said = {"name": content["name"], "classifier": content["classifier"]}
    said |= {"observer": first["observer"], "reducer": first["reducer"], "exposure_s": first["exptime"]}
    for name, value in (said | {"instrument": instrument}).items():
        form.fields[name].widget.attrs["placeholder"] = value


def _label(spectrum: Spectrum) -> str:
    """Return date, instrument and file of a spectrum, as far as they are known."""
    day = f"{spectrum.observed_at:%Y-%m-%d}" if spectrum.observed_at else "date unknown"
    return " · ".join(part for part in (day, spectrum.instrument, spectrum.file_label) if part)


def _report(user: User, transient: Transient, form: OptionsForm) -> Report:
    try:
        return build_report(user, transient, form.options())
    except NotFoundError as error:
        raise Http404(error.detail) from error


def _sent_report(user: User, name: str, data: QueryDict) -> Report:
    transient = visible_transient(user, name)
    return _report(user, transient, OptionsForm(user, transient, data))


@login_required
@require_safe
def report_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the report as it would be sent, with everything that is wrong with it."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = OptionsForm(user, transient, request.GET)
    report = _report(user, transient, form)
    tables = current_tables()
    _show_defaults(form, report, tables)
    missing = dict(faults(report.payload, tables))
    for field, complaint in missing.items() if form.entered else ():
        if field and field not in form.errors:
            form.add_error(field, complaint)
    context = {
        "transient": transient,
        "form": form,
        "report": report,
        "missing": missing,
        "tables": tables,
        "earlier": TnsReport.objects.visible_to(user).filter(transient=transient),
        "may_send": user.has_perm("triage.add_tnsreport"),
        "credentials": has_credentials(),
        "targets": TnsTarget.choices,
        "query": urlencode(form.entered),
        "section": "vetted",
    }
    return render(request, "tns_report.html", context)


@login_required
@require_safe
def report_json(request: HttpRequest, name: str) -> HttpResponseBase:
    user = signed_in(request)
    report = _sent_report(user, name, request.GET)
    return _download(report.json, f"{report.tns_name or 'report'}.json", "application/json")


@login_required
@require_safe
def report_ascii(request: HttpRequest, name: str) -> HttpResponseBase:
    user = signed_in(request)
    files = dict(_sent_report(user, name, request.GET).files)
    wanted = request.GET.get("file", next(iter(files), ""))
    if wanted not in files:
        raise Http404("The report has no such file.")
    return _download(files[wanted], wanted, "text/plain; charset=utf-8")


def _download(content: str, filename: str, kind: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=filename)
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})


@login_required
@require_POST
def send(request: HttpRequest, name: str) -> HttpResponse:
    """Send a report after a second confirmation: the user types the name once more."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = OptionsForm(user, transient, request.POST)
    target, typed = request.POST.get("target", ""), request.POST.get("confirmation", "")
    try:
        row = reports.submit(user, transient, form.options(), target, typed)
    except TriageError as error:
        messages.error(request, sentence(error.detail))
        return redirect(f"{request.path.removesuffix('send/')}?{urlencode(form.entered)}")
    messages.success(request, f"The report of {row.tns_name} will be sent to the {row.get_target_display()} TNS.")
    return redirect("tns-reports")


@login_required
@require_POST
def import_spectra(request: HttpRequest, name: str) -> HttpResponse:
    """Let a worker import the public spectra that the TNS has of a transient."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    try:
        want_spectra(user, transient)
    except TriageError as error:
        messages.error(request, f"Not imported: {error.detail}.")
    else:
        messages.success(request, "A worker fetches the spectra from the TNS.")
    return redirect("transient-facts", transient.name)


@dataclasses.dataclass(frozen=True)
class ReportRow:
    """A submitted report, as the page lists it.

    report: the stored row.
    may_settle: whether the user can say if the report arrived, because the TNS did not answer.
    """

    report: TnsReport
    may_settle: bool


@login_required
@require_safe
def reports_page(request: HttpRequest) -> HttpResponse:
    """List the submitted reports, the newest first, or as ``sort`` says (see SORTED_BY)."""
    user = signed_in(request)
    submitted = TnsReport.objects.visible_to(user).defer("payload", "ascii_file", "further_files")
    submitted = submitted.select_related("transient", "decision", "sent_by", "group")
    sort = request.GET.get("sort", "")
    page = Paginator(sorted_by(submitted, sort, SORTED_BY), PAGE).get_page(request.GET.get("page"))
    settled = TnsReport.objects.without_answer() if user.has_perm("triage.add_tnsreport") else TnsReport.objects.none()
    unclear = set(settled.filter(pk__in=[report.pk for report in page.object_list]).values_list("pk", flat=True))
    context = {
        "page": page,
        "rows": [ReportRow(report, may_settle=report.pk in unclear) for report in page.object_list],
        "sort": sort,
        "section": "vetted",
    }
    return render(request, "tns_reports.html", context)


@login_required
@require_POST
def settle(request: HttpRequest, report_id: int) -> HttpResponse:
    try:
        row = reports.settle(signed_in(request), report_id, arrived=request.POST.get("arrived") == "1")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    else:
        messages.success(request, f"{row}: {row.get_state_display()}.")
    return redirect("tns-reports")
