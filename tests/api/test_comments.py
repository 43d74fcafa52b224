"""Comments and the inbox over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, address, session_client
from tests.factories import classified, override, queries
from triage.models import ReviewPolicy, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben(ben: User, ada: User) -> User:
    """Colleague of ada."""
    ben.groups.set(ada.groups.all())
    return ben


def write(user: User, text: str, **fields: Any) -> Any:
    return session_client(user).post(f"{address('X')}comments/", {"text": text, **fields})


def test_a_comment_is_written_listed_and_withdrawn(ada: User, ben: User) -> None:
    classified(ada)
    answer = write(ada, "From the host? @ben @nobody")
    made = answer.json()
    assert answer.status_code == 201
    assert (made["author"], made["group"], made["mentions"]) == ("ada", None, ["ben"])
    write(ben, "I think so")
    rows = session_client(ben).get(f"{address('X')}comments/").json()["results"]
    assert [row["text"] for row in rows] == ["I think so", "From the host? @ben @nobody"]
    assert session_client(ben).delete(f"{API}/comments/{made['id']}/").status_code == 403
    withdrawn = session_client(ada).delete(f"{API}/comments/{made['id']}/").json()
    assert (withdrawn["text"], withdrawn["mentions"]) == (None, [])
    assert session_client(ada).delete(f"{API}/comments/{made['id']}/").status_code == 409


@pytest.mark.parametrize("sent", [{"text": " "}, {}, {"text": "x", "group": "nobody"}, {"text": "x" * 4001}])
def test_a_comment_that_cannot_be_stored_is_refused(ada: User, sent: dict[str, str]) -> None:
    classified(ada)
    assert session_client(ada).post(f"{address('X')}comments/", sent).status_code == 400


def test_a_thread_takes_the_same_number_of_queries_at_any_length(ada: User, ben: User) -> None:
    classified(ada)
    write(ada, "@ben one")
    few = queries(session_client(ben), f"{address('X')}comments/")
    for number in range(5):
        write(ada, f"@ben {number}", group="ePESSTO" if number % 2 else "")
    assert queries(session_client(ben), f"{address('X')}comments/") == few


def test_the_inbox_lists_what_is_new_and_is_marked_as_read(ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(ada)
    write(ada, "@ben look")
    override(ada, transient, "TDE")
    api = session_client(ben)
    told = api.get(f"{API}/inbox/").json()
    assert told["unread"] == 2
    assert [(row["kind"], row["author"], row["text"]) for row in told["results"]] == [
        ("second_opinion", None, None),
        ("mention", "ada", None),
    ]
    read = api.post(f"{API}/inbox/read/").json()
    assert (read["unread"], [row["unread"] for row in read["results"]]) == (0, [False, False])
    override(ben, transient, "TDE")
    assert [row["text"] for row in api.get(f"{API}/inbox/").json()["results"]] == ["@ben look"]


def test_the_inbox_can_leave_out_the_simulated_transients(ada: User, ben: User) -> None:
    for name in ("SIM", "real"):
        classified(ada, name, seed=len(name))
        session_client(ada).post(f"{address(name)}comments/", {"text": f"@ben {name}"})
    Transient.objects.filter(name="SIM").update(simulated=True)
    api = session_client(ben)
    for simulated, name in (("true", "SIM"), ("false", "real")):
        told = api.get(f"{API}/inbox/?simulated={simulated}").json()
        assert (told["unread"], [row["transient"] for row in told["results"]]) == (1, [name])
    read = api.post(f"{API}/inbox/read/?simulated=false").json()
    assert (read["unread"], [row["transient"] for row in read["results"]]) == (0, ["real"])
    assert api.get(f"{API}/inbox/").json()["unread"] == 1
