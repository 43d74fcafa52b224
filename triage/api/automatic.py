"""Automatic policies, and their dry runs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.models import AutomaticPolicy
from triage.review import automatic
from triage.review.dry_run import DryRun, dry_run
from triage.review.runs import Measured


class AutomaticPolicySerializer(serializers.Serializer[Any]):
    """Policy of an audience: which predictions are sure enough to stand without a person.

    group: the group whose spectra it applies to, null for public ones.
    class_names: classes that may pass; with none, nothing passes.
    probability: smallest probability, 0 to 1.
    novelty: largest novelty, 0 to 1; null for no bound.
    signal_to_noise: smallest median ratio in bins of 10 Å; null for no bound.
    template_agrees: the best template must be of the same class.
    set_of_one: the conformal set must hold the class alone.
    share_for_people: share of all new transients that people classify blind, whether or not they pass, 0 to 1.
    allowed_false_rate: largest share on which people may disagree, 0 to 1.
    """

    group = serializers.CharField(allow_null=True, required=False, default=None)
    class_names = serializers.ListField(child=serializers.CharField())
    probability = serializers.FloatField(default=0.98)
    novelty = serializers.FloatField(allow_null=True, required=False, default=None)
    signal_to_noise = serializers.FloatField(allow_null=True, required=False, default=None)
    template_agrees = serializers.BooleanField(default=True)
    set_of_one = serializers.BooleanField(default=True)
    share_for_people = serializers.FloatField(default=0.05)
    allowed_false_rate = serializers.FloatField(default=0.01)


class AutomaticRunSerializer(serializers.Serializer[Measured]):
    """Latest run of a policy, and what people said about it.

    limit: number of transients that a trial may classify; null for a policy whose dry run showed the allowed rate.
    ended_at: when it was switched off; null while it is on.
    reason: why it was switched off.
    recalled: what it classified went back to the queue when it ended.
    classified: transients that it classified.
    sampled: transients that passed and were drawn for people, who vote blind.
    voted, disagreed: blind votes on these, and how many of them name another class.
    false_rate, interval: disagreed / voted and its 95 % interval (Wilson 1927); null without votes.
    bound: upper bound of the false rate that counts the dry run too; null in a trial.
    vetted_later, changed_later: transients that it classified and people vetted later, and how many they changed. These
        were not drawn at random.
    """

    limit = serializers.IntegerField(source="run.limit", allow_null=True)
    began_at = serializers.DateTimeField(source="run.began_at")
    began_by = serializers.CharField(source="run.began_by.username")
    ended_at = serializers.DateTimeField(source="run.ended_at", allow_null=True)
    reason = serializers.CharField(source="run.reason")
    recalled = serializers.BooleanField(source="run.recalled")
    classified = serializers.IntegerField()
    sampled = serializers.IntegerField()
    voted = serializers.IntegerField()
    disagreed = serializers.IntegerField()
    false_rate = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    bound = serializers.FloatField(allow_null=True)
    vetted_later = serializers.IntegerField()
    changed_later = serializers.IntegerField()


class AudienceAutomaticPolicySerializer(AutomaticPolicySerializer):
    """An automatic policy.

    editable: whether you may change it and switch it on and off.
    on: whether it classifies now.
    run: its latest run, null if it was never on.
    """

    editable = serializers.BooleanField(read_only=True)
    on = serializers.BooleanField(read_only=True)
    run = AutomaticRunSerializer(read_only=True, allow_null=True)


class SwitchSerializer(serializers.Serializer[Any]):
    """Switch of a policy.

    group: the group whose policy it is, null for that of public spectra.
    on: whether it shall classify.
    trial: number of transients that a trial may classify; null if the dry run shows the allowed rate.
    """

    group = serializers.CharField(allow_null=True, required=False, default=None)
    on = serializers.BooleanField()
    trial = serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=1, max_value=automatic.LARGEST_TRIAL
    )


class DryRunRequestSerializer(AutomaticPolicySerializer):
    """A policy to try.

    simulated: whether spectra of the demo night count; null counts them while there are no others.
    """

    simulated = serializers.BooleanField(allow_null=True, required=False, default=None)


class ClassCountSerializer(serializers.Serializer[Any]):
    """Transients of one predicted class that would have passed.

    passed: number of transients.
    decided: how many of them people vetted.
    disagreed: how many of these they vetted as another class.
    """

    class_name = serializers.CharField()
    passed = serializers.IntegerField()
    decided = serializers.IntegerField()
    disagreed = serializers.IntegerField()


class DisagreementSerializer(serializers.Serializer[Any]):
    """A transient that would have passed as one class, and that people vetted as another.

    spectrum: id of the spectrum that passes.
    class_name: predicted class.
    probability: its probability.
    decided: class that people vetted.
    """

    transient = serializers.CharField()
    spectrum = serializers.IntegerField()
    class_name = serializers.CharField()
    probability = serializers.FloatField()
    decided = serializers.CharField()


class DryRunSerializer(serializers.Serializer[Any]):
    """Result of a dry run over the last 30 days.

    arrived: transients with a prediction on a spectrum of these days.
    passed: transients that would have passed.
    for_people: how many of these people would have seen all the same.
    decided: passed transients that people vetted.
    disagreed: how many of these they vetted as another class.
    false_rate: disagreed / decided, null if nothing is vetted.
    interval: 95 % interval of the false rate (Wilson 1927), or null.
    within_allowed: whether the upper bound of the interval is at most the allowed rate, or null.
    simulated: whether spectra of the demo night are counted.
    """

    arrived = serializers.IntegerField()
    passed = serializers.IntegerField()
    for_people = serializers.IntegerField()
    decided = serializers.IntegerField()
    disagreed = serializers.IntegerField()
    false_rate = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    within_allowed = serializers.BooleanField(allow_null=True)
    simulated = serializers.BooleanField()
    by_class = ClassCountSerializer(many=True)
    disagreements = DisagreementSerializer(many=True)


class AutomaticPoliciesView(APIView):
    """Automatic policies."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(responses={200: AudienceAutomaticPolicySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Automatic policies: of public spectra (``group`` is null) and of each of your groups."""
        return Response([_policy(row) for row in automatic.policies(user_of(request))])

    @extend_schema(
        request=AutomaticPolicySerializer,
        responses={200: AudienceAutomaticPolicySerializer(many=True)} | error_answers(400, 403, 404, 409),
    )
    def put(self, request: Request) -> Response:
        """Set the automatic policy for public spectra or for one group. With no class, the policy is removed.

        A policy classifies nothing until it is switched on. If it is on and changes, it is switched off.
        """
        sent, user = checked(AutomaticPolicySerializer, request.data), user_of(request)
        automatic.change_policy(user, sent["group"] or "", sent)
        return Response([_policy(row) for row in automatic.policies(user)])


class SwitchView(APIView):
    """The switches of automatic policies."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(
        request=SwitchSerializer,
        responses={200: AudienceAutomaticPolicySerializer(many=True)} | error_answers(400, 403, 404, 409),
    )
    def post(self, request: Request) -> Response:
        """Switch a stored policy on or off.

        It goes on as a trial, or if the upper bound of its dry run lies within the allowed rate.
        """
        sent, user = checked(SwitchSerializer, request.data), user_of(request)
        if sent["on"]:
            automatic.switch_on(user, sent["group"] or "", sent["trial"])
        else:
            automatic.switch_off(user, sent["group"] or "")
        return Response([_policy(row) for row in automatic.policies(user)])


class DryRunView(APIView):
    """Dry runs of automatic policies."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(
        request=DryRunRequestSerializer, responses={200: DryRunSerializer} | error_answers(400, 403, 404, 409)
    )
    def post(self, request: Request) -> Response:
        """Try a policy on the last 30 days: how much had passed, how often people disagreed. Nothing is stored."""
        sent, user = checked(DryRunRequestSerializer, request.data), user_of(request)
        policy = automatic.draft(user, sent["group"] or "", sent)
        return Response(_result(dry_run(user, policy, sent["simulated"])))


def _policy(row: dict[str, Any]) -> dict[str, Any]:
    policy = row["policy"] or AutomaticPolicy()
    group = row["group"].name if row["group"] else None
    run = row["run"]
    return {
        "group": group,
        **automatic.conditions(policy),
        "editable": row["editable"],
        "on": run is not None and run.run.ended_at is None,
        "run": AutomaticRunSerializer(run).data if run else None,
    }


def _result(run: DryRun) -> dict[str, Any]:
    numbers = ("arrived", "for_people", "decided", "false_rate", "interval", "within_allowed", "simulated")
    return {
        **{name: getattr(run, name) for name in numbers},
        "passed": len(run.passed),
        "disagreed": len(run.disagreements),
        "by_class": ClassCountSerializer(run.by_class, many=True).data,
        "disagreements": DisagreementSerializer(run.disagreements, many=True).data,
    }
