"""Page of the automatic policies, without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import classified, override, queries
from tests.review.lane.desk import POLICY, drawn, predicted, switched_on
from triage.models import AutomaticPolicy, Prediction
from triage.review import automatic, lane
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

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
    assert "Remove the policy" in page_of(browser)
    browser.post(reverse("automatic"), {**LOOSE, "class_names": []})
    assert not AutomaticPolicy.objects.exists()
    assert "Remove the policy" not in page_of(browser)


def test_a_dry_run_without_a_class_asks_for_one(browser: Client) -> None:
    answer = browser.get(reverse("automatic"), {**LOOSE, "class_names": []})
    assert answer.status_code == 400
    assert "tick at least one class that may pass" in answer.content.decode()
    assert "Dry run over" not in answer.content.decode()


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


@pytest.fixture
def staff(ben: User) -> User:
    classified(ben, "EARLY", 9)
    ben.is_staff = True
    ben.save()
    return ben


def test_the_page_says_whether_a_policy_is_on_and_staff_switch_it(browser: Client, ada: User, staff: User) -> None:
    assert "Not switched: keep a policy first" in switch(browser, "on")
    automatic.change_policy(staff, "", POLICY | {"share_for_people": 0.05})
    assert "The policy was never on" in page_of(browser)
    assert "begin with a trial" in switch(browser, "on")
    assert "a trial classifies 1 to 1000 transients" in switch(browser, "trial", trial="x")
    page = switch(browser, "trial", trial="5")
    assert "The policy is on trial" in page
    assert "The trial ends after 5 transients" in page
    page = switch(browser, "off")
    assert "The policy is off" in page
    assert "switched off by ben" in page
    browser.force_login(ada)
    assert "Not switched: only staff" in switch(browser, "trial", trial="5")


def switch(browser: Client, act: str, **sent: str) -> str:
    answer = browser.post(reverse("automatic-switch"), {"group": "", "act": act, **sent}, follow=True)
    return answer.content.decode()


def test_a_transients_page_says_that_no_person_looked_until_one_decides(
    browser: Client, ada: User, staff: User
) -> None:
    switched_on(staff)
    transient = predicted(ada, "X")
    lane.run_policies()
    page = browser.get(reverse("review", args=["X"])).content.decode()
    assert "No person has looked at it." in page
    assert "SN Ia; probability at least 98 %" in page
    assert "Automatic <b" in browser.get(reverse("queue")).content.decode()
    assert "X</strong>" in browser.get(reverse("queue"), {"state": "automatic"}).content.decode()
    override(staff, transient, "TDE")
    page = browser.get(reverse("review", args=["X"])).content.decode()
    assert "No person has looked at it." not in page
    assert "it no longer stands" in page


def test_a_drawn_transient_shows_no_prediction_and_asks_for_a_blind_vote(
    browser: Client, ada: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "X")
    switched_on(staff)
    transient = predicted(ada, "X")
    lane.run_policies()
    page = browser.get(reverse("review", args=["X"])).content.decode()
    assert "Your vote is wanted, blind" in page
    assert "The network says" not in page
    assert "your vote is wanted, and given blind" in browser.get(reverse("queue")).content.decode()
    assert "One reviewer has voted" not in page
    record_decision(staff, transient, Proposal("bad_spectrum"))
    page = browser.get(reverse("review", args=["X"])).content.decode()
    assert "Your vote is wanted, blind" in page
    assert "One reviewer has voted" not in page
    override(staff, transient, "SN Ia")
    assert "The network says" in browser.get(reverse("review", args=["X"])).content.decode()


def test_the_dashboard_shows_the_measured_false_rate(
    browser: Client, ada: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Automatic policy" not in browser.get(reverse("night")).content.decode()
    drawn(monkeypatch, "X")
    switched_on(staff)
    transient = predicted(ada, "X")
    predicted(ada, "Y", 2)
    lane.run_policies()
    override(ada, transient, "TDE")
    page = browser.get(reverse("night")).content.decode()
    assert "100 % (21 to 100 %)" in page
    assert "1 of 1" in page
    assert "transients that no person looked at, now" in page
