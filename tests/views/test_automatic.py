"""Page of the automatic policies, without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import classified, override, queries
from triage.models import AutomaticPolicy, Prediction

pytestmark = pytest.mark.django_db
LOOSE = {"group": "", "class_names": ["SN Ia"], "probability": "50", "share_for_people": "5", "allowed_false_rate": "1"}


def page_of(browser: Client, **sent: Any) -> str:
    return browser.get(reverse("automatic"), sent).content.decode()


def test_a_dry_run_names_the_transients_on_which_people_disagreed(browser: Client, ada: User) -> None:
    transient = classified(ada)
    Prediction.objects.update(class_name="SN Ia", uncertainty=0.25)
    assert "nothing is vetted yet" in page_of(browser, **LOOSE)
    override(ada, transient, "TDE")
    page = page_of(browser, **LOOSE)
    assert f"{reverse('review', args=['X'])}?spectrum=" in page
    assert "95 % interval 21 to 100 %" in page
    assert "larger than the allowed 1 %" in page
    assert 'value="SN Ia" checked' in page
    assert "Keep this policy" not in page


def test_staff_keep_and_remove_the_policy_that_was_tried(browser: Client, ben: User) -> None:
    assert "may change an automatic policy" in browser.post(reverse("automatic"), LOOSE, follow=True).content.decode()
    ben.is_staff = True
    ben.save()
    assert "Keep this policy" in page_of(browser, **LOOSE, set_of_one="1", novelty="0.9")
    fields = (
        browser.get(reverse("automatic"), {**LOOSE, "set_of_one": "1", "novelty": "0.9"}).context["panels"][0].fields
    )
    sent = {**dict(fields), "class_names": ["SN Ia"]}
    page = browser.post(reverse("automatic"), sent, follow=True).content.decode()
    assert "Kept: SN Ia; probability at least 50 %, novelty at most 0.9, the 90 % set holds the class alone." in page
    kept = AutomaticPolicy.objects.get()
    assert (kept.probability, kept.novelty, kept.signal_to_noise) == (0.5, 0.9, None)
    assert (kept.set_of_one, kept.template_agrees, kept.share_for_people) == (True, False, 0.05)
    assert "Remove the policy" in page_of(browser, **{**LOOSE, "class_names": []})
    browser.post(reverse("automatic"), {**LOOSE, "class_names": []})
    assert not AutomaticPolicy.objects.exists()


@pytest.mark.parametrize(
    "nonsense", [{"probability": "x"}, {"probability": "180"}, {"class_names": ["Nova of mine"]}, {"group": "none"}]
)
def test_the_page_refuses_a_policy_that_makes_no_sense(browser: Client, ben: User, nonsense: dict[str, Any]) -> None:
    answer = browser.get(reverse("automatic"), {**LOOSE, **nonsense})
    assert answer.status_code == 400
    assert "Not tried" in answer.content.decode()
    ben.is_staff = True
    ben.save()
    page = browser.post(reverse("automatic"), {**LOOSE, **nonsense}, follow=True).content.decode()
    assert "Not kept" in page
    assert not AutomaticPolicy.objects.exists()


def test_a_dry_run_on_the_page_takes_as_many_queries_for_many_transients_as_for_one(browser: Client, ada: User) -> None:
    path = f"{reverse('automatic')}?class_names=SN+Ia&probability=1&share_for_people=5&allowed_false_rate=1"
    for seed in (1, 2, 3):
        override(ada, classified(ada, f"T{seed}", seed), "TDE")
        Prediction.objects.update(class_name="SN Ia")
        if seed == 1:
            few = queries(browser, path)
    assert queries(browser, path) <= few
