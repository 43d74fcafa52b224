"""What lists can be narrowed to; 400 for a value that cannot be."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from rest_framework import serializers
from rest_framework.request import Request

from triage.filters import EMPTYING, OLD_NAMES, QueueFilter
from triage.models import SpectrumState
from triage.querysets import SpectrumQuerySet, TransientQuerySet

# States of review in the page's words, where a transient can be in them; "vetted" is an older name of "done".
TRANSIENT_STATES = (
    "pending",
    "in_review",
    "second_opinion",
    "disputed",
    "unsure",
    "done",
    "processing",
    "bad_spectrum",
)
# Those of them that the queue has.
QUEUE_STATES = (*EMPTYING, "done")
# Where the page's filter has names of its own.
_PAGE_NAMES = {"arrived_from": "after", "arrived_to": "before"}
_VETTED = Q(standing_state="done")


def read(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The parameters of an address that a form knows and that were given."""
    checked = form(data=request.query_params)
    checked.is_valid(raise_exception=True)
    return {name: value for name, value in checked.validated_data.items() if value not in ("", None)}


class SpectrumFilter(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=SpectrumState.values, required=False)
    transient = serializers.CharField(required=False, help_text="name")
    class_name = serializers.CharField(required=False, help_text="predicted")
    instrument = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    created_after = serializers.DateTimeField(required=False)
    discarded = serializers.BooleanField(required=False, default=None, allow_null=True)

    @staticmethod
    def narrow(rows: SpectrumQuerySet, sent: dict[str, Any]) -> SpectrumQuerySet:
        paths = {
            "state": "state",
            "transient": "transient__name",
            "class_name": "current_prediction__class_name",
            "instrument": "instrument",
            "group": "group__name",
            "created_after": "created_at__gt",
            "discarded": "discarded",
        }
        if "class_name" in sent:
            # Not those that the filter would tell the hidden class of.
            rows = rows.filter(hidden=False)
        return rows.filter(**{paths[name]: value for name, value in sent.items()})


class TransientFilter(serializers.Serializer[Any]):
    state = serializers.ChoiceField(
        choices=[*TRANSIENT_STATES, *OLD_NAMES], required=False, help_text="of the review; vetted: the same as done"
    )
    class_name = serializers.CharField(required=False, help_text="vetted, else predicted")
    q = serializers.CharField(required=False, help_text="part of a name")

    @staticmethod
    def narrow(rows: TransientQuerySet, user: User, sent: dict[str, Any]) -> TransientQuerySet:
        if "state" in sent:
            rows = rows.filter(review_state=OLD_NAMES.get(sent["state"], sent["state"]))
        if "class_name" in sent:
            name = sent["class_name"]
            # Not those that the filter would tell the hidden class of.
            said = (_VETTED & Q(standing_class=name)) | (~_VETTED & Q(predicted_class=name))
            rows = rows.filter(said, hidden=False)
        return rows.with_part_of_name(user, sent["q"]) if "q" in sent else rows


class WaitingFilter(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=QUEUE_STATES, required=False, help_text="of the review; pending without it")
    class_name = serializers.CharField(required=False, help_text="predicted")
    q = serializers.CharField(required=False, help_text="part of a name")
    group = serializers.CharField(required=False, help_text="with a spectrum of that group, or “public”")
    instrument = serializers.CharField(required=False, help_text="part of its name")
    arrived_from = serializers.DateField(required=False, help_text="a spectrum arrived on that day or later")
    arrived_to = serializers.DateField(required=False, help_text="… or earlier")
    above = serializers.FloatField(required=False, min_value=0, max_value=100, help_text="percent of probability")
    below = serializers.FloatField(required=False, min_value=0, max_value=100, help_text="percent, less than")
    mine = serializers.BooleanField(required=False, help_text="uploaded, held or decided on by you")

    @staticmethod
    def chosen(sent: dict[str, Any]) -> QueueFilter:
        """The page's filter for the same."""
        values = {_PAGE_NAMES.get(name, name): str(value) for name, value in sent.items() if name != "mine"}
        return QueueFilter(**values, mine="1" if sent.get("mine") else "")

    @classmethod
    def parameters(cls, chosen: QueueFilter) -> dict[str, str]:
        """The page's filter as parameters here, those alone that are narrowed."""
        given = {name: getattr(chosen, _PAGE_NAMES.get(name, name)) for name in map(str, cls().fields)}
        if chosen.state not in QUEUE_STATES or chosen.state == "pending":
            del given["state"]
        return {name: "true" if name == "mine" else value for name, value in given.items() if value}
