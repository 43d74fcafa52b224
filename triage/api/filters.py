"""Filters of lists, as query parameters. A value that does not fit is refused with 400."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.request import Request

from triage.accounts.audiences import shared_groups
from triage.api.base import checked, user_of
from triage.models import SpectrumState
from triage.models.spectrum import SpectrumQuerySet
from triage.models.transient_queries import TransientQuerySet
from triage.queue.filters import EMPTYING, OLD_NAMES, PUBLIC, QueueFilter
from triage.review.known_class import known_class

# States of review, by the names that the pages use.
TRANSIENT_STATES = (
    "pending",
    "in_review",
    "second_opinion",
    "disputed",
    "unsure",
    "done",
    "automatic",
    "processing",
    "failed",
    "bad_spectrum",
)
# The states that the queue can be narrowed to.
QUEUE_STATES = (*EMPTYING, "done")
# Parameters that have another name on the page.
_PAGE_NAMES = {"arrived_from": "after", "arrived_to": "before"}


def read(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the query parameters that a serializer describes, without the ones that are missing or empty.

    Raises ValidationError if a value does not fit, or if the user is in no such group, and UnknownClassError for a
    class that the taxonomy does not have.
    """
    sent = {name: value for name, value in checked(form, request.query_params).items() if value not in ("", None)}
    if "group" in sent:
        _check_group(user_of(request), sent["group"])
    return sent


def _check_group(user: User, name: str) -> None:
    # The spectra of a group that the user is not in are hidden, and so is whether there is such a group.
    if name != PUBLIC and not user.groups.filter(name=name).exists():
        known = [PUBLIC, *shared_groups(user).values_list("name", flat=True)]
        raise serializers.ValidationError({"group": [f"choose one of {', '.join(known)}"]})


class ClassField(serializers.CharField):
    """A class by its name or another spelling; read as its name."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        return known_class(text) if text else text


class StateField(serializers.ChoiceField):
    """One of a few states. The error names them all."""

    def __init__(self, choices: Sequence[str], **options: Any) -> None:
        super().__init__(choices, error_messages={"invalid_choice": f"choose one of {', '.join(choices)}"}, **options)


class SpectrumFilter(serializers.Serializer[dict[str, Any]]):
    """Filter of the list of spectra."""

    state = StateField(SpectrumState.values, required=False)
    transient = serializers.CharField(required=False, help_text="Name of the transient.")
    class_name = ClassField(required=False, help_text="Predicted class.")
    instrument = serializers.CharField(required=False)
    group = serializers.CharField(
        required=False, help_text="A group of yours, or “public” for spectra without a group."
    )
    created_after = serializers.DateTimeField(required=False)
    discarded = serializers.BooleanField(required=False, default=None, allow_null=True)
    unnamed = serializers.BooleanField(
        required=False, default=None, allow_null=True, help_text="Whether it waits for a name."
    )
    simulated = serializers.BooleanField(
        required=False, default=None, allow_null=True, help_text="Whether it belongs to the demonstration."
    )

    @staticmethod
    def narrow(rows: SpectrumQuerySet, sent: dict[str, Any]) -> SpectrumQuerySet:
        """Return the spectra that fit.

        rows: spectra with the annotation of with_hidden.
        sent: the filter, as ``read`` returns it.
        """
        paths = {
            "state": "state",
            "transient": "transient__name",
            "class_name": "current_prediction__class_name",
            "instrument": "instrument",
            "group": "group__name",
            "created_after": "created_at__gt",
            "discarded": "discarded",
            "simulated": "simulated",
        }
        if "class_name" in sent:
            # A row in the answer would reveal the class of a prediction that is hidden from the user.
            rows = rows.with_visible_prediction()
        if sent.get("group") == PUBLIC:
            del sent["group"]
            rows = rows.filter(group__isnull=True)
        if (unnamed := sent.pop("unnamed", None)) is not None:
            rows = rows.unnamed() if unnamed else rows.filter(transient__isnull=False)
        return rows.filter(**{paths[name]: value for name, value in sent.items()})


class TransientFilter(serializers.Serializer[dict[str, Any]]):
    """Filter of the list of transients."""

    state = StateField(
        [*TRANSIENT_STATES, *OLD_NAMES],
        required=False,
        help_text="State of the review; “vetted” means the same as “done”.",
    )
    class_name = ClassField(
        required=False, help_text="Vetted class, or the predicted class of a transient that is not vetted."
    )
    q = serializers.CharField(required=False, help_text="Part of a name.")
    simulated = serializers.BooleanField(
        required=False, default=None, allow_null=True, help_text="Whether it belongs to the demonstration."
    )

    @staticmethod
    def narrow(rows: TransientQuerySet, user: User, sent: dict[str, Any]) -> TransientQuerySet:
        """Return the transients that fit.

        rows: transients with the annotations of for_review.
        user: who asks.
        sent: the filter, as ``read`` returns it.
        """
        if "simulated" in sent:
            rows = rows.filter(simulated=sent["simulated"])
        if "state" in sent:
            rows = rows.in_state(OLD_NAMES.get(sent["state"], sent["state"]))
        if "class_name" in sent:
            # A row in the answer would reveal the class of a prediction that is hidden from the user.
            rows = rows.with_class(sent["class_name"]).wanting_vote(wanted=False)
        return rows.with_part_of_name(user, sent["q"]) if "q" in sent else rows


class WaitingFilter(serializers.Serializer[dict[str, Any]]):
    """Filter of the queue."""

    state = StateField(QUEUE_STATES, required=False, help_text="State of the review; “pending” if it is not given.")
    class_name = ClassField(required=False, help_text="Predicted class.")
    q = serializers.CharField(required=False, help_text="Part of a name.")
    group = serializers.CharField(
        required=False, help_text="Transients with a spectrum of this group, or “public” for one without a group."
    )
    instrument = serializers.CharField(required=False, help_text="Part of the instrument's name.")
    arrived_from = serializers.DateField(required=False, help_text="A spectrum arrived on this day or later.")
    arrived_to = serializers.DateField(required=False, help_text="A spectrum arrived on this day or earlier.")
    above = serializers.FloatField(
        required=False, min_value=0, max_value=100, help_text="Least probability of the prediction, percent."
    )
    below = serializers.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Upper bound of the prediction's probability, percent; the bound itself is left out.",
    )
    mine = serializers.BooleanField(
        required=False, help_text="Transients that you uploaded, have claimed or have decided on."
    )
    upload = serializers.IntegerField(
        required=False, min_value=1, max_value=10**18 - 1, help_text="Transients of an upload of yours, by its id."
    )

    @staticmethod
    def chosen(sent: dict[str, Any]) -> QueueFilter:
        """Return the same filter as the page has it."""
        values = {_PAGE_NAMES.get(name, name): str(value) for name, value in sent.items() if name != "mine"}
        return QueueFilter(**values, mine="1" if sent.get("mine") else "")

    @classmethod
    def parameters(cls, chosen: QueueFilter) -> dict[str, str]:
        """Return the page's filter as query parameters of the API, without the empty ones."""
        values = {name: getattr(chosen, _PAGE_NAMES.get(name, name)) for name in map(str, cls().fields)}
        if chosen.state not in QUEUE_STATES or chosen.state == "pending":
            del values["state"]
        return {name: "true" if name == "mine" else value for name, value in values.items() if value}
