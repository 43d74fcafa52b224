"""Downloads of original files."""

from __future__ import annotations

from django.http import HttpResponse

from triage.models import Spectrum


def original_file(spectrum: Spectrum) -> HttpResponse:
    """Return a spectrum's original file as a download, byte for byte.

    The browser never shows the file in a page, whatever it contains, because it may be an attack.
    """
    response = HttpResponse(bytes(spectrum.original.content), content_type="application/octet-stream")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-+ ") else "_" for c in spectrum.filename)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
