"""Addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from triage.views import health, lists, metrics, queue, review, skyportal, tns, tokens, upload, webhooks
from triage.views.login import LoginPage

urlpatterns = [
    path("", queue.queue_page, name="queue"),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", metrics.metrics_page, name="metrics"),
    path("queue/counts/", queue.queue_counts, name="queue-counts"),
    path("upload/", upload.upload_page, name="upload"),
    path("vetted/", lists.vetted_page, name="vetted"),
    path("quarantine/", lists.quarantine_page, name="quarantine"),
    path("transients/<str:name>/", review.review_page, name="review"),
    path("transients/<str:name>/plot/", review.plot_json, name="plot"),
    path("transients/<str:name>/decide/", review.decide, name="decide"),
    path("decisions/<int:decision_id>/undo/", review.undo, name="undo"),
    path("spectra/<int:spectrum_id>/original/", review.original, name="original"),
    path("skyportal/", skyportal.skyportal_page, name="skyportal"),
    path("skyportal/add/", skyportal.edit_instance, name="add-skyportal"),
    path("skyportal/<int:instance_id>/", skyportal.edit_instance, name="edit-skyportal"),
    path("skyportal/<int:instance_id>/sync/", skyportal.sync_now, name="sync-skyportal"),
    path("skyportal/outbox/", skyportal.outbox_page, name="skyportal-outbox"),
    path("skyportal/outbox/<int:post_id>/<str:action>/", skyportal.answer_post, name="answer-post"),
    path("tns/", tns.reports_page, name="tns-reports"),
    path("tns/<int:report_id>/settle/", tns.settle, name="settle-tns"),
    path("transients/<str:name>/tns/", tns.report_page, name="tns"),
    path("transients/<str:name>/tns/report.json", tns.report_json, name="tns-json"),
    path("transients/<str:name>/tns/spectrum.txt", tns.report_ascii, name="tns-ascii"),
    path("transients/<str:name>/tns/send/", tns.send, name="send-tns"),
    path("account/tokens/", tokens.tokens_page, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke-token"),
    path("account/webhooks/", webhooks.webhooks_page, name="webhooks"),
    path("account/webhooks/<int:webhook_id>/<str:action>/", webhooks.change, name="change-webhook"),
    path("login/", LoginPage.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
