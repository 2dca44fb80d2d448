"""What the specifications of feeds ask for, held against a feed: RFC 4287, RSS 2.0, JSON Feed 1.1, OPML 2.0.

Nothing of the product is in here. The grammars under `tests/schemas/` were written from the texts of the specifications.
"""

import json
import re
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from lxml import etree

_SCHEMAS = Path(__file__).resolve().parent / "schemas"
ATOM, CONTENT, DC = "{http://www.w3.org/2005/Atom}", "{http://purl.org/rss/1.0/modules/content/}", "{http://purl.org/dc/elements/1.1/}"
_ABSOLUTE = re.compile(r"https?://[^\s<>\"]+")


@cache
def _grammar() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(_SCHEMAS / "atom.rng"))


@cache
def _json_feed() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((_SCHEMAS / "jsonfeed.schema.json").read_text("utf-8")))


def problems(path: str, body: bytes) -> list[str]:
    """Return what is wrong with a feed, in the format that its path tells."""
    if path.endswith(".json"):
        document = json.loads(body.decode("utf-8"))
        found = [error.message[:300] for error in _json_feed().iter_errors(document)]
        return found + _repeated([item["id"] for item in document.get("items", [])])
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    if path.endswith(".atom.xml"):
        return _atom(root)
    return _rss(root) if path.endswith(".rss.xml") else _opml(root)


def _repeated(values: list[str]) -> list[str]:
    return (
        [f"{value} stands more than once" for value in sorted(set(values)) if values.count(value) > 1]
        if len(set(values)) < len(values)
        else []
    )


def _atom(root: Any) -> list[str]:
    grammar = _grammar()
    found = [] if grammar.validate(root) else [str(error) for error in grammar.error_log][:5]
    found += _repeated([str(one.text) for one in root.iter(f"{ATOM}id")])
    for one in [root, *root.iter(f"{ATOM}entry")]:
        links = [(link.get("rel", "alternate"), link.get("type"), link.get("hreflang")) for link in one.iterchildren(f"{ATOM}link")]
        found += [
            f"{key} twice in {one.findtext(f'{ATOM}id')}" for key in set(links) if key[0] in ("alternate", "self") and links.count(key) > 1
        ]
        published, updated = one.findtext(f"{ATOM}published"), one.findtext(f"{ATOM}updated")
        if published and published > updated:
            found.append(f"{one.findtext(f'{ATOM}id')} was updated before it was published")
    return found


def _rss(root: Any) -> list[str]:
    """Return what the specification of RSS 2.0 and its advisory board's profile say against a feed."""
    channel = root.find("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or len(root) != 1 or channel is None:
        return ["that is no RSS 2.0"]
    found = [f"the channel has no {name}" for name in ("title", "link", "description") if not channel.findtext(name)]
    known = {"title", "link", "description", "language", "lastBuildDate", "pubDate", "generator", "docs", "item", f"{ATOM}link"}
    found += [f"the channel has {child.tag}" for child in channel if child.tag not in known]
    items = channel.findall("item")
    known = {"title", "link", "description", "guid", "pubDate", "category", f"{CONTENT}encoded", f"{DC}creator"}
    for item in items:
        found += [f"an item has {child.tag}" for child in item if child.tag not in known]
        if not (item.findtext("title") or item.findtext("description")):
            found.append("an item has neither title nor description")
        guid = item.find("guid")
        if guid is None or (guid.get("isPermaLink") != "false" and not _ABSOLUTE.fullmatch(guid.text or "")):
            found.append("a guid is neither an address nor said to be none")
        if not _ABSOLUTE.fullmatch(item.findtext("link") or ""):
            found.append(f"{item.findtext('link')} is no address")
    for one in [*root.iter("pubDate"), *root.iter("lastBuildDate")]:
        if parsedate_to_datetime(one.text).tzinfo is None:
            found.append(f"{one.text} has no time zone")
    return found + _repeated([str(item.findtext("guid")) for item in items])


def _opml(root: Any) -> list[str]:
    found = []
    if root.tag != "opml" or root.get("version") != "2.0" or [child.tag for child in root] != ["head", "body"]:
        found.append("that is no OPML 2.0")
    for one in root.iter("outline"):
        if not one.get("text"):
            found.append("an outline has no text")
        if one.get("type") == "rss" and not _ABSOLUTE.fullmatch(one.get("xmlUrl") or ""):
            found.append(f"{one.get('text')} has no address")
    return found
