"""What objects come in: a STIX bundle, a TAXII envelope, a list of objects, or one object."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from foedus.kernel.errors import TooLarge
from foedus.kernel.ids import id_type
from foedus.kernel.stix.checks import Problems, problem

Container = Literal["bundle", "envelope", "list", "object"]
LEVELS: dict[Container, int] = {"bundle": 2, "envelope": 2, "list": 1, "object": 0}  # around each object


def open_container(tree: Any) -> tuple[Container, list[Any], Problems]:
    """The kind of container, its objects, and what is wrong with the container itself."""
    if type(tree) is list:
        return "list", tree, [] if tree else problem("empty-list", "the list has no objects")
    if type(tree) is not dict:
        text = "the input must be a STIX bundle, a TAXII envelope, a list of objects or one object"
        return "object", [], problem("not-stix", text)
    if tree.get("type") == "bundle":
        return _open_bundle(tree)
    if "objects" in tree and "type" not in tree and "id" not in tree:
        objects = tree["objects"]
        if type(objects) is not list:
            return "envelope", [], problem("wrong-type", "objects must be a list", "objects")
        return "envelope", objects, []
    return "object", [tree], []


def _open_bundle(tree: dict[str, Any]) -> tuple[Container, list[Any], Problems]:
    found: Problems = []
    identifier, objects = tree.get("id"), tree.get("objects", [])
    if "id" not in tree:
        found += problem("missing-property", "a bundle needs its id: bundle--UUID", "id")
    elif type(identifier) is not str or id_type(identifier) != "bundle":
        found += problem("invalid-identifier", "the id of a bundle must be bundle--UUID", "id")
    if type(objects) is not list:
        found += problem("wrong-type", "objects must be a list", "objects")
        objects = []
    elif not objects and "objects" in tree:
        found += problem("empty-list", "objects must not be empty; leave the property out", "objects")
    return "bundle", objects, found


def check_count(tree: Any, most: int | None) -> None:
    """Raises TooLarge for more objects than `most` (None: any number)."""
    objects = open_container(tree)[1]
    if most is not None and len(objects) > most:
        raise TooLarge([], f"one input may hold {most} objects (max_objects_per_request), not {len(objects)}")


def without_objects(tree: Any) -> bytes:
    """The JSON text of a container without its objects."""
    outside = {**tree, "objects": []} if type(tree) is dict and type(tree.get("objects")) is list else []
    return msgspec.json.encode(outside)
