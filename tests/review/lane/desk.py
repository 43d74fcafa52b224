"""A desk with an automatic policy, for the tests of what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from tests.factories import classified
from triage.models import AutomaticClassification, AutomaticRun, Prediction, Transient
from triage.queue.filters import QueueFilter
from triage.review import automatic, lane

POLICY = {"class_names": ["SN Ia"], "share_for_people": 0.0, "allowed_false_rate": 0.5}


def keeper(make_user: Callable[..., User]) -> User:
    """Return ada, who keeps the policies of her group and of public spectra."""
    user = make_user("ada", "ePESSTO")
    user.is_staff = True
    user.save()
    return user


def predicted(user: User, name: str, seed: int = 1, group: Group | None = None, **values: Any) -> Transient:
    """Return a transient whose prediction has these values, by default those of a sure SN Ia."""
    transient = classified(user, name, seed, group=group)
    sure = {
        "class_name": "SN Ia",
        "uncertainty": 0.01,
        "novelty": 0.2,
        "conformal_set": ["SN Ia"],
        "crosscheck": {"class": "SN Ia", "redshift": 0.03, "score": 20.0},
    }
    Prediction.objects.filter(spectrum__transient=transient, spectrum__group=group).update(**{**sure, **values})
    return transient


def switched_on(user: User, group: str = "", limit: int | None = 100, **values: Any) -> AutomaticRun:
    """Store a policy that passes sure SNe Ia, and switch it on; the desk must have a checkpoint."""
    automatic.change_policy(user, group, {**POLICY, **values})
    return automatic.switch_on(user, group, limit)


def drawn(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the draw choose the transients of these names."""

    def is_drawn(run: AutomaticRun, transient_id: int) -> bool:
        return Transient.objects.get(pk=transient_id).name in names

    monkeypatch.setattr(lane, "is_drawn", is_drawn)


def standing(user: User) -> dict[str, str]:
    rows = AutomaticClassification.objects.visible_to(user).standing()
    return dict(rows.values_list("transient__name", "class_name"))


def in_state(user: User, state: str) -> list[str]:
    return list(QueueFilter(state=state).rows(user).values_list("name", flat=True))
