"""An edition's papers in, one message for a web-hook out, in the form that each kind of chat takes.

One edition is one message, whatever its size, so that it is told once or not at all; what there is no room for is on the web, and the
message says how many that are. Sizes are those that the chats document, with some room.

Titles and names are strangers' text. They stand where a chat reads no marks (Slack), or without the marks that it would read; and
nothing in them calls anybody: ``@everyone``, ``<!channel>`` and the like are taken apart.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from digest.core.edition import Edition, Item
from digest.core.subscription import Hook

SLACK_BLOCKS, SLACK_BLOCK, SLACK_SIZE = 50, 3000, 12_000
"""Blocks of a message, letters in each, and letters of all blocks as JSON: above 13,000 Slack takes none (``msg_blocks_too_long``)."""
DISCORD_EMBEDS, DISCORD_EMBED, DISCORD_SIZE = 10, 4096, 6000
"""Embeds of a message, letters of each description, and letters of all of them."""
FEISHU_SIZE = 20_000
"""Bytes of a request to a bot; of a card alone it would be 30 kB."""
TELEGRAM_SIZE, TELEGRAM_ENTITIES = 4096, 100
"""UTF-16 units of a message without its marks, and how many links and headings it has."""
JSON_SIZE = 8_000_000
_LONGEST_TITLE, _LONGEST_NAME = 200, 60
_APART = "\u200b"
_CALLS = re.compile(r"(?<=[@\uff20])(?=\S)|(?<=<)(?=[@!#/a-zA-Z])")
_ARXIV = "https://arxiv.org/abs/"
Message = dict[str, Any]
Group = tuple[str, Sequence[Item]]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a message tells, whatever its form."""

    hook: Hook
    edition: Edition
    url: str
    """The page of the edition."""
    groups: Sequence[Group]
    """Papers under their headings."""
    count: int

    @property
    def title(self) -> str:
        day = self.edition.date
        return f"{self.edition.category}, {day:%a} {day.day} {day:%b %Y}: {self.count:,} paper{'s' if self.count != 1 else ''}"

    def first(self, most: int) -> list[Group]:
        """Return the first papers under their headings."""
        found = list[Group]()
        for name, items in self.groups:
            if most <= 0:
                break
            found.append((name, items[:most]))
            most -= len(items)
        return found


def message(hook: Hook, edition: Edition, url: str) -> Message | None:
    """Return the message that tells a web-hook an edition, whose page is at *url*; None if there is nothing under its topics."""
    groups = [(section.name, items) for section in edition.sections if (items := [one for one in section.items if _is_for(hook, one)])]
    told = _Told(hook, edition, url, groups, sum(len(items) for _, items in groups))
    if not told.count:
        return None
    build, fits = _FORMS[hook.format]
    least, most = 0, told.count
    while least < most:
        middle = (least + most + 1) // 2
        if fits(build(told, middle)):
            least = middle
        else:
            most = middle - 1
    return build(told, least)


def _is_for(hook: Hook, item: Item) -> bool:
    topic, subtopic = item.place or ("", "")
    return not hook.topics or (bool(topic) and (topic in hook.topics or f"{topic}/{subtopic}" in hook.topics))


def size(found: Mapping[str, Any]) -> int:
    """Return how many bytes a message is on the wire."""
    return len(json.dumps(found))


# -- what all of them say ----------------------------------------------------------------------------------------------


def disarmed(text: str) -> str:
    """Return a text that calls nobody: a blank without width stands where a name would begin."""
    return _CALLS.sub(_APART, text)


def _title(item: Item) -> str:
    return disarmed(_cut(item.entry.paper.title or item.entry.paper.id, _LONGEST_TITLE))


def _by(item: Item) -> str:
    authors = item.entry.paper.authors
    if not authors:
        return ""
    return disarmed(_cut(authors[0], _LONGEST_NAME)) + (" et al." if len(authors) > 1 else "")


def _link(item: Item) -> str:
    return f"{_ARXIV}{item.entry.paper.id}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _rest(told: _Told, most: int) -> str:
    """Return what is said of the papers that there is no room for; empty if there are none."""
    return f"and {told.count - most:,} more" if told.count > most else ""


# -- generic JSON ------------------------------------------------------------------------------------------------------


def _json(told: _Told, most: int) -> Message:
    edition = told.edition
    return {
        "version": 1,
        "text": told.title,
        "category": edition.category,
        "date": str(edition.date),
        "edition": edition.number,
        "url": told.url,
        "hook": told.hook.name,
        "topics": list(told.hook.topics),
        "count": told.count,
        "left_out": told.count - min(most, told.count),
        "papers": [_paper(item) for _, items in told.first(most) for item in items],
    }


def _paper(item: Item) -> Message:
    paper, opinion = item.entry.paper, item.classification
    topic, subtopic = item.place or ("", "")
    return {
        "number": item.number,
        "id": paper.id,
        "url": _link(item),
        "title": paper.title,
        "authors": list(paper.authors),
        "abstract": paper.abstract,
        "kind": item.entry.kind.value,
        "categories": list(paper.categories),
        "topic": topic or None,
        "subtopic": subtopic or None,
        "probability": opinion.best.probability if opinion and not item.corrected else None,
        "unsure": bool(opinion and opinion.unsure and not item.corrected),
        "links": [{"kind": link.kind, "url": link.url} for link in item.links],
    }


# -- Slack: blocks of rich text, in which no marks are read ------------------------------------------------------------


def _slack(told: _Told, most: int) -> Message:
    blocks: list[Message] = [{"type": "header", "text": {"type": "plain_text", "text": _cut(told.title, 150), "emoji": False}}]
    for name, items in told.first(most):
        blocks.append({"type": "rich_text", "elements": [_section({"type": "text", "text": name, "style": {"bold": True}})]})
        length = len(name)
        for item in items:
            pieces = [{"type": "link", "url": _link(item), "text": _title(item)}]
            pieces += [{"type": "text", "text": f"  {_by(item)}"}] if _by(item) else []
            own = sum(len(piece["text"]) for piece in pieces)
            if length + own > SLACK_BLOCK:
                blocks.append({"type": "rich_text", "elements": []})
                length = 0
            length += own
            elements = blocks[-1]["elements"]
            if not elements or elements[-1]["type"] != "rich_text_list":
                elements.append({"type": "rich_text_list", "style": "bullet", "elements": []})
            elements[-1]["elements"].append(_section(*pieces))
    last = {"type": "link", "url": told.url, "text": _rest(told, most) or "on the web"}
    blocks.append({"type": "rich_text", "elements": [_section(last)]})
    return {"text": told.title, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _section(*pieces: Message) -> Message:
    return {"type": "rich_text_section", "elements": list(pieces)}


def _fits_slack(found: Message) -> bool:
    return len(found["blocks"]) <= SLACK_BLOCKS and size({"blocks": found["blocks"]}) <= SLACK_SIZE


# -- Discord: embeds, whose text is Markdown ---------------------------------------------------------------------------

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def _discord(told: _Told, most: int) -> Message:
    lines = list[str]()
    for name, items in told.first(most):
        lines.append(f"**{_marked(name)}**")
        for item in items:
            by = f" {_marked(_by(item))}" if _by(item) else ""
            lines.append(f"- [{_marked(_title(item))}]({_link(item)}){by}")
    if rest := _rest(told, most):
        lines.append(f"[{rest}]({told.url})")
    texts, text = list[str](), ""
    for line in lines:
        if text and len(text) + 1 + len(line) > DISCORD_EMBED:
            texts.append(text)
            text = ""
        text = f"{text}\n{line}" if text else line
    texts.append(text)
    head = {"title": _cut(told.title, 256), "url": told.url}
    embeds = [{**(head if not place else {}), "description": text} for place, text in enumerate(texts)]
    return {"embeds": embeds, "allowed_mentions": {"parse": []}}


def _marked(text: str) -> str:
    """Return a text in which Discord's Markdown finds no mark: it takes any sign after a backslash as it is."""
    return _PUNCTUATION.sub(r"\\\1", text)


def _fits_discord(found: Message) -> bool:
    embeds = found["embeds"]
    letters = sum(_units(one.get("title", "")) + _units(one["description"]) for one in embeds)
    return len(embeds) <= DISCORD_EMBEDS and letters <= DISCORD_SIZE and all(_units(one["description"]) <= DISCORD_EMBED for one in embeds)


# -- Feishu: a card, whose text is Markdown with character references --------------------------------------------------


def _feishu(told: _Told, most: int) -> Message:
    elements: list[Message] = []
    for name, items in told.first(most):
        lines = [f"**{_referred(name)}**"]
        for item in items:
            by = f" {_referred(_by(item))}" if _by(item) else ""
            lines.append(f"\u2022 [{_referred(_title(item))}]({_link(item)}){by}")
        elements.append({"tag": "div", "text": {"tag": "lark_md", "content": "\n".join(lines)}})
    last = f"[{_rest(told, most) or 'on the web'}]({told.url})"
    elements.append({"tag": "div", "text": {"tag": "lark_md", "content": last}})
    header = {"title": {"tag": "plain_text", "content": told.title}, "template": "blue"}
    return {"msg_type": "interactive", "card": {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}}


_CARD_MARKS = re.compile(r"""[-<>~!*/\\\[\]()#:+"'`$_]""")
_REFERENCE = re.compile(r"&(?=#|\w+;)")


def _referred(text: str) -> str:
    """Return a text whose signs are written as character references, as Feishu says: a card shows them and does not read them as marks."""
    return _CARD_MARKS.sub(lambda found: f"&#{ord(found[0])};", _REFERENCE.sub(f"&{_APART}", text))


# -- Telegram: HTML of few tags ----------------------------------------------------------------------------------------


def _telegram(told: _Told, most: int) -> Message:
    lines = [f"<b>{escape(told.title)}</b>"]
    for name, items in told.first(most):
        lines.append(f"\n<b>{escape(name)}</b>")
        for item in items:
            by = f" {escape(_by(item))}" if _by(item) else ""
            lines.append(f'\u2022 <a href="{escape(_link(item))}">{escape(_title(item))}</a>{by}')
    lines.append(f'\n<a href="{escape(told.url)}">{_rest(told, most) or "on the web"}</a>')
    chat = parse_qs(urlsplit(told.hook.url).query)
    place: Message = {name: chat[name][0] for name in ("chat_id", "message_thread_id") if name in chat}
    return {**place, "text": "\n".join(lines), "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}


def _fits_telegram(found: Message) -> bool:
    tags = re.findall(r"<[ab][ >]", found["text"])
    text = re.sub(r"<[^>]*>", "", found["text"])
    shown = re.sub(r"&(?:lt|gt|amp|quot|#x27);", "_", text)
    return _units(shown) <= TELEGRAM_SIZE and len(tags) <= TELEGRAM_ENTITIES


def _units(text: str) -> int:
    """Return the length of a text as chats count it: a sign beyond the first plane is two."""
    return len(text) + sum(letter > "\uffff" for letter in text)


_FORMS: Mapping[str, tuple[Callable[[_Told, int], Message], Callable[[Message], bool]]] = {
    "json": (_json, lambda found: size(found) <= JSON_SIZE),
    "slack": (_slack, _fits_slack),
    "discord": (_discord, _fits_discord),
    "feishu": (_feishu, lambda found: size(found) <= FEISHU_SIZE),
    "telegram": (_telegram, _fits_telegram),
}
