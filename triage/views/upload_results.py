"""Page of one upload: what came of each file, and the way to review exactly these."""

from __future__ import annotations

import dataclasses

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from triage.errors import NotFoundError
from triage.intake import uploads
from triage.models import Spectrum, SpectrumState, UploadEntry
from triage.models.upload import ROWS_WITHOUT_FILE
from triage.queue.filters import QueueFilter
from triage.queue.misfit import misfits
from triage.queue.paging import CappedPaginator
from triage.views.base import signed_in, wants_fragment

PAGE = 60


@dataclasses.dataclass(frozen=True)
class Result:
    """One spectrum of an upload, one file of it that gave none, or a remark on its manifest.

    entry: the stored row.
    spectrum: the record as it is now; None if nothing was stored, or if the user may not see it any more.
    misfit: how the spectrum contradicts its transient, in words, or "".
    """

    entry: UploadEntry
    spectrum: Spectrum | None
    misfit: str

    @property
    def gone(self) -> bool:
        """Return whether there is a record that the user may not see any more."""
        return self.spectrum is None and self.entry.spectrum_id is not None

    @property
    def remark(self) -> bool:
        """Return whether this is no file, but a remark on the upload's manifest."""
        return self.entry.code == ROWS_WITHOUT_FILE

    @property
    def refused(self) -> bool:
        """Return whether the file gave no spectrum that can be classified."""
        return (
            not self.gone
            and not self.remark
            and (self.spectrum is None or self.spectrum.state == SpectrumState.QUARANTINED)
        )

    @property
    def refusal(self) -> tuple[str, str]:
        """Return code and words of the reason why the file was refused."""
        if self.spectrum is None:
            return self.entry.code, self.entry.detail
        return self.spectrum.failure_code, self.spectrum.failure_reason


@never_cache
@login_required
@require_safe
def upload_results_page(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Show one of the user's uploads, or its results alone if a script asks."""
    user = signed_in(request)
    try:
        upload = uploads.upload_of(user, upload_id)
    except NotFoundError:
        raise Http404("There is no such upload.") from None
    page = CappedPaginator(upload.entries.refused_first(user), PAGE).get_page(request.GET.get("page"))
    context = {
        "upload": upload,
        "counts": upload.entries.counted(user),
        "page": page,
        "results": _results(user, list(page.object_list)),
        "review": QueueFilter(state="all", upload=str(upload.pk)).query,
        "section": "upload",
    }
    return render(
        request, "partials/upload_results.html" if wants_fragment(request) else "upload_results.html", context
    )


def _results(user: User, entries: list[UploadEntry]) -> list[Result]:
    spectra = Spectrum.objects.visible_to(user).filter(pk__in=[entry.spectrum_id for entry in entries])
    shown = spectra.select_related("transient", "current_prediction", "likely_duplicate_of__transient").with_hidden(
        user
    )
    by_id = {spectrum.pk: spectrum for spectrum in shown}
    said = misfits(user, [spectrum for spectrum in by_id.values() if not spectrum.hidden])
    places = [(entry, entry.spectrum_id or 0) for entry in entries]
    return [Result(entry, by_id.get(spectrum), said.get(spectrum, "")) for entry, spectrum in places]
