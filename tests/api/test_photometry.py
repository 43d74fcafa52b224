"""Light curves over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api_client import API, session_client
from tests.factories import classified
from triage.models import Photometry

pytestmark = pytest.mark.django_db

CURVE = b"mjd,filter,mag,error\n61002,g,18.5,\n61000,r,18.1,0.1\n61001,r,>20.5,\n"


def send_curve(user: User, name: str = "X", content: bytes = CURVE, **sent: Any) -> Any:
    file = SimpleUploadedFile("x.csv", content)
    return session_client(user).post(f"{API}/transients/{name}/photometry/", {"file": file, **sent}, format="multipart")


def test_a_light_curve_can_be_sent_listed_read_and_removed(ada: User, ben: User) -> None:
    classified(ada)
    sent = send_curve(ada)
    assert (sent.status_code, sent.json()["skipped"], sent.json()["unit"]) == (201, 0, "mag")
    number = sent.json()["id"]
    assert send_curve(ada).json()["id"] == number
    (row,) = session_client(ben).get(f"{API}/transients/X/photometry/").json()["results"]
    assert (row["id"], row["filename"], row["uploaded_by"]) == (number, "x.csv", "ada")
    assert "points" not in row
    curve = session_client(ben).get(f"{API}/photometry/{number}/").json()
    # A magnitude without an error is a limit.
    assert [(limit["mjd"], limit["value"]) for limit in curve["limits"]] == [(61001.0, 20.5), (61002.0, 18.5)]
    assert curve["points"] == [{"mjd": 61000.0, "filter": "r", "value": 18.1, "error": 0.1}]
    assert session_client(ben).delete(f"{API}/photometry/{number}/").status_code == 404
    assert session_client(ada).delete(f"{API}/photometry/{number}/").status_code == 204
    assert not Photometry.objects.exists()


def test_a_groups_light_curve_is_visible_to_its_members_only(ada: User, ben: User) -> None:
    classified(ada)
    number = send_curve(ada, group="ePESSTO").json()["id"]
    assert session_client(ben).get(f"{API}/transients/X/photometry/").json()["results"] == []
    assert session_client(ben).get(f"{API}/photometry/{number}/").status_code == 404
    assert send_curve(ben, group="ePESSTO").status_code == 400


def test_a_file_without_a_light_curve_is_refused_with_the_reason(ada: User) -> None:
    classified(ada)
    refused = send_curve(ada, content=b"a,b\n1,2\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "unreadable_light_curve")
