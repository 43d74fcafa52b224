"""Addresses below /api/v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from triage.api import views
from triage.api.errors import unknown_address

urlpatterns = [
    path("", views.IndexView.as_view(), name="api-index"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("spectra/", views.SpectraView.as_view(), name="api-spectra"),
    path("spectra/<int:spectrum_id>/", views.SpectrumView.as_view(), name="api-spectrum"),
    path("spectra/<int:spectrum_id>/arrays/", views.SpectrumArraysView.as_view(), name="api-arrays"),
    path("spectra/<int:spectrum_id>/original/", views.SpectrumOriginalView.as_view(), name="api-original"),
    path("spectra/<int:spectrum_id>/reread/", views.RereadView.as_view(), name="api-reread"),
    path("transients/", views.TransientsView.as_view(), name="api-transients"),
    path("transients/<str:name>/", views.TransientView.as_view(), name="api-transient"),
    path("transients/<str:name>/decisions/", views.DecisionsView.as_view(), name="api-decisions"),
    path("decisions/<int:decision_id>/", views.DecisionView.as_view(), name="api-decision"),
    path("queue/", views.QueueView.as_view(), name="api-queue"),
    path("classifications/", views.ClassificationsView.as_view(), name="api-classifications"),
    re_path(r"^(?P<path>.*)$", unknown_address),
]
