"""Agreement page: how often reviewers agree with each other and with the standing classifications."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.review import agreement
from triage.views.base import signed_in


@login_required
@require_safe
def agreement_page(request: HttpRequest) -> HttpResponse:
    pairs, records = agreement.reviewers(signed_in(request))
    return render(request, "agreement.html", {"pairs": pairs, "records": records, "section": "agreement"})
