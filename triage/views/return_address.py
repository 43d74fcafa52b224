"""Address of the page that a form was sent from."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def return_address(request: HttpRequest, otherwise: str) -> str:
    """Return the path in the form's field "from", or another address if it is not a path of this desk."""
    here = request.POST.get("from", "")
    safe = here.startswith("/") and url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()})
    return here if safe else otherwise
