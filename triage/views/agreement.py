"""Agreement page: how often reviewers agree with each other and with the standing classifications."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.review import agreement
from triage.views.base import signed_in
from triage.views.demo import demonstration_of, left_out


@login_required
@require_safe
def agreement_page(request: HttpRequest) -> HttpResponse:
    demonstration = demonstration_of(request)
    user = signed_in(request)
    pairs, records = agreement.reviewers(user, demonstration.simulated)
    context = {
        "pairs": pairs,
        "records": records,
        "left_out": left_out(request, pairs, lambda: len(agreement.reviewers(user, simulated=True)[0])),
        "latest": agreement.LATEST,
        "section": "agreement",
    }
    return render(request, "agreement.html", context)
