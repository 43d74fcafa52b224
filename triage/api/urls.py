"""Addresses below /api/v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from triage.api import classifications, desk, notifications, quarantine, skyportal, tns, views, webhooks
from triage.api.errors import unknown_address

urlpatterns = [
    path("", views.IndexView.as_view(), name="api-index"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("spectra/", views.SpectraView.as_view(), name="api-spectra"),
    path("spectra/<int:spectrum_id>/", views.SpectrumView.as_view(), name="api-spectrum"),
    path("spectra/<int:spectrum_id>/arrays/", views.SpectrumArraysView.as_view(), name="api-arrays"),
    path("spectra/<int:spectrum_id>/original/", views.SpectrumOriginalView.as_view(), name="api-original"),
    path("spectra/<int:spectrum_id>/reread/", views.RereadView.as_view(), name="api-reread"),
    path("spectra/<int:spectrum_id>/discard/", quarantine.DiscardView.as_view(), name="api-discard"),
    path("spectra/<int:spectrum_id>/restore/", quarantine.RestoreView.as_view(), name="api-restore"),
    path("transients/", views.TransientsView.as_view(), name="api-transients"),
    path("transients/<str:name>/", views.TransientView.as_view(), name="api-transient"),
    path("transients/<str:name>/decisions/", views.DecisionsView.as_view(), name="api-decisions"),
    path("decisions/<int:decision_id>/", views.DecisionView.as_view(), name="api-decision"),
    path("queue/", desk.QueueView.as_view(), name="api-queue"),
    path("queue/bulk/", desk.BulkView.as_view(), name="api-bulk"),
    path("batches/<uuid:batch>/", desk.BatchView.as_view(), name="api-batch"),
    path("policies/", desk.PoliciesView.as_view(), name="api-policies"),
    path("agreement/", desk.AgreementView.as_view(), name="api-agreement"),
    path("night/", desk.NightView.as_view(), name="api-night"),
    path("classifications/", classifications.ClassificationsView.as_view(), name="api-classifications"),
    path("skyportal/instances/", skyportal.InstancesView.as_view(), name="api-skyportals"),
    path("skyportal/instances/<int:instance_id>/sync/", skyportal.SyncView.as_view(), name="api-sync"),
    path("skyportal/runs/", skyportal.RunsView.as_view(), name="api-runs"),
    path("skyportal/runs/<int:run_id>/", skyportal.RunView.as_view(), name="api-run"),
    path("skyportal/outbox/", skyportal.OutboxView.as_view(), name="api-outbox"),
    path("skyportal/outbox/<int:post_id>/", skyportal.PostView.as_view(), name="api-post"),
    path("skyportal/analysis/", skyportal.AnalysisView.as_view(), name="api-analysis"),
    path("transients/<str:name>/tns/", tns.TransientTnsView.as_view(), name="api-tns"),
    path("tns/", tns.TnsReportsView.as_view(), name="api-tns-reports"),
    path("tns/<int:report_id>/settle/", tns.SettleView.as_view(), name="api-settle-tns"),
    path("webhooks/", webhooks.WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/<int:webhook_id>/", webhooks.WebhookView.as_view(), name="api-webhook"),
    path("webhooks/<int:webhook_id>/replay/", webhooks.ReplayView.as_view(), name="api-replay"),
    path("notifications/", notifications.NotificationsView.as_view(), name="api-notifications"),
    re_path(r"^(?P<path>.*)$", unknown_address),
]
