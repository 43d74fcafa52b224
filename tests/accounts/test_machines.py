"""Users that own what the desk itself takes in."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.factories import send
from triage.accounts.machines import machine_user
from triage.models import Spectrum

pytestmark = pytest.mark.django_db


def test_a_machine_has_one_user_a_group_who_sees_this_group_alone_and_cannot_sign_in() -> None:
    first, second = (Group.objects.create(name=name) for name in "AB")
    users = [machine_user("skyportal", group) for group in (None, first, second, first)]
    assert users[1] == users[3] != users[2]
    assert [list(user.groups.all()) for user in users[:3]] == [[], [first], [second]]
    assert not any(user.has_usable_password() for user in users)


@pytest.mark.parametrize("person", [{"password": "known to somebody"}, {"last_login": timezone.now()}])
def test_a_person_who_has_the_name_of_a_machine_joins_no_group_by_it(person: dict[str, Any]) -> None:
    group = Group.objects.create(name="A")
    impostor = User.objects.create_user(f"skyportal-{group.pk}", **person)
    machine = machine_user("skyportal", group)
    assert (list(machine.groups.all()), list(impostor.groups.all())) == ([group], [])
    assert machine_user("skyportal", group) == machine


def test_what_one_user_took_in_for_several_groups_is_divided() -> None:
    first, second = (Group.objects.create(name=name) for name in "AB")
    shared, person = machine_user("skyportal", None), User.objects.create_user("ingest", password="known to somebody")
    shared.groups.set([first, second])
    person.groups.set([first])
    for seed, group in enumerate((None, first, second)):
        send(shared, f"SN2026a{seed}", seed, group)
    send(person, "SN2026b", 9, first)
    import_module("triage.migrations.0221_machine_users").divide(apps, None)
    owners = [spectrum.uploaded_by for spectrum in Spectrum.objects.order_by("pk")]
    assert owners == [shared, machine_user("skyportal", first), machine_user("skyportal", second), person]
