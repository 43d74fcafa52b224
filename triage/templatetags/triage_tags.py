"""Template filters and tags: outlines of spectra, ages, percentages, redshifts, the colour of a class."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from classifier import __version__
from classifier.taxonomy import load_taxonomy
from triage.intake.doubts import doubts
from triage.intake.stated import stated_facts
from triage.intake.wording import in_words, moment_in_words, redshift_in_words, value_in_words
from triage.models import Transient
from triage.queue.reasons import age

register = template.Library()
register.filter(doubts)
register.filter(stated_facts)

# Size of an outline's drawing area; the page scales it.
WIDTH, HEIGHT = 220, 48


@register.simple_tag
def version() -> str:
    """Return the version of the software."""
    return __version__


@register.simple_tag
def sparkline(outline: Sequence[float | None]) -> SafeString:
    """Draw the outline of a spectrum as an SVG.

    outline: fluxes scaled to 0..1, evenly spaced; None where the spectrum has a gap, which breaks the line.
    """
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
    # The text holds formatted numbers alone, so nothing needs escaping.
    return mark_safe(f"{svg}{lines}</svg>")  # noqa: S308


@register.filter
def names(name: str, transient: Transient) -> bool:
    """Return whether a name is a spelling of one of the transient's."""
    return transient.is_called(name)


@register.filter
def percent(value: float | None) -> str:
    """Format a probability as a percentage: 0.934 → "93 %". It is never rounded to 0 % or 100 %; None gives a dash."""
    if value is None:
        return "–"
    if value > 0.995:
        return "> 99 %"
    return "< 1 %" if value < 0.005 else f"{value:.0%}".replace("%", " %")


@register.filter
def signed(value: float) -> str:
    """Return a whole number with its sign, such as +6 or −3; zero has none."""
    number = round(value)
    return "0" if number == 0 else f"{number:+d}".replace("-", "−")


register.filter("moment", moment_in_words)


@register.filter
def magnitude(value: float, decimals: int = 1) -> str:
    """Format a magnitude with a minus sign, such as −21.4.

    decimals: digits behind the point.
    """
    return f"{value:.{decimals}f}".replace("-", "−")


@register.filter
def share(value: float) -> str:
    """Format a counted share as ``percent`` does, except that exactly none and all are "0 %" and "100 %"."""
    return {0.0: "0 %", 1.0: "100 %"}.get(value) or percent(value)


@register.filter
def group_of(class_name: str) -> str:
    """Return the CSS class of a class's parent group, which gives it its colour, or "none" for an unknown class."""
    entry = load_taxonomy().find(class_name) if class_name else None
    return slugify(entry.group) if entry else "none"


@register.filter
def listed(values: Sequence[str]) -> str:
    """Join words as a list: Ia, Ib, Ic → "Ia, Ib and Ic"."""
    return " and ".join(filter(None, (", ".join(values[:-1]), *values[-1:])))


@register.filter
def joined(values: Sequence[Any]) -> str:
    """Join values with "or": Ia, Ib, Ic → "Ia or Ib or Ic"."""
    return " or ".join(str(value) for value in values)


@register.filter
def redshift(value: float | str | None, error: float | None = None) -> str:
    """Format a redshift with the digits that it has, and its 1σ error if there is one; an unknown one gives a dash.

    value: redshift; None and "" (from a missing variable of a template) are unknown.
    """
    if value is None or isinstance(value, str):
        return "–"
    return redshift_in_words(value, error)


@register.filter
def pretty(value: Any) -> str:
    """Format a value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.simple_tag(takes_context=True)
def with_query(context: RequestContext, **changes: Any) -> str:
    """Return the page's query string with some parameters changed.

    changes: new values by parameter; None removes a parameter.
    """
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    encoded: str = query.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter
def tagged(tags: str, name: str) -> str:
    """Return the value of one tag of a message, or "": with the tags "info undo:17", ``undo`` gives "17"."""
    return next((tag.removeprefix(f"{name}:") for tag in tags.split() if tag.startswith(f"{name}:")), "")


@register.filter
def span(elapsed: timedelta | None) -> str:
    """Format a time span in its largest unit ("3 d"); None gives a dash."""
    return "–" if elapsed is None else age(elapsed)


@register.filter
def words(code: object) -> str:
    """Return the words for a stored code such as "no_wavelengths"."""
    return in_words(code)


@register.filter
def value_words(value: object) -> str:
    """Return a recorded value in words.

    value: code such as "flam", or a dictionary of values. Anything else, such as a column's title, stays as it is.
    """
    if isinstance(value, dict):
        return ", ".join(f"{in_words(name)} {value_in_words(part)}" for name, part in value.items())
    return value_in_words(value)


@register.filter
def breakable(name: str) -> SafeString:
    """Let a long file name break after its dashes, dots and underscores."""
    return mark_safe(re.sub(r"([-_.])", r"\1<wbr>", escape(name)))  # noqa: S308
