"""Forms lead back to the page that they were sent from, and only to a path of this desk."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["foo", "1", "nan", "[]", "queue", "//example.org/", ""])
def test_an_address_that_is_no_path_leads_to_the_queue(
    client: Client, django_user_model: type[User], address: str
) -> None:
    client.force_login(django_user_model.objects.create_user("ada"))
    for form in (reverse("show-demo"), "/decisions/1/undo/", "/comments/1/withdraw/"):
        answer = client.post(form, {"from": address, "shown": "1"})
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("queue"))


def test_a_group_name_with_nul_is_an_unknown_group(client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("ada"))
    assert client.post("/policies/automatic/switch/", {"group": "\0"}).status_code < 500
