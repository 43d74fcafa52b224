"""Small pieces of pages: the outline of a spectrum, ages, the colour of a class."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from classifier.taxonomy import load_taxonomy
from triage.queue import age
from triage.value import match_words
from triage.words import in_words, value_in_words

register = template.Library()

WIDTH, HEIGHT = 220, 48


@register.simple_tag
def sparkline(outline: Sequence[float | None]) -> SafeString:
    """The outline as an SVG, broken where it has gaps. It holds numbers alone, so nothing needs escaping."""
    if not outline:
        return mark_safe("")
    step = WIDTH / max(len(outline) - 1, 1)
    runs: list[list[str]] = [[]]
    for i, value in enumerate(outline):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{i * step:.1f},{(HEIGHT - 4) * (1 - (float(value) + 0.1) / 1.2) + 2:.1f}")
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if len(run) > 1)
    svg = f'<svg class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
    return mark_safe(f"{svg}{lines}</svg>")  # noqa: S308


@register.filter
def since(moment: datetime | None) -> str:
    """Time gone by, in one unit."""
    return "" if moment is None else age(timezone.now() - moment)


@register.filter
def percent(value: float | None) -> str:
    """0.934 → 93 %; never rounded up to a certainty."""
    if value is None:
        return "–"
    if value > 0.995:
        return "> 99 %"
    return "< 1 %" if value < 0.005 else f"{value:.0%}".replace("%", " %")


@register.filter
def share(value: float) -> str:
    """A counted share: like percent, but none and all are said as such."""
    return {0.0: "0 %", 1.0: "100 %"}.get(value) or percent(value)


@register.filter
def group_of(class_name: str) -> str:
    """CSS name of a class's parent group, which gives it its colour; "none" for a class that is not known."""
    taxonomy = load_taxonomy()
    found = taxonomy.find(class_name) if class_name else None
    return slugify(found.group) if found else "none"


@register.filter
def ranked(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    """Classes by falling probability."""
    return sorted(probabilities.items(), key=lambda item: -item[1])


# Of the classes outside the conformal set, those among so many likeliest are listed too.
LISTED = 6


@register.filter
def bars(prediction: Any) -> list[tuple[str, float, bool]]:
    """(class, its probability, whether it is in the conformal set) by falling probability: the likeliest, and every
    member of the set."""
    members = set(prediction.conformal_set)
    rows = [(name, p, name in members) for name, p in ranked(prediction.probabilities)]
    return [row for place, row in enumerate(rows) if place < LISTED or row[2]]


@register.filter
def passed_over(prediction: Any) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """The likeliest class outside the conformal set and the least likely one in it, each with its probability, where
    that one has less; else None."""
    rows = bars(prediction)
    outside = next(((name, p) for name, p, member in rows if not member), None)
    inside = next(((name, p) for name, p, member in reversed(rows) if member), None)
    return (outside, inside) if outside and inside and outside[1] > inside[1] else None


@register.filter
def match(crosscheck: dict[str, Any]) -> str:
    """How good the best template's score is, in a word."""
    return match_words(crosscheck["score"])


@register.filter
def by_parent(prediction: Any) -> list[tuple[str, float, list[tuple[str, float]]]]:
    """(parent group, its probability, its classes by falling probability), the likeliest group first."""
    taxonomy = load_taxonomy()
    groups: dict[str, list[tuple[str, float]]] = {}
    for name, p in ranked(prediction.probabilities):
        entry = taxonomy.find(name)
        groups.setdefault(entry.group if entry else "other", []).append((name, p))
    rows = [(group, sum(p for _, p in members), members) for group, members in groups.items()]
    return sorted(rows, key=lambda row: -row[1])


@register.filter
def joined(values: Sequence[Any]) -> str:
    """Ia, Ib, Ic → Ia or Ib or Ic."""
    return " or ".join(str(value) for value in values)


@register.filter
def redshift(value: float | str | None, error: float | None = None) -> str:
    """A redshift with its error, as precise as the error allows; an empty text where there is no prediction."""
    if value is None or isinstance(value, str):
        return "–"
    value = round(value, 4) or 0.0  # never -0.0000
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


@register.filter
def pretty(value: Any) -> str:
    """JSON with indentation."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with some parameters changed; None takes one out."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    encoded: str = query.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter
def tagged(tags: str, name: str) -> str:
    """What a message's tags say under a name, such as the decision that it offers to undo ("undo:17"), or ""."""
    return next((tag.removeprefix(f"{name}:") for tag in tags.split() if tag.startswith(f"{name}:")), "")


@register.filter
def span(elapsed: timedelta | None) -> str:
    """A time span in its largest unit; a dash where there is none."""
    return "–" if elapsed is None else age(elapsed)


@register.filter
def words(code: Any) -> str:
    """A code, such as "no_wavelengths", as people read it."""
    return in_words(code)


@register.filter
def value_words(value: Any) -> str:
    """What a file or a person gave, such as "flam" or the title of a column: in words where it is a known code."""
    return value_in_words(value)


@register.filter
def breakable(name: str) -> SafeString:
    """A file's name that a narrow column breaks after its dashes, dots and underscores first."""
    return mark_safe(re.sub(r"([-_.])", r"\1<wbr>", escape(name)))  # noqa: S308
