"""Shapes of vetted classifications; see triage.export."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ClassificationSerializer(serializers.Serializer[dict[str, Any]]):
    """A vetted classification with its provenance; the keys are triage.export.COLUMNS, of a change CHANGE_COLUMNS.

    Of a withdrawal what was said is null while your own blind vote on the transient is wanted."""

    id = serializers.IntegerField(help_text="of the decision")
    transient = serializers.CharField()
    class_name = serializers.CharField(allow_null=True)
    redshift = serializers.FloatField(allow_null=True)
    redshift_error = serializers.FloatField(allow_null=True, help_text="1σ; null where nobody said")
    redshift_source = serializers.ChoiceField(choices=["given", "network", "template"], allow_null=True)
    redshift_origin = serializers.CharField(allow_null=True)
    ra = serializers.FloatField(allow_null=True)
    dec = serializers.FloatField(allow_null=True)
    verdict = serializers.CharField(allow_null=True)
    reviewer = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField()
    comment = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    predicted_class = serializers.CharField(allow_null=True)
    predicted_probability = serializers.FloatField(allow_null=True)
    predicted_redshift = serializers.FloatField(allow_null=True)
    checkpoint = serializers.CharField(allow_null=True)
    spectra = serializers.ListField(child=serializers.IntegerField())
    simulated = serializers.BooleanField()
    sequence = serializers.IntegerField(required=False, help_text="of a change: its place in the order of all changes")
    withdrawn = serializers.BooleanField(required=False, help_text="of a change: it stands no more")
    changed_at = serializers.DateTimeField(required=False, help_text="of a change")


class ClassificationPageSerializer(serializers.Serializer[dict[str, Any]]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ClassificationSerializer(many=True)
    since = serializers.CharField(help_text="the cursor for the next question: ?since=")
