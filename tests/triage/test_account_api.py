"""Over REST what the pages can: tokens, saved views, claims, light curves, connections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from tests.triage.test_review import classified
from triage import claims
from triage.models import ApiToken, Notification, Photometry, Scope, SkyPortalInstance, Transient

pytestmark = pytest.mark.django_db
API = "/api/v1"
CURVE = b"mjd,filter,mag,error\n61002,g,18.5,\n61000,r,18.1,0.1\n61001,r,>20.5,\n"


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "ePESSTO")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


def api(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def with_key(key: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Token {key}"})


def with_token(user: User, *scopes: Scope, days: int | None = None) -> APIClient:
    end = None if days is None else timezone.now() + timedelta(days=days)
    return with_key(ApiToken.issue(user, "the asking one", scopes, end)[1])


def test_a_token_is_made_shown_once_used_and_revoked(ada: User, ben: User) -> None:
    made = api(ada).post(f"{API}/tokens/", {"label": "telescope", "scopes": ["upload"]})
    assert made.status_code == 201
    token = made.json()
    assert token["scopes"] == ["upload"]
    assert token["expires_at"] is not None
    assert with_key(token["key"]).get(f"{API}/queue/").status_code == 200
    (listed,) = api(ada).get(f"{API}/tokens/").json()["results"]
    assert token["key"] not in str(listed)
    assert api(ben).get(f"{API}/tokens/").json()["results"] == []
    assert api(ben).delete(f"{API}/tokens/{token['id']}/").status_code == 404
    assert api(ada).delete(f"{API}/tokens/{token['id']}/").status_code == 204
    assert with_key(token["key"]).get(f"{API}/queue/").status_code == 401
    assert api(ada).delete(f"{API}/tokens/{token['id']}/").status_code == 404


def test_a_token_hands_on_no_more_than_it_has(ada: User) -> None:
    asking = with_token(ada, Scope.DECIDE, days=10)

    def ask(**sent: Any) -> Any:
        return asking.post(f"{API}/tokens/", {"label": "x", **sent})

    later = (timezone.now() + timedelta(days=11)).isoformat()
    for wider in (
        {"scopes": ["upload"]},
        {"scopes": ["decide", "upload"]},
        {"expires_at": None},
        {"expires_at": later},
    ):
        refused = ask(**wider)
        assert (refused.status_code, refused.json()["code"]) == (403, "wider_token"), wider
    same = ask(scopes=["decide"]).json()
    ends = dict(ApiToken.objects.values_list("id", "expires_at"))
    assert ends[same["id"]] == ApiToken.objects.get(label="the asking one").expires_at
    assert ask(scopes=[]).json()["scopes"] == []
    assert ApiToken.objects.count() == 3


def test_what_a_token_made_is_revoked_with_it(ada: User) -> None:
    first = api(ada).post(f"{API}/tokens/", {"label": "first", "scopes": ["decide"]}).json()
    child = with_key(first["key"]).post(f"{API}/tokens/", {"label": "child", "scopes": ["decide"]}).json()
    grandchild = with_key(child["key"]).post(f"{API}/tokens/", {"label": "grandchild"}).json()
    assert with_key(child["key"]).delete(f"{API}/tokens/{first['id']}/").json()["code"] == "wider_token"
    assert with_key(grandchild["key"]).get(f"{API}/queue/").status_code == 200
    assert api(ada).delete(f"{API}/tokens/{first['id']}/").status_code == 204
    for made in (first, child, grandchild):
        assert with_key(made["key"]).get(f"{API}/queue/").status_code == 401


def test_a_token_without_the_scope_to_decide_makes_none(ada: User) -> None:
    for scopes in ((), (Scope.UPLOAD,)):
        refused = with_token(ada, *scopes).post(f"{API}/tokens/", {"label": "x"})
        assert refused.json()["code"] == "insufficient_scope"


def test_a_token_that_ends_before_it_begins_is_refused(ada: User) -> None:
    sent = {"label": "x", "expires_at": "2020-01-01T00:00:00Z"}
    assert api(ada).post(f"{API}/tokens/", sent).json()["code"] == "invalid_action"
    assert not ApiToken.objects.exists()


def send_curve(user: User, name: str = "X", content: bytes = CURVE, **sent: Any) -> Any:
    file = SimpleUploadedFile("x.csv", content)
    return api(user).post(f"{API}/transients/{name}/photometry/", {"file": file, **sent}, format="multipart")


def test_a_light_curve_is_sent_listed_read_as_points_and_removed(ada: User, ben: User) -> None:
    classified(ada)
    sent = send_curve(ada)
    assert (sent.status_code, sent.json()["skipped"], sent.json()["unit"]) == (201, 0, "mag")
    number = sent.json()["id"]
    assert send_curve(ada).json()["id"] == number
    (row,) = api(ben).get(f"{API}/transients/X/photometry/").json()["results"]
    assert (row["id"], row["filename"], row["uploaded_by"]) == (number, "x.csv", "ada")
    assert "points" not in row
    curve = api(ben).get(f"{API}/photometry/{number}/").json()
    # A magnitude without an error is a limit.
    assert [(limit["mjd"], limit["value"]) for limit in curve["limits"]] == [(61001.0, 20.5), (61002.0, 18.5)]
    assert curve["points"] == [{"mjd": 61000.0, "filter": "r", "value": 18.1, "error": 0.1}]
    assert api(ben).delete(f"{API}/photometry/{number}/").status_code == 404
    assert api(ada).delete(f"{API}/photometry/{number}/").status_code == 204
    assert not Photometry.objects.exists()


def test_a_groups_light_curve_is_its_members_alone(ada: User, ben: User) -> None:
    classified(ada)
    number = send_curve(ada, group="ePESSTO").json()["id"]
    assert api(ben).get(f"{API}/transients/X/photometry/").json()["results"] == []
    assert api(ben).get(f"{API}/photometry/{number}/").status_code == 404
    assert send_curve(ben, group="ePESSTO").status_code == 400


def test_a_file_that_is_no_light_curve_is_refused_with_the_reason(ada: User) -> None:
    classified(ada)
    refused = send_curve(ada, content=b"a,b\n1,2\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "unreadable_light_curve")


def test_a_filter_of_the_queue_is_kept_under_a_name(ada: User, ben: User) -> None:
    kept = {"class_name": "TDE", "above": 60, "arrived_from": "2026-11-01", "mine": True, "state": "disputed"}
    saved = api(ada).post(f"{API}/queue/views/", {"name": "mine", "filter": kept}, format="json")
    assert saved.status_code == 201
    assert ada.saved_views.get().query == "?state=disputed&class=TDE&from=2026-11-01&above=60.0&mine=1"
    (row,) = api(ada).get(f"{API}/queue/views/").json()["results"]
    assert api(ada).get(f"{API}/queue/", row["filter"]).status_code == 200
    assert row["filter"] == {key: {True: "true", 60: "60.0"}.get(value, value) for key, value in kept.items()}
    assert api(ben).delete(f"{API}/queue/views/{row['id']}/").status_code == 404
    assert api(ada).delete(f"{API}/queue/views/{row['id']}/").status_code == 204
    assert not ada.saved_views.exists()


def test_a_claim_is_taken_taken_over_and_given_up(ada: User, ben: User) -> None:
    transient = classified(ada)
    assert api(ada).post(f"{API}/transients/X/claim/").json()["reviewer"] == "ada"
    assert api(ben).post(f"{API}/transients/X/claim/").json()["code"] == "claimed"
    taken = api(ben).post(f"{API}/transients/X/claim/", {"take_over": True}, format="json")
    assert (taken.status_code, taken.json()["reviewer"]) == (200, "ben")
    assert api(ben).delete(f"{API}/transients/X/claim/").status_code == 204
    assert claims.standing_claim(transient) is None


def test_the_queue_is_counted_and_offered_for_confirmation_over_rest(ada: User) -> None:
    classified(ada)
    assert api(ada).get(f"{API}/queue/counts/").json()["pending"] == 1
    offered = api(ada).get(f"{API}/queue/bulk/?threshold=50").json()
    assert offered["last_decision"] == 0
    assert [row["transient"] for row in offered["results"]] in ([], ["X"])
    assert api(ada).get(f"{API}/queue/bulk/?threshold=1").status_code == 400


def test_a_test_message_is_asked_for_and_listed(ada: User) -> None:
    assert api(ada).patch(f"{API}/notifications/", {"email": "ada@example.org"}, format="json").status_code == 200
    assert api(ada).post(f"{API}/notifications/test/").status_code == 202
    assert Notification.objects.get().kind == "test"
    (row,) = api(ada).get(f"{API}/notifications/latest/").json()["results"]
    assert (row["kind"], row["channel"]) == ("test", "email")


def connect(user: User, **sent: Any) -> Any:
    body = {"name": "Fritz", "url": "https://fritz.example", "token": "a secret", "group": "ePESSTO", **sent}
    return api(user).post(f"{API}/skyportal/instances/", body, format="json")


def test_staff_connect_a_skyportal_and_change_it_and_its_token_is_never_shown(ada: User, ben: User) -> None:
    assert connect(ada).status_code == 403
    ada.is_staff = True
    ada.save()
    made = connect(ada, remote_groups=[4, 17])
    assert made.status_code == 201, made.json()
    assert "a secret" not in str(made.json())
    instance = SkyPortalInstance.objects.get()
    assert (instance.token, instance.remote_groups, instance.enabled) == ("a secret", [4, 17], True)
    SkyPortalInstance.objects.update(reconciled_at=timezone.now())
    where = f"{API}/skyportal/instances/{instance.pk}/"
    changed = api(ada).patch(where, {"enabled": False}, format="json")
    assert (changed.status_code, changed.json()["enabled"], changed.json()["remote_groups"]) == (200, False, [4, 17])
    instance.refresh_from_db()
    assert (instance.token, instance.reconciled_at is None) == ("a secret", False)
    assert api(ben).get(where).status_code == 404


def test_what_the_page_refuses_of_a_connection_the_api_refuses_too(ada: User) -> None:
    ada.is_staff = True
    ada.save()
    assert "token" in connect(ada, token="").json()["fields"]
    assert "url" in connect(ada, url="file:///etc/passwd").json()["fields"]
    assert "group" in connect(ada, group="4MOST").json()["fields"]
    assert "share_with" in connect(ada, decisions="always").json()["fields"]
    assert connect(ada).status_code == 201
    where = f"{API}/skyportal/instances/{SkyPortalInstance.objects.get().pk}/"
    assert "token" in api(ada).patch(where, {"url": "https://elsewhere.example"}, format="json").json()["fields"]


def test_the_words_of_the_queue_are_those_of_the_page(ada: User, ben: User) -> None:
    transient = classified(ada)
    claims.claim(ben, transient)
    for where in ("queue", "transients"):
        (row,) = api(ada).get(f"{API}/{where}/?state=in_review").json()["results"]
        assert row["state"] == "in_review"
        assert api(ada).get(f"{API}/{where}/?state=done").json()["results"] == []
    claims.release(ben, transient)
    sent = {"verdict": "override", "class_name": "TDE"}
    assert api(ada).post(f"{API}/transients/X/decisions/", sent, format="json").status_code == 201
    assert api(ada).get(f"{API}/queue/?state=in_review").json()["results"] == []
    for where, state in (("queue", "done"), ("transients", "done"), ("transients", "vetted")):
        (row,) = api(ada).get(f"{API}/{where}/?state={state}").json()["results"]
        assert row["state"] == "done"
    assert Transient.objects.count() == 1
