"""One line of a list, taken apart: its mark, what its links are for, which of them names a paper."""

import re
from collections.abc import Sequence

from digest.catalogue import markup, words

_MARK = re.compile(r"\s*\[(?P<rating>\d{1,3}(?:\.\d+)?/\d{1,3}|\?{1,5})\]\s*")
_ROLE_BRACKETS = re.compile(r"[\[(\uff08\u3010][^\[\]()\uff08\uff09\u3010\u3011]{0,40}[\])\uff09\u3011]")


def mark(text: str) -> tuple[str, str, str]:
    """Return the rating and the remark that stand in brackets before an entry, and the rest: ``[9/10][neat] [Title](...)``."""
    match = _MARK.match(text)
    if match is None:
        return "", "", text
    rest = text[match.end() :]
    if rest.startswith("["):
        depth = 0
        for bracket in re.finditer(r"[\[\]]", rest):
            depth += 1 if bracket[0] == "[" else -1
            if depth == 0:
                end = bracket.end()
                if rest[end : end + 1] != "(":
                    return match["rating"], words.inline(rest[1 : end - 1]), rest[end:]
                break
    return match["rating"], "", rest


def without_inner(links: Sequence[markup.Link], tail: str) -> tuple[list[markup.Link], str]:
    """Return *links* without those to places in the list itself, whose words stay as text."""
    kept, carried = [], ""
    for link in links:
        if link.url.startswith("#"):
            carried += link.before + link.anchor
        else:
            kept.append(link._replace(before=carried + link.before))
            carried = ""
    return kept, carried + tail


def names_paper(link: markup.Link, *, first: bool) -> bool:
    """Return whether the words of a link are a paper's title."""
    if not words.is_paper(link.url):
        return False
    anchor = words.inline(link.anchor)
    if not words.is_title(words.title(anchor)) or words.role(anchor) is not None:
        return False
    label = link.before.rstrip(" *").endswith((":", "\uff1a")) and words.role(link.before)
    return first or not label or label == "paper"


def role(link: markup.Link) -> str:
    """Return what a link is for: by its own words, else by those before it, else by where it leads."""
    anchor = words.inline(link.anchor)
    said = (words.role(anchor) if anchor and "://" not in anchor else "") or words.role(link.before[-60:])
    host = words.kind(link.url)
    if said == "paper" and host in ("code", "video"):
        return host
    if said in ("", None) or (said == "code" and host == "paper"):
        return host
    return said


def without_roles(text: str) -> str:
    """Return *text* without brackets that only name roles of links, and without such names at its end."""
    text = _ROLE_BRACKETS.sub(lambda match: " " if words.role(match[0]) is not None else match[0], text)
    kept = re.split(r"(\s*[|\uff5c]\s*|\s{2,})", text)
    while kept and (not kept[-1].strip(" |\uff5c") or words.role(kept[-1]) is not None):
        kept.pop()
    return "".join(kept)


def bare(text: str) -> str:
    """Return a heading's text without the addresses of its links."""
    links, tail = markup.links(text)
    return "".join(link.before + link.anchor for link in links) + tail
