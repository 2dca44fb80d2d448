"""The description of the server for programs: `models/openapi.json`, with the parts that stand elsewhere put into it."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from digest import __version__
from digest.catalogue.taxonomy import Taxonomy

_EDITION = "edition.schema.json"


def description(models: Path, taxonomy: Taxonomy, categories: Collection[str]) -> bytes:
    """Return the whole description: with the schema of an edition, and all topics and categories, out of the folder *models*."""
    document = json.loads((models / "openapi.json").read_text("utf-8"))
    document["info"]["version"] = __version__
    schemas = document["components"]["schemas"]
    schemas["Edition"] = _moved(json.loads((models / _EDITION).read_text("utf-8")), "#/components/schemas/Edition/")
    del schemas["Edition"]["$schema"]
    topics = [*taxonomy.names(), *("/".join(pair) for pair in taxonomy.subtopic_names())]
    schemas["Topic"]["enum"] = topics
    schemas["Category"]["enum"] = sorted(categories)
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def _moved(schema: Any, place: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a schema whose references to its own parts lead to where these are now."""
    if isinstance(schema, dict):
        return {
            name: value.replace("#/", place, 1) if name == "$ref" and isinstance(value, str) else _moved(value, place)
            for name, value in schema.items()
        }
    return [_moved(one, place) for one in schema] if isinstance(schema, list) else schema
