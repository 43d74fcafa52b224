"""One post to one server: looked for first, so that a crash between posting and remembering makes no second one."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from classifier.taxonomy import load_taxonomy
from triage.models import PostKind, Prediction, SkyPortalPost
from triage.skyportal.client import Client
from triage.skyportal.errors import RefusedError, SkyPortalError

ORIGIN = "spectrum-triage"


class CannotPostError(SkyPortalError):
    """It can never be posted as things are; trying again does not help."""


class Poster:
    """Posts to one server. A classification carries the post's key in its origin; an annotation in its data."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def post(self, post: SkyPortalPost) -> int:
        """The server's id of what is there now, whether it was made just now or before."""
        if post.kind == PostKind.ANNOTATION:
            return self._annotate(post)
        found = self._look(post)
        return found if found is not None else self.client.post_classification(self._classification(post))

    def withdraw(self, post: SkyPortalPost) -> None:
        """Take it back, if it is there."""
        if post.kind == PostKind.ANNOTATION:
            spectrum = _remote_spectrum(post)
            found = self._annotation(spectrum)
            # A later prediction has its numbers in the same place.
            if found is not None and (found.get("data") or {}).get("key") == post.key:
                self.client.delete_annotation(spectrum, found["id"])
            return
        found_id = self._look(post)
        if found_id is not None:
            self.client.delete_classification(found_id)

    def _look(self, post: SkyPortalPost) -> int | None:
        for row in self.client.classifications(post.remote_name):
            if post.key in str(row.get("origin")) and isinstance(row.get("id"), int):
                return int(row["id"])
        return None

    def _classification(self, post: SkyPortalPost) -> dict[str, Any]:
        class_name, details = _said(post)
        entry = load_taxonomy().find(class_name)
        name = entry.skyportal if entry else None
        if name is None:
            raise CannotPostError(f"SkyPortal has no name for “{class_name}”")
        return {
            "obj_id": post.remote_name,
            "classification": name,
            "taxonomy_id": self._taxonomy_id(post.instance.taxonomy, name),
            "group_ids": _groups(post),
            # The account is a machine's: it neither votes nor has it looked at the source itself.
            "vote": False,
            "label": False,
            **details,
        }

    def _taxonomy_id(self, wanted: str, class_name: str) -> int:
        """The newest taxonomy of that name, which must hold the class."""
        named = [t for t in self._taxonomies if str(t.get("name", "")).casefold() == wanted.casefold()]
        if not named:
            raise CannotPostError(f"the server has no taxonomy “{wanted}”")
        newest = [t for t in named if t.get("isLatest")] or named[-1:]
        if class_name not in set(_names(newest[0].get("hierarchy"))):
            raise CannotPostError(f"the server's taxonomy “{wanted}” has no class “{class_name}”")
        return int(newest[0]["id"])

    @functools.cached_property
    def _taxonomies(self) -> list[dict[str, Any]]:
        return self.client.taxonomies()

    def _annotate(self, post: SkyPortalPost) -> int:
        spectrum = _remote_spectrum(post)
        content = {"origin": ORIGIN, "data": _numbers(post), "group_ids": _groups(post)}
        found = self._annotation(spectrum)
        if found is None:
            try:
                return self.client.post_annotation(spectrum, content)
            except RefusedError:
                # There is one for each origin; it may have been made in the meantime.
                found = self._annotation(spectrum)
                if found is None:
                    raise
        self.client.put_annotation(spectrum, found["id"], content)
        return int(found["id"])

    def _annotation(self, spectrum: int) -> dict[str, Any] | None:
        rows = self.client.annotations(spectrum)
        return next((r for r in rows if r.get("origin") == ORIGIN and isinstance(r.get("id"), int)), None)


def _names(node: Any) -> Iterable[str]:
    """Every class of a hierarchy."""
    if isinstance(node, dict):
        yield str(node.get("class"))
        for child in node.get("subclasses") or []:
            yield from _names(child)


def _groups(post: SkyPortalPost) -> list[int]:
    groups: list[int] = post.instance.share_with
    if not groups:
        # Without groups the server would share it with everybody.
        raise CannotPostError("the connection does not say which groups may see what is posted")
    return groups


def _said(post: SkyPortalPost) -> tuple[str, dict[str, Any]]:
    """The class, and how it was found."""
    if post.decision is not None:
        decision = post.decision
        seen = decision.prediction_seen.get("checkpoint", "")
        origin = f"{ORIGIN} decision {decision.pk} by {decision.reviewer.get_username()}"
        network = f", network {seen[:12]}" if seen else ""
        return decision.class_name, {"ml": False, "origin": f"{origin}{network}, {post.key}"}
    prediction = _prediction(post)
    origin = f"{ORIGIN} network {prediction.checkpoint.hash[:12]}, spectrum {post.remote_spectrum}, {post.key}"
    return prediction.class_name, {"ml": True, "probability": round(prediction.probability, 4), "origin": origin}


def _prediction(post: SkyPortalPost) -> Prediction:
    if post.prediction is None:
        raise CannotPostError("the prediction is gone")
    return post.prediction


def _remote_spectrum(post: SkyPortalPost) -> int:
    if post.remote_spectrum is None:
        raise CannotPostError("the spectrum is not one of the server's")
    return post.remote_spectrum


def _numbers(post: SkyPortalPost) -> dict[str, Any]:
    prediction = _prediction(post)
    return {
        "class": prediction.class_name,
        "probabilities": {name: round(p, 4) for name, p in prediction.probabilities.items()},
        "conformal_set_90": prediction.conformal_set,
        "novelty": round(prediction.novelty, 4),
        "redshift": prediction.redshift,
        "redshift_error": prediction.redshift_error,
        "redshift_used": prediction.redshift_used,
        "checkpoint": prediction.checkpoint.hash,
        "key": post.key,
    }
