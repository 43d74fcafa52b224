"""Comments on a transient: who reads them, who is mentioned, and what stays of a withdrawn one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from tests.factories import classified, override, spectrum_file
from triage.errors import InvalidActionError, InvalidCommentError, NotFoundError, NotYoursError
from triage.intake.facts import correct_spectrum
from triage.intake.submit import Given, submit_spectrum
from triage.models import Comment, GroupSettings, ReviewPolicy, Transient
from triage.models.prediction import ImmutableRecordError
from triage.review import comments
from triage.review.decisions import record_decision, undo
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "a")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben", "b")


@pytest.fixture
def public(ada: User) -> Transient:
    return classified(ada)


def texts(user: User, transient: Transient) -> list[str]:
    return [comment.text for comment in comments.thread(user, transient)]


def mentioned(comment: Comment) -> set[str]:
    return set(comment.mentions.values_list("user__username", flat=True))


def private(user: User, *groups: str, name: str = "secret") -> Transient:
    """Return a transient with a spectrum of each group and no public one."""
    for seed, group in enumerate(groups, start=50):
        user.groups.add(Group.objects.get_or_create(name=group)[0])
        classified(user, name, seed=seed, group=Group.objects.get(name=group))
    return Transient.objects.get(name=name)


def test_a_comment_on_a_public_transient_is_read_by_everybody(ada: User, ben: User, public: Transient) -> None:
    comments.add(ada, public, " Narrow lines.\r\nFrom the host? ")
    assert texts(ben, public) == ["Narrow lines.\nFrom the host?"]


def test_a_comment_for_a_group_is_read_by_its_members_alone(ada: User, ben: User, public: Transient) -> None:
    comments.add(ada, public, "our light curve rises", "a")
    assert texts(ada, public) == ["our light curve rises"]
    assert texts(ben, public) == []


def test_a_transient_of_one_group_is_discussed_in_that_group_alone(ada: User) -> None:
    transient = private(ada, "a")
    ada.groups.add(Group.objects.create(name="c"))
    assert comments.add(ada, transient, "one").group == Group.objects.get(name="a")
    for audience in ("", "c", "unknown"):
        with pytest.raises(InvalidCommentError, match="cannot be discussed with that group"):
            comments.add(ada, transient, "two", audience)


def test_a_comment_is_for_the_group_that_is_private_by_default_if_nothing_is_chosen(
    ada: User, public: Transient
) -> None:
    GroupSettings.objects.create(group=ada.groups.get(), private_by_default=True)
    assert comments.add(ada, public, "one").group == ada.groups.get()
    assert comments.add(ada, public, "two", "").group is None


def test_the_audience_must_be_chosen_where_several_groups_see_the_transient_and_not_everybody(ada: User) -> None:
    transient = private(ada, "a", "c")
    with pytest.raises(InvalidCommentError, match="choose who may read the comment: a or c"):
        comments.add(ada, transient, "one")
    assert comments.add(ada, transient, "one", "c").group == Group.objects.get(name="c")


def test_a_group_that_the_author_does_not_belong_to_is_no_audience(ada: User, ben: User, public: Transient) -> None:
    with pytest.raises(InvalidCommentError):
        comments.add(ada, public, "one", "b")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ben look", {"ben"}),
        ("What do you think, @Ben?", {"ben"}),
        ("Ask @ben.", {"ben"}),
        ("@ben's spectrum", {"ben"}),
        ("(@ben, @cleo.v)", {"ben", "cleo.v"}),
        ("write to x@ben", set()),
        ("@nobody @ben2", set()),
        ("@ada talks to herself", set()),
        ("@gone", set()),
    ],
)
def test_a_comment_mentions_the_users_it_names(
    ada: User, ben: User, public: Transient, make_user: Callable[..., User], text: str, names: set[str]
) -> None:
    ben.groups.add(ada.groups.get())
    make_user("cleo.v", "a")
    User.objects.filter(pk=make_user("gone", "a").pk).update(is_active=False)
    assert mentioned(comments.add(ada, public, text)) == names


def test_a_decision_after_an_undo_mentions_nobody_twice(ada: User, ben: User, public: Transient) -> None:
    ben.groups.add(ada.groups.get())
    first = record_decision(ada, public, Proposal("override", class_name="TDE", comment="@ben look"))
    undo(ada, first.pk)
    record_decision(ada, public, Proposal("override", class_name="SN II", comment="@ben look"))
    assert texts(ben, public) == ["@ben look"]
    record_decision(ada, public, Proposal("override", class_name="SN II", comment="@ben look again"))
    assert texts(ben, public) == ["@ben look", "@ben look again"]


def test_a_decision_long_after_an_undo_mentions_again(ada: User, ben: User, public: Transient) -> None:
    ben.groups.add(ada.groups.get())
    undo(ada, record_decision(ada, public, Proposal("override", class_name="TDE", comment="@ben look")).pk)
    record_decision(ada, public, Proposal("override", class_name="SN Ia"))
    record_decision(ada, public, Proposal("override", class_name="SN II", comment="@ben look"))
    assert texts(ben, public) == ["@ben look", "@ben look"]


def test_a_decision_after_an_undo_mentions_again_if_the_comment_was_withdrawn(
    ada: User, ben: User, public: Transient
) -> None:
    ben.groups.add(ada.groups.get())
    for _ in range(2):
        undo(ada, record_decision(ada, public, Proposal("override", class_name="TDE", comment="@ben look")).pk)
        comments.withdraw(ada, Comment.objects.get(withdrawn_at__isnull=True).pk)
    assert Comment.objects.count() == 2


def test_a_comment_does_not_tell_which_names_unknown_users_have(
    ada: User, ben: User, public: Transient, make_user: Callable[..., User]
) -> None:
    make_user("lone")
    assert mentioned(comments.add(ada, public, "@ben @lone @nobody")) == set()
    before = Comment.objects.count()
    record_decision(ada, public, Proposal("override", class_name="TDE", comment="as @lone says"))
    assert Comment.objects.count() == before
    override(ben, public, "TDE")
    assert mentioned(comments.add(ada, public, "@ben @lone @nobody")) == {"ben"}


def test_a_comment_mentions_nobody_who_may_not_read_it(
    ada: User, ben: User, public: Transient, make_user: Callable[..., User]
) -> None:
    make_user("amy", "a")
    assert mentioned(comments.add(ada, public, "@ben @amy", "a")) == {"amy"}
    assert mentioned(comments.add(ada, private(ada, "a"), "@ben @amy")) == {"amy"}


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ("@amy, look", ""),
        ("narrow lines (@6563, from x@host)", ""),
        ("@zed look", "@zed"),
        ("@Zed and @zed.", "@Zed and @zed"),
        ("@amy @lone @ada @gone", "@lone and @ada and @gone"),
    ],
)
def test_the_names_that_reached_nobody_are_told_alike(
    ada: User, public: Transient, make_user: Callable[..., User], text: str, missed: str
) -> None:
    for name, group in (("amy", "a"), ("lone", "b"), ("gone", "a")):
        make_user(name, group)
    User.objects.filter(username="gone").update(is_active=False)
    told = comments.reached_nobody(text, ada, None)
    assert told == (missed and f"{missed} reached nobody: you know of no other reviewer of that name who can see this.")


def test_a_name_of_somebody_outside_the_audience_reached_nobody(
    ada: User, public: Transient, make_user: Callable[..., User]
) -> None:
    make_user("cleo", "c")
    ada.groups.add(Group.objects.get(name="c"))
    assert comments.reached_nobody("@cleo", ada, None) == ""
    assert comments.reached_nobody("@cleo", ada, Group.objects.get(name="a")).startswith("@cleo reached nobody")


def test_an_author_withdraws_a_comment_once_and_it_stays_in_the_thread(ada: User, ben: User, public: Transient) -> None:
    comment = comments.add(ada, public, "a mistake")
    with pytest.raises(NotYoursError):
        comments.withdraw(ben, comment.pk)
    assert comments.withdraw(ada, comment.pk).withdrawn_at is not None
    with pytest.raises(InvalidActionError, match="withdrawn before"):
        comments.withdraw(ada, comment.pk)
    assert [row.withdrawn_at is not None for row in comments.thread(ben, public)] == [True]


def test_a_comment_of_another_group_looks_like_a_missing_one(ada: User, ben: User, public: Transient) -> None:
    comment = comments.add(ada, public, "ours", "a")
    with pytest.raises(NotFoundError):
        comments.withdraw(ben, comment.pk)


def test_a_comment_is_never_changed(ada: User, public: Transient) -> None:
    comment = comments.add(ada, public, "one")
    comment.text = "two"
    with pytest.raises(ImmutableRecordError):
        comment.save()


@pytest.mark.parametrize("text", ["", " \n ", "a\x07b", "x" * 4001])
def test_a_comment_needs_a_text_that_can_be_shown(ada: User, public: Transient, text: str) -> None:
    with pytest.raises(InvalidCommentError):
        comments.add(ada, public, text)


def test_the_thread_is_hidden_from_a_user_whose_blind_vote_is_wanted(ada: User, ben: User, public: Transient) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    comments.add(ada, public, "I say TDE")
    assert texts(ben, public) == ["I say TDE"]
    override(ada, public, "TDE")
    assert texts(ada, public) == ["I say TDE"]
    assert texts(ben, public) == []
    with pytest.raises(InvalidActionError, match="until your own vote is in"):
        comments.add(ben, public, "what did you say?")
    override(ben, public, "TDE")
    assert texts(ben, public) == ["I say TDE"]


def test_names_are_offered_of_those_who_can_be_mentioned(
    ada: User, ben: User, public: Transient, make_user: Callable[..., User]
) -> None:
    make_user("amy", "a")
    stranger = make_user("stranger", "c")
    assert comments.names_to_offer(ada, {None}) == ["amy"]
    override(ben, public, "TDE")
    comments.add(stranger, public, "hello")
    assert comments.names_to_offer(ada, {None}) == ["amy", "ben", "stranger"]
    assert comments.names_to_offer(ben, {None}) == ["stranger"]


def test_on_a_private_transient_only_members_of_its_groups_are_offered(
    ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    make_user("amy", "a")
    make_user("cleo", "c")
    make_user("dora", "d")
    ada.groups.add(*Group.objects.filter(name__in="cd"))
    group = Group.objects.get(name="a")
    assert comments.names_to_offer(ada, {group.pk}) == ["amy"]
    assert comments.names_to_offer(ada, {group.pk, Group.objects.get(name="c").pk}) == ["amy", "cleo"]
    assert comments.names_to_offer(ada, {group.pk, Group.objects.get(name="b").pk}) == ["amy"]
    assert comments.names_to_offer(ada, {None, group.pk}) == ["amy", "cleo", "dora"]


def test_a_public_comment_stays_with_the_group_when_the_transient_begins_anew_for_others(
    ada: User, ben: User, public: Transient
) -> None:
    comments.add(ada, public, "embargoed: z = 0.7")
    group = Group.objects.get(name="a")
    correct_spectrum(ada, public.spectra.get(), {"group": group})
    submit_spectrum(ben, spectrum_file(seed=70), "own.txt", Given(transient=public.name))
    assert texts(ben, public) == []
    assert texts(ada, public) == ["embargoed: z = 0.7"]
