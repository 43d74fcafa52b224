"""Addresses of the pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from triage.views import health, lists, queue, review, tokens, upload

urlpatterns = [
    path("", queue.queue_page, name="queue"),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("queue/counts/", queue.queue_counts, name="queue-counts"),
    path("upload/", upload.upload_page, name="upload"),
    path("vetted/", lists.vetted_page, name="vetted"),
    path("quarantine/", lists.quarantine_page, name="quarantine"),
    path("transients/<str:name>/", review.review_page, name="review"),
    path("transients/<str:name>/plot/", review.plot_json, name="plot"),
    path("transients/<str:name>/decide/", review.decide, name="decide"),
    path("decisions/<int:decision_id>/undo/", review.undo, name="undo"),
    path("spectra/<int:spectrum_id>/original/", review.original, name="original"),
    path("account/tokens/", tokens.tokens_page, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke-token"),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
