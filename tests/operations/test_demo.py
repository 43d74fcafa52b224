"""The demo night and its login."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from triage.inference import worker
from triage.models import ApiToken, Classification, Decision, Spectrum, SpectrumState, Transient
from triage.operations import demo

pytestmark = pytest.mark.django_db


def test_the_demo_night_is_marked_as_simulated_and_has_no_decisions() -> None:
    user = User.objects.create_user("demo")
    count = demo.seed(user)
    assert 38 <= count <= 44
    assert Spectrum.objects.filter(simulated=True).count() == count
    assert Transient.objects.filter(simulated=True).count() == Transient.objects.count()
    worker.process_backlog()
    assert Spectrum.objects.filter(state=SpectrumState.CLASSIFIED).count() == count
    assert not Decision.objects.exists()
    assert not Classification.objects.exists()
    assert demo.seed(user) == 0


def test_the_demo_login_is_stored_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    login = demo.demo_login(file)
    demo.write_login(file, "http://localhost:8000/", login)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"url", "user", "password", "token"}
    assert demo.demo_login(file) == login
    user = User.objects.get(username=login.user)
    assert user.check_password(login.password)
    assert ApiToken.objects.get().key_hash == ApiToken.hash_key(login.token)


def test_a_lost_login_file_is_replaced_with_a_new_password(tmp_path: Path) -> None:
    first = demo.demo_login(tmp_path / "demo.json")
    second = demo.demo_login(tmp_path / "demo.json")
    assert first.password != second.password
    assert User.objects.get().check_password(second.password)
