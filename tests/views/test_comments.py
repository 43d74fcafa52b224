"""The thread of comments on the review page, without a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.factories import classified, override, queries
from triage.models import Comment, ReviewPolicy
from triage.review import comments

pytestmark = pytest.mark.django_db
PAGE = "/transients/X/"


def write(browser: Client, text: str, **fields: str) -> str:
    """Send the form and return the address that the answer leads to."""
    answer = browser.post(reverse("write-comment", args=["X"]), {"text": text, **fields})
    assert answer.status_code == 302
    return str(answer["Location"])


def _share_a_group(*users: User) -> None:
    Group.objects.create(name="a").user_set.set(users)


def test_a_comment_is_written_without_a_script_and_the_page_keeps_its_filter(browser: Client, ada: User) -> None:
    classified(ada)
    address = write(browser, "odd <b>bump</b> at 6000", **{"from": f"{PAGE}?state=all"})
    assert address == f"{PAGE}?state=all#comment-{Comment.objects.get().pk}"
    page = browser.get(address).content.decode()
    assert "Comments (1)" in page
    assert '<a href="#comments">1 comment</a>' in page
    assert "odd &lt;b&gt;bump&lt;/b&gt; at 6000" in page


def test_a_mentioned_user_stands_out_and_an_unknown_name_stays_text(browser: Client, ada: User, ben: User) -> None:
    classified(ada)
    _share_a_group(ada, ben)
    write(browser, "@ada. @nobody http://example.org/a.png")
    page = browser.get(PAGE).content.decode()
    assert '<p class="typed"><b>@ada</b>. @nobody http://example.org/a.png</p>' in page


def test_the_page_says_which_names_reached_nobody(browser: Client, ada: User, ben: User) -> None:
    classified(ada)
    _share_a_group(ada, ben)
    missed = "@zed reached nobody: you know of no other reviewer of that name who can see this."
    assert missed in browser.get(write(browser, "@ada @zed look")).content.decode()
    assert "reached nobody" not in browser.get(write(browser, "@ada look")).content.decode()


def test_a_verdict_says_which_names_in_its_comment_reached_nobody(browser: Client, ada: User) -> None:
    classified(ada)
    sent = {"verdict": "override", "class_name": "TDE", "comment": "as @zed says"}
    page = browser.post(reverse("decide", args=["X"]), sent, follow=True).content.decode()
    assert "X: overridden to TDE. @zed reached nobody" in page


def test_only_the_author_may_withdraw_and_withdrawn_stays(browser: Client, ada: User, ben: User) -> None:
    transient = classified(ada)
    comments.add(ada, transient, "of somebody else")
    own = comments.add(ben, transient, "of mine")
    address = reverse("withdraw-comment", args=[own.pk])
    page = browser.get(PAGE).content.decode()
    assert page.count(">withdraw</button>") == 1
    assert browser.post(address, {"from": PAGE})["Location"] == f"{PAGE}#comment-{own.pk}"
    page = browser.get(PAGE).content.decode()
    assert "of mine" not in page
    assert '<span class="muted">withdrawn</span>' in page
    assert "Comments (1)" in page


def test_an_address_of_another_site_is_not_led_to(browser: Client, ada: User) -> None:
    classified(ada)
    assert write(browser, "one", **{"from": "https://elsewhere.example/"}).startswith(f"{PAGE}#comment-")


def test_a_comment_that_cannot_be_stored_is_explained(browser: Client, ada: User) -> None:
    classified(ada)
    address = write(browser, " ", **{"from": PAGE})
    assert "The comment was not stored: a comment needs a text." in browser.get(address).content.decode()


def test_the_audience_is_asked_for_only_where_there_is_a_choice(
    browser: Client, ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    classified(ada)
    assert '<select name="group">' not in browser.get(PAGE).content.decode()
    ben.groups.add(Group.objects.create(name="a"))
    page = browser.get(PAGE).content.decode()
    assert '<option value="" selected>everybody who can log in</option>' in page
    assert '<option value="a">a</option>' in page
    write(browser, "ours", group="a")
    assert Comment.objects.get().group == Group.objects.get(name="a")
    classified(ben, "Y", seed=2, group=Group.objects.get(name="a"))
    page = browser.get("/transients/Y/").content.decode()
    assert "Visible to a." in page
    assert '<select name="group">' not in page


def test_a_comment_is_proposed_for_the_group_of_the_spectrum_on_the_page(browser: Client, ada: User, ben: User) -> None:
    classified(ada)
    ben.groups.add(Group.objects.create(name="a"))
    classified(ben, seed=2, group=Group.objects.get(name="a"))
    private = ben.groups.get().pk
    spectrum = classified(ada).spectra.get(group=private)
    page = browser.get(f"{PAGE}?spectrum={spectrum.pk}").content.decode()
    assert '<option value="a" selected>a</option>' in page


def test_a_blind_page_shows_no_thread(browser: Client, ada: User) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(ada)
    comments.add(ada, transient, "I say TDE")
    override(ada, transient, "TDE")
    page = browser.get(PAGE).content.decode()
    assert "I say TDE" not in page
    assert 'id="comments"' not in page
    assert "comment</a>" not in page


def test_the_page_takes_the_same_number_of_queries_with_any_number_of_comments(
    browser: Client, ada: User, ben: User
) -> None:
    transient = classified(ada)
    _share_a_group(ada, ben)
    comments.add(ada, transient, "@ben one")
    browser.get(PAGE)
    few = queries(browser, PAGE)
    for number in range(4):
        comments.add(ada, transient, f"@ben {number}")
    browser.get(PAGE)
    assert queries(browser, PAGE) == few
