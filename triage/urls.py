"""All addresses: the pages, and the API below /api/v1/."""

import sys

from django.conf import settings
from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import get_template
from django.templatetags.static import static
from django.urls import include, path
from django.views import defaults
from drf_spectacular.views import SpectacularSwaggerSplitView

from triage.api.errors import DATABASE_DOWN, RETRY_SOON, as_json
from triage.operations.disk import DiskFullError
from triage.views.login import admin_login


def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon."""
    return redirect(static("icon.svg"))


urlpatterns = [
    path("api/v1/", include("triage.api.urls")),
    # Without metadata_class=None an OPTIONS request would look for a template that it has not.
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api_docs.html", metadata_class=None),
        name="api-docs",
    ),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    # Browsers ask for it on pages that name no icon of their own, such as the admin's.
    path("favicon.ico", favicon),
    path("", include("triage.views.urls")),
]

if settings.OIDC is not None:
    urlpatterns += [path("sso/", include("triage.views.single_sign_on"))]


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 for a database that does not answer: as JSON below /api/, as a page elsewhere."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        if request.path.startswith("/api/"):
            return JsonResponse(DATABASE_DOWN, status=503, headers=RETRY_SOON)
        return HttpResponse(get_template("503.html").render(), status=503, headers=RETRY_SOON)
    if request.path.startswith("/api/"):
        return as_json(500, "server_error", "something broke here; it has been logged")
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses before a view sees it: as JSON below /api/, as a page elsewhere."""
    if isinstance(exception, DiskFullError):
        if request.path.startswith("/api/"):
            return as_json(exception.status, exception.code, exception.detail)
        return HttpResponse(get_template("507.html").render(), status=exception.status)
    if request.path.startswith("/api/"):
        return as_json(400, "bad_request", "the request cannot be taken: too many fields or files, or a bad address")
    return defaults.bad_request(request, exception)


handler400 = bad_request
handler500 = server_error
