"""Digest of a night: as a page, as plain text, and with a draft of a table for an AstroNote or an ATel."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.export.digest import MOST, Digest
from triage.export.digest_text import as_text
from triage.export.draft_table import Draft
from triage.export.night import Night
from triage.views.base import no_days, signed_in
from triage.views.demo import demonstration_of


@login_required
@require_safe
def digest_page(request: HttpRequest) -> HttpResponse:
    """Show the digest of a night.

    Parameters: date (the day at whose noon UTC the night begins; by default as in ``Digest.latest``), format ("text"
    for plain text), draft (1 shows a table) and pick (id of a transient in it). A text that is no day is refused.
    """
    if refused := no_days(request, "date"):
        return render(request, "digest.html", {"no_days": refused, "section": "night"}, status=400)
    given, demonstration = request.GET, demonstration_of(request)
    user, night = signed_in(request), Night.read(given.get("date", "").strip())
    digest = Digest.of(user, night, demonstration.simulated) if night else Digest.latest(user, demonstration.simulated)
    text = as_text(digest)
    if given.get("format") == "text":
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    picked = set(given.getlist("pick"))
    context = {
        "digest": digest,
        "night": digest.night,
        "text": text,
        "most": MOST,
        "asked_for_draft": given.get("draft") == "1",
        "draft": Draft.of(digest.vetted, picked),
        "picked": {row["number"] for row in digest.vetted if str(row["number"]) in picked},
        "section": "night",
    }
    return render(request, "digest.html", context)
