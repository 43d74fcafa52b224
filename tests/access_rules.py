"""Expected answers of every address to each visitor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.world import MARK, private_file

JSON_ONLY = tuple(f"/api/v1/{part}/" for part in ("skyportal", "tns", "webhooks", "notifications", "tokens"))


VISITORS = ("anonymous", "stranger", "member", "staff")


@dataclasses.dataclass(frozen=True)
class Rule:
    """Expected answers of one address.

    GET, POST, DELETE, PUT, PATCH: statuses for anonymous, stranger, member of the group, and staff of another group.
    shows: whether the member sees private text there, so that the test would notice if others saw it.
    like_missing: whether a private record must look to a stranger like a missing one.
    for_staff: whether staff may see it and change it too, though they are not in the group.
    body: function that returns the fields that POST sends.
    params: parts of the path, by name.
    query: function that returns what stands after the path of a GET.
    """

    GET: tuple[int, int, int, int] | None = None
    POST: tuple[int, int, int, int] | None = None
    DELETE: tuple[int, int, int, int] | None = None
    PUT: tuple[int, int, int, int] | None = None
    PATCH: tuple[int, int, int, int] | None = None
    shows: bool = False
    like_missing: bool = False
    for_staff: bool = False
    body: Callable[[], dict[str, Any]] = dict
    params: tuple[tuple[str, str], ...] = ()
    query: Callable[[], str] = str


OPEN = Rule(GET=(200, 200, 200, 200))


PAGE = Rule(GET=(302, 200, 200, 200), shows=True)


FORM = Rule(GET=(302, 200, 200, 200), POST=(302, 200, 200, 200))


LIST = Rule(GET=(401, 200, 200, 200), shows=True)


PRIVATE_PAGE = Rule(GET=(302, 404, 200, 404), shows=True, like_missing=True)


PRIVATE = Rule(GET=(401, 404, 200, 404), shows=True, like_missing=True)


# An action answers with a redirect; others are told there that no such record exists.
ACT = Rule(POST=(302, 302, 302, 302), like_missing=True)


STAFF_FORM = Rule(GET=(302, 403, 403, 200), POST=(302, 403, 403, 200))


def upload() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("sent.txt", private_file())}


def uploads() -> dict[str, Any]:
    return {"spectra": [SimpleUploadedFile("sent.txt", private_file())]}


def manifest() -> dict[str, Any]:
    return {"manifest": SimpleUploadedFile("manifest.csv", b"file,redshift\na.txt,0.1\n")}


def photometry() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("sent.csv", b"mjd,filter,mag\n60000,r,18\n")}


def push() -> dict[str, Any]:
    return {"callback_url": f"https://{MARK}.example/api/webhook/obj_analysis/1", "inputs": {"spectra": "a,b"}}


def submission() -> dict[str, Any]:
    return {"target": "sandbox", "confirmation": "2026abc"}


def tonight() -> str:
    """Return the running night, which the digest does not show by default between noon and midnight UTC."""
    return f"?date={(timezone.now() - timedelta(hours=12)).date()}"


def change(rule: Rule, **changes: Any) -> Rule:
    return dataclasses.replace(rule, **changes)


RULES: dict[str, Rule] = {
    "api/v1/": change(LIST, shows=False),
    "api/v1/schema/": OPEN,
    "api/v1/spectra/": change(LIST, POST=(401, 202, 202, 202), body=upload),
    "api/v1/spectra/batch/": Rule(POST=(401, 200, 200, 200), body=upload),
    "api/v1/uploads/": change(LIST, POST=(401, 201, 201, 201)),
    "api/v1/uploads/<int:upload_id>/": PRIVATE,
    "api/v1/manifests/": Rule(POST=(401, 200, 200, 200), body=manifest),
    "api/v1/spectra/<int:spectrum_id>/": change(PRIVATE, PATCH=(401, 404, 200, 404)),
    "api/v1/spectra/<int:spectrum_id>/acts/": PRIVATE,
    "api/v1/spectra/<int:spectrum_id>/acts/<int:act_id>/undo/": Rule(POST=(401, 404, 200, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/arrays/": change(PRIVATE, shows=False),
    "api/v1/spectra/<int:spectrum_id>/line/": Rule(GET=(401, 404, 400, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/original/": PRIVATE,
    # To a stranger, a private spectrum looks like a missing one.
    "api/v1/spectra/<int:spectrum_id>/twins/": change(PRIVATE, shows=False),
    # This prediction has no stored attribution.
    "api/v1/spectra/<int:spectrum_id>/evidence/": Rule(GET=(401, 404, 404, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/reread/": Rule(POST=(401, 404, 202, 404), like_missing=True),
    # The private spectrum cannot be moved, because a decision rests on it.
    "api/v1/spectra/<int:spectrum_id>/move/": Rule(
        POST=(401, 404, 409, 404), like_missing=True, body=lambda: {"transient": "ELSEWHERE"}
    ),
    # The private spectrum cannot be discarded, because it was classified.
    "api/v1/spectra/<int:spectrum_id>/discard/": Rule(POST=(401, 404, 409, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/restore/": Rule(POST=(401, 404, 409, 404), like_missing=True),
    "api/v1/transients/": LIST,
    "api/v1/transients/<str:name>/": change(PRIVATE, PATCH=(401, 404, 200, 404)),
    "api/v1/transients/<str:name>/acts/": PRIVATE,
    "api/v1/transients/<str:name>/acts/<int:correction_id>/undo/": Rule(POST=(401, 404, 200, 404), like_missing=True),
    "api/v1/transients/<str:name>/decisions/": Rule(
        POST=(401, 404, 201, 404), like_missing=True, body=lambda: {"verdict": "unsure"}
    ),
    "api/v1/transients/<str:name>/comments/": change(
        PRIVATE, POST=(401, 404, 201, 404), body=lambda: {"text": "a remark"}
    ),
    "api/v1/comments/<int:comment_id>/": Rule(DELETE=(401, 404, 200, 404), like_missing=True),
    "api/v1/inbox/": LIST,
    "api/v1/inbox/read/": Rule(POST=(401, 200, 200, 200)),
    "api/v1/transients/<str:name>/claim/": Rule(
        POST=(401, 404, 200, 404), DELETE=(401, 404, 204, 404), like_missing=True
    ),
    "api/v1/transients/<str:name>/photometry/": change(PRIVATE, POST=(401, 404, 201, 404), body=photometry),
    "api/v1/photometry/<int:photometry_id>/": change(PRIVATE, DELETE=(401, 404, 204, 404)),
    "api/v1/decisions/<int:decision_id>/": Rule(DELETE=(401, 404, 200, 404), like_missing=True),
    "api/v1/queue/": change(LIST, shows=False),
    "api/v1/queue/counts/": change(LIST, shows=False),
    "api/v1/queue/views/": change(LIST, POST=(401, 201, 201, 201), body=lambda: {"name": "a view"}),
    "api/v1/queue/views/<int:view_id>/": Rule(DELETE=(401, 404, 204, 404), like_missing=True),
    # The empty body lacks name, address and token.
    "api/v1/skyportal/instances/": change(LIST, POST=(401, 403, 403, 400)),
    # The member of the group is not staff, and the staff belong to another group.
    "api/v1/skyportal/instances/<int:instance_id>/": change(PRIVATE, PATCH=(401, 403, 403, 404)),
    "api/v1/skyportal/instances/<int:instance_id>/sync/": Rule(POST=(401, 404, 202, 404), like_missing=True),
    "api/v1/skyportal/runs/": LIST,
    "api/v1/skyportal/runs/<int:run_id>/": PRIVATE,
    "api/v1/skyportal/outbox/": LIST,
    "api/v1/skyportal/outbox/<int:post_id>/": Rule(
        POST=(401, 404, 200, 404), like_missing=True, body=lambda: {"action": "approve"}
    ),
    # The callback belongs to the private connection, which only its group may use.
    "api/v1/skyportal/analysis/": Rule(POST=(401, 400, 200, 400), body=push),
    "api/v1/transients/<str:name>/tns/": change(PRIVATE, POST=(401, 404, 409, 404), body=submission),
    "api/v1/tns/": LIST,
    "api/v1/tns/<int:report_id>/settle/": Rule(
        POST=(401, 404, 409, 404), like_missing=True, body=lambda: {"arrived": True}
    ),
    "api/v1/webhooks/": change(LIST, POST=(401, 400, 400, 400)),
    "api/v1/webhooks/<int:webhook_id>/": Rule(
        GET=(401, 404, 200, 404), DELETE=(401, 404, 204, 404), shows=True, like_missing=True
    ),
    "api/v1/webhooks/<int:webhook_id>/replay/": Rule(POST=(401, 404, 200, 404), like_missing=True),
    "api/v1/tokens/": change(LIST, POST=(401, 201, 201, 201), body=lambda: {"label": "a token"}),
    "api/v1/tokens/<int:token_id>/": Rule(DELETE=(401, 404, 204, 404), like_missing=True),
    "api/v1/notifications/test/": Rule(POST=(401, 202, 202, 202)),
    "api/v1/notifications/latest/": LIST,
    "api/v1/notifications/": Rule(GET=(401, 200, 200, 200), PATCH=(401, 200, 200, 200), shows=True),
    "api/v1/queue/bulk/": Rule(
        GET=(401, 200, 200, 200), POST=(401, 200, 200, 200), body=lambda: {"predictions": {"SN 1000none": 1}}
    ),
    "api/v1/batches/<uuid:batch>/": Rule(DELETE=(401, 404, 200, 404), like_missing=True),
    # The empty body is refused.
    "api/v1/policies/": change(LIST, PUT=(401, 400, 400, 400)),
    "api/v1/policies/automatic/": change(LIST, PUT=(401, 400, 400, 400)),
    "api/v1/policies/automatic/switch/": Rule(POST=(401, 400, 400, 400)),
    "api/v1/policies/automatic/dry_run/": Rule(POST=(401, 400, 400, 400)),
    "api/v1/agreement/": change(LIST, shows=False),
    "api/v1/night/": change(LIST, shows=False),
    "api/v1/night/digest/": change(LIST, query=tonight),
    "api/v1/classifications/": LIST,
    "api/v1/^(?P<path>.*)$": Rule(GET=(404,) * 4, POST=(404,) * 4, DELETE=(404,) * 4),
    "api/docs/": OPEN,
    "favicon.ico": Rule(GET=(302,) * 4, POST=(302,) * 4, DELETE=(302,) * 4),
    "": PAGE,
    "healthz": OPEN,
    "readyz": OPEN,
    "metrics": Rule(GET=(404,) * 4),
    "queue/counts/": change(PAGE, shows=False),
    "queue/views/": Rule(POST=(302,) * 4, body=lambda: {"name": "a view"}),
    "queue/bulk/": change(FORM, POST=(302,) * 4, body=lambda: {"row": "1 SN 1000none"}),
    "queue/bulk/<uuid:batch>/undo/": ACT,
    "night/digest/": change(PAGE, shows=False),
    "tonight/": change(PAGE, shows=False),
    "tonight/plots/": change(PAGE, shows=False),
    "agreement/": change(PAGE, shows=False),
    "policies/": change(FORM, POST=(302,) * 4, shows=True),
    "policies/automatic/switch/": Rule(POST=(302,) * 4),
    "policies/automatic/": change(FORM, POST=(302,) * 4, shows=True),
    "upload/": change(FORM, POST=(302,) * 4, body=uploads, shows=True),
    "upload/<int:upload_id>/": PRIVATE_PAGE,
    "vetted/": PAGE,
    "quarantine/": PAGE,
    "transients/<str:name>/": PRIVATE_PAGE,
    "transients/<str:name>/plot/": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/plot/samples/": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/twins/": PRIVATE_PAGE,
    "transients/<str:name>/photometry/": change(PRIVATE_PAGE, POST=(302, 404, 302, 404), body=photometry),
    "transients/<str:name>/photometry/plot/": change(PRIVATE_PAGE, shows=False),
    "photometry/<int:photometry_id>/remove/": ACT,
    "transients/<str:name>/claim/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "transients/<str:name>/decide/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, body=lambda: {"verdict": "unsure"}
    ),
    "transients/<str:name>/comments/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, body=lambda: {"text": "a remark"}
    ),
    "comments/<int:comment_id>/withdraw/": ACT,
    "inbox/": change(FORM, POST=(302,) * 4, shows=True),
    "decisions/<int:decision_id>/undo/": ACT,
    "spectra/<int:spectrum_id>/": PRIVATE_PAGE,
    "spectra/<int:spectrum_id>/facts/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "spectra/<int:spectrum_id>/acts/<int:act_id>/undo/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    # The empty form has no name.
    "transients/<str:name>/facts/": change(PRIVATE_PAGE, POST=(302, 404, 400, 404)),
    "transients/<str:name>/facts/place/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "transients/<str:name>/facts/<int:correction_id>/undo/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "spectra/<int:spectrum_id>/host/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "spectra/<int:spectrum_id>/reread/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "spectra/<int:spectrum_id>/move/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, body=lambda: {"transient": "ELSEWHERE"}
    ),
    "spectra/<int:spectrum_id>/settle/<str:action>/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, params=(("action", "discard"),)
    ),
    "spectra/<int:spectrum_id>/original/": PRIVATE_PAGE,
    "skyportal/": PAGE,
    "skyportal/add/": STAFF_FORM,
    "demo/": Rule(GET=(302, 403, 403, 200), POST=(302, 403, 403, 302)),
    "demo/show/": Rule(GET=(302, 405, 405, 405), POST=(302, 302, 302, 302)),
    # The member of the group is not staff, and the staff belong to another group.
    "skyportal/<int:instance_id>/": Rule(GET=(302, 403, 403, 404), POST=(302, 403, 403, 404), like_missing=True),
    "skyportal/<int:instance_id>/sync/": ACT,
    "skyportal/outbox/": PAGE,
    "skyportal/outbox/<int:post_id>/<str:action>/": ACT,
    "search/": PAGE,
    "tns/": PAGE,
    "tns/<int:report_id>/settle/": change(ACT, body=lambda: {"arrived": "1"}),
    "transients/<str:name>/tns/": PRIVATE_PAGE,
    "transients/<str:name>/tns/report.json": PRIVATE_PAGE,
    "transients/<str:name>/tns/spectrum.txt": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/tns/import/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "transients/<str:name>/tns/send/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "account/": PAGE,
    # The empty forms lack the present password.
    "account/password/": Rule(POST=(302, 400, 400, 400), for_staff=True),
    "account/email/": Rule(POST=(302, 400, 400, 400), for_staff=True),
    # Staff manage every group.
    "account/groups/": Rule(GET=(302, 404, 404, 200), POST=(302, 404, 404, 400), for_staff=True),
    "account/groups/<int:group_id>/settings/": Rule(POST=(302, 404, 302, 302), like_missing=True, for_staff=True),
    "account/groups/<int:group_id>/": Rule(
        GET=(302, 404, 200, 200),
        POST=(302, 404, 302, 302),
        shows=True,
        like_missing=True,
        for_staff=True,
        body=lambda: {"days": "7"},
    ),
    "account/groups/<int:group_id>/leave/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "account/groups/<int:group_id>/members/<int:user_id>/<str:action>/": Rule(
        POST=(302, 404, 302, 302), like_missing=True, for_staff=True, params=(("action", "appoint"),)
    ),
    "account/groups/<int:group_id>/invitations/<int:invitation_id>/withdraw/": Rule(
        POST=(302, 404, 302, 302), like_missing=True, for_staff=True
    ),
    # This link is not signed. tests/accounts/test_invitations.py follows good ones.
    "invitations/<str:token>/": Rule(GET=(404,) * 4, POST=(404,) * 4),
    "account/tokens/": change(FORM, shows=True),
    "account/tokens/<int:token_id>/revoke/": ACT,
    "account/webhooks/": change(FORM, shows=True),
    "account/webhooks/<int:webhook_id>/<str:action>/": change(ACT, params=(("action", "replay"),)),
    "account/notifications/": change(FORM, POST=(302, 302, 302, 302), shows=True),
    "account/notifications/test/": Rule(POST=(302,) * 4),
    # A signed-in user is redirected to the queue. Django treats a PUT there as a POST.
    "login/": Rule(GET=(200, 302, 302, 302), POST=(200, 302, 302, 302), PUT=(200, 302, 302, 302)),
    # The desk of the tests has no mail server.
    "login/forgotten/": Rule(GET=(404,) * 4, POST=(404,) * 4),
    # A link without a good signature leads to a page that says so.
    "login/new/<uidb64>/<token>/": Rule(GET=(200,) * 4, POST=(200,) * 4),
    # Nobody answers for the provider of the tests' settings, so that a visitor is sent back to the login.
    "sso/login/": Rule(GET=(302,) * 4),
    # Users are sent back to their Account page.
    "sso/callback/": Rule(GET=(302,) * 4, for_staff=True),
    "logout/": Rule(POST=(302,) * 4),
}
