"""The demonstration goes as a whole, and nothing that was observed goes with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Comment, Decision, Original, Prediction, Spectrum, Transient, Upload, UploadEntry
from triage.operations import demo
from triage.operations.demo_removal import remove_demo
from triage.review import comments, decisions, inbox
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(reviewer: User, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> User:
    """Return a reviewer with a short demo night, decided on and partly taken back, and one real transient."""
    monkeypatch.setattr(demo, "NIGHT", (("SN Ia", 2, (0.02, 0.05)),))
    demo.seed(reviewer)
    submit_spectrum(reviewer, spectrum_file(seed=1), "real.txt", Given(transient="SN2026real"))
    worker.process_backlog()
    for transient in Transient.objects.all():
        record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    second = record_decision(
        reviewer, Transient.objects.filter(simulated=True)[0], Proposal("override", class_name="AGN")
    )
    decisions.undo(reviewer, second.pk)
    upload = Upload.objects.create(user=reviewer)
    for spectrum in Spectrum.objects.all():
        UploadEntry.objects.create(upload=upload, filename=spectrum.filename, spectrum=spectrum)
    for transient in Transient.objects.all():
        comments.add(make_user(f"colleague {transient.pk}"), transient, "@reviewer look")
        inbox.mark_read(reviewer)
    return reviewer


def test_all_that_is_simulated_goes_and_the_rest_stays(desk: User) -> None:
    assert remove_demo() == 2
    assert Transient.objects.get().name == "SN2026real"
    assert Spectrum.objects.count() == Prediction.objects.count() == Original.objects.count() == 1
    assert Decision.objects.get().transient.name == "SN2026real"
    assert Comment.objects.get().transient.name == "SN2026real"
    assert UploadEntry.objects.get().spectrum == Spectrum.objects.get()
    assert remove_demo() == 0


def test_only_staff_may_remove_it_and_only_when_they_say_so(desk: User, client: Client) -> None:
    client.force_login(desk)
    assert client.post(reverse("demo")).status_code == 403
    desk.is_staff = True
    desk.save()
    assert b"2 simulated transients" in client.get(reverse("demo")).content
    assert Transient.objects.filter(simulated=True).count() == 2
    client.post(reverse("demo"))
    assert not Transient.objects.filter(simulated=True).exists()
