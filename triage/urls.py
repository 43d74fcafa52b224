"""All addresses: pages here, the API below /api/v1/."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import defaults
from drf_spectacular.views import SpectacularSwaggerSplitView

from triage.api.errors import as_json

urlpatterns = [
    path("api/v1/", include("triage.api.urls")),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("admin/", admin.site.urls),
    path("", include("triage.views.urls")),
]


def server_error(request: HttpRequest) -> HttpResponse:
    """500 as JSON below /api/, as a page elsewhere."""
    if request.path.startswith("/api/"):
        return as_json(500, "server_error", "something broke here; it has been logged")
    return defaults.server_error(request)


handler500 = server_error
