"""Posting to a SkyPortal.

Each post is looked for on the server first, so that a crash between posting and storing its id leads to no second one.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import Any

from classifier.taxonomy import load_taxonomy
from triage.models import PostKind, Prediction, SkyPortalPost
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError

log = logging.getLogger(__name__)

ORIGIN = "spectrum-triage"


class CannotPostError(SkyPortalError):
    """The post cannot be made as things are, and another attempt does not help."""


class NoNameError(CannotPostError):
    """The server's taxonomy has no such class."""


class StillThereError(SkyPortalError):
    """The server may still hold what was to be withdrawn."""


class Poster:
    """Posts to one server.

    A post is recognised by its key, which a classification carries in its origin and an annotation in its data.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def post(self, post: SkyPortalPost) -> int:
        """Make a post, unless the server holds it already; return its id there.

        Raises CannotPostError or another SkyPortalError.
        """
        if post.kind == PostKind.ANNOTATION:
            return self._annotate(post)
        payload = self._classification(post)
        if unreadable := set(_groups(post)) - self._own_groups:
            raise CannotPostError(foreign_groups(unreadable))
        if found := self._matches(post):
            return min(found)
        if lost := self._unreadable(post):
            raise StillThereError(f"it may be there already: {_unread(lost)}")
        _remember_groups(post)
        return self.client.post_classification(payload)

    def withdraw(self, post: SkyPortalPost) -> None:
        """Remove a post from the server if it is there. Raises SkyPortalError."""
        if post.kind == PostKind.ANNOTATION:
            self._withdraw_annotation(post)
        else:
            self._withdraw_classification(post)

    def _withdraw_annotation(self, post: SkyPortalPost) -> None:
        spectrum = _remote_spectrum(post)
        rows = [row for row in self.client.annotations(spectrum) if isinstance(row.get("id"), int)]
        found = [row["id"] for row in rows if (row.get("data") or {}).get("key") == post.key]
        # A later prediction writes its numbers into the same annotation, which then has to stay.
        if not (found or _of_origin(rows, post)) and (unread := self._unreadable(post)):
            raise StillThereError(f"it may still be there: {_unread(unread)}")
        for number in found:
            self.client.delete_annotation(spectrum, number)

    def _withdraw_classification(self, post: SkyPortalPost) -> None:
        """Delete a classification by its id and wherever its key is found, and look whether it is gone."""
        remembered = {post.remote_id} if post.remote_id is not None else set()
        deleted = set()
        for number in remembered | self._matches(post):
            try:
                self.client.delete_classification(number)
            except (NotVisibleError, RefusedError) as error:
                log.info("SkyPortal: classification %s of %s was not deleted: %s", number, post, error.detail)
            else:
                deleted.add(number)
        if left := self._matches(post):
            numbers = ", ".join(map(str, sorted(left)))
            raise StillThereError(f"it is still there: the server did not delete classification {numbers}")
        if not deleted and (unread := self._unreadable(post)):
            raise StillThereError(f"it may still be there: the server deleted nothing, and {_unread(unread)}")

    def _matches(self, post: SkyPortalPost) -> set[int]:
        """Return the ids of the classifications on the server that carry the post's key."""
        rows = self.client.classifications(post.remote_name)
        return {row["id"] for row in rows if post.key in str(row.get("origin")) and isinstance(row.get("id"), int)}

    def _unreadable(self, post: SkyPortalPost) -> set[int]:
        """Return the groups that a post went to and that the token does not belong to, so that it cannot read it."""
        # Posts of earlier releases did not remember their groups.
        return set(post.shared_with or post.instance.share_with) - self._own_groups

    @functools.cached_property
    def _own_groups(self) -> set[int]:
        return set(self.client.groups())

    def _classification(self, post: SkyPortalPost) -> dict[str, Any]:
        class_name, details = _class_and_origin(post)
        entry = load_taxonomy().find(class_name)
        name = entry.skyportal if entry else None
        if name is None:
            raise NoNameError(f"SkyPortal's taxonomy has no class “{class_name}”, so it is not posted")
        return {
            "obj_id": post.remote_name,
            "classification": name,
            "taxonomy_id": self._taxonomy_id(post.instance.taxonomy, name),
            "group_ids": _groups(post),
            # The account belongs to a machine, which neither votes nor has looked at the source.
            "vote": False,
            "label": False,
            **details,
        }

    def _taxonomy_id(self, wanted: str, class_name: str) -> int:
        """Return the id of the newest taxonomy of a name. Raises CannotPostError if it lacks the class."""
        named = [t for t in self._taxonomies if str(t.get("name", "")).casefold() == wanted.casefold()]
        if not named:
            raise CannotPostError(f"the server has no taxonomy “{wanted}”; enter another name in the connection")
        newest = [t for t in named if t.get("isLatest")] or named[-1:]
        if class_name not in set(_names(newest[0].get("hierarchy"))):
            raise NoNameError(f"the server's taxonomy “{wanted}” has no class “{class_name}”")
        return int(newest[0]["id"])

    @functools.cached_property
    def _taxonomies(self) -> list[dict[str, Any]]:
        return self.client.taxonomies()

    def _annotate(self, post: SkyPortalPost) -> int:
        spectrum = _remote_spectrum(post)
        content = {"origin": _origin(post), "data": _numbers(post), "group_ids": _groups(post)}
        _remember_groups(post)
        found = _of_origin(self.client.annotations(spectrum), post)
        if not found:
            try:
                return self.client.post_annotation(spectrum, content)
            except RefusedError:
                # The server takes one annotation for each origin, which may have been made in the meantime.
                found = _of_origin(self.client.annotations(spectrum), post)
                if not found:
                    raise
        try:
            self.client.put_annotation(spectrum, found[0], content)
        except NotVisibleError as error:
            raise CannotPostError(
                f"another account has annotated this spectrum as “{_origin(post)}”, and the server keeps one of a name"
            ) from error
        return found[0]


def _origin(post: SkyPortalPost) -> str:
    """Return the origin of a connection's annotations. Each group has its own, so that none replaces another's."""
    group = post.instance.group
    return ORIGIN if group is None else f"{ORIGIN}, {group.name}"


def _of_origin(rows: Iterable[dict[str, Any]], post: SkyPortalPost) -> list[int]:
    """Return the ids of the annotations that have the origin of a post's connection."""
    return [row["id"] for row in rows if row.get("origin") == _origin(post) and isinstance(row.get("id"), int)]


def foreign_groups(ids: set[int]) -> str:
    """Return why nothing is posted to groups that the token does not belong to."""
    numbers = ", ".join(map(str, sorted(ids)))
    return f"the token does not belong to group {numbers} there, so it could not find again what it posts; leave it out"


def _unread(groups: set[int]) -> str:
    numbers = ", ".join(map(str, sorted(groups)))
    return f"it was posted to group {numbers} there, which the token does not belong to"


def _remember_groups(post: SkyPortalPost) -> None:
    """Store the groups that a post is about to be sent to, because the connection may have others later."""
    post.shared_with = _groups(post)
    SkyPortalPost.objects.filter(pk=post.pk, lease_token=post.lease_token).update(shared_with=post.shared_with)


def _names(node: Any) -> Iterable[str]:
    """Yield the name of every class of a hierarchy."""
    if isinstance(node, dict):
        yield str(node.get("class"))
        for child in node.get("subclasses") or []:
            yield from _names(child)


def _groups(post: SkyPortalPost) -> list[int]:
    groups: list[int] = post.instance.share_with
    if not groups:
        # Without groups the server would share the post with everybody.
        raise CannotPostError("the connection names no groups that may see what is posted; enter their numbers in it")
    return groups


def _class_and_origin(post: SkyPortalPost) -> tuple[str, dict[str, Any]]:
    """Return the class and how it was found, as fields of the server's classification."""
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
        raise CannotPostError("the prediction was deleted, so it cannot be posted")
    return post.prediction


def _remote_spectrum(post: SkyPortalPost) -> int:
    if post.remote_spectrum is None:
        raise CannotPostError("the spectrum did not come from this server, so it cannot be annotated there")
    return post.remote_spectrum


def _numbers(post: SkyPortalPost) -> dict[str, Any]:
    """Return the numbers of a prediction that its annotation holds."""
    prediction = _prediction(post)
    return {
        "class": prediction.class_name,
        "probabilities": {name: round(p, 4) for name, p in prediction.probabilities.items()},
        "conformal_set_90": prediction.conformal_set,
        "novelty": round(prediction.novelty, 4),
        "redshift": prediction.redshift,
        "redshift_error": prediction.redshift_error,
        "redshift_used": prediction.redshift_used,
        "without_host_light": prediction.without_host_light,
        "checkpoint": prediction.checkpoint.hash,
        "key": post.key,
    }
