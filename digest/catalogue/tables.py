"""Rows of tables, out of Markdown or CSV: cells in, one paper out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from digest.catalogue import markup, words
from digest.core.links import Link

_COLUMNS = (
    ("authors", re.compile(r"(?i:author|作者)")),
    ("section", re.compile(r"(?i:session|section|topic|category|area|track|subject|方向|类别|分类|任务)")),
    ("oral", re.compile(r"(?i:^oral|presentation|^type$)")),
    ("venue", re.compile(r"(?i:venue|conference|会议|publication)")),
    ("code", re.compile(r"(?i:code|github|代码|repo)")),
    ("project", re.compile(r"(?i:project|homepage|website|主页|项目)")),
    ("video", re.compile(r"(?i:video|youtube|视频)")),
    ("number", re.compile(r"(?i:\bids?\b|^#$|^no\.?$|number|编号|序号)")),
    ("title", re.compile(r"(?i:title|题目|标题|论文名|名称)")),
    ("paper", re.compile(r"(?i:paper|arxiv|pdf|论文|link|url)")),
)
_TRUE = frozenset({"true", "yes", "1", "oral", "y", "是"})


@dataclass(slots=True)
class Row:
    """What the cells of one row say."""

    title: str = ""
    links: list[Link] = field(default_factory=list)
    section: str = ""
    venue: str = ""
    oral: bool = False


def columns(cells: Sequence[str]) -> list[str]:
    """Return what each column holds, by the cells of the table's head; "" where that is not known."""
    names = [next((name for name, pattern in _COLUMNS if pattern.search(cell)), "") for cell in map(words.inline, cells)]
    if "title" not in names and "paper" in names:
        names[names.index("paper")] = "title"
    return names


def row(cells: Sequence[str], names: Sequence[str]) -> Row:
    """Read one row, whose columns hold what *names* says; what they hold is guessed where it says nothing."""
    found = Row()
    texts = []
    for index, cell in enumerate(cells):
        name = names[index] if index < len(names) else ""
        links, tail = markup.links(cell)
        anchor = ""
        for link in links:
            if link.url.startswith("#"):
                continue
            text = words.inline(link.anchor)
            role = words.role(text) or (name if name in ("code", "project", "video", "paper") else "") or words.kind(link.url)
            found.links.append(Link(role, link.url))
            if not anchor and words.is_title(text) and words.is_paper(link.url):
                anchor = text
        text = words.title(anchor or "".join(link.before + link.anchor for link in links) + tail)
        texts.append(text)
        if name == "oral":
            found.oral = found.oral or text.lower() in _TRUE or words.is_oral(text)
        elif name == "section":
            found.section = words.heading(cell)
        elif name == "title" and words.is_title(text):
            found.title = text
        found.venue = found.venue or words.venue(text if name != "title" else "")
        if anchor and "title" not in names:
            found.title = found.title or words.title(anchor)
    if not found.title and "title" not in names:
        guesses = [text for index, text in enumerate(texts) if words.reads_as_title(text) and not (index < len(names) and names[index])]
        found.title = max(guesses, key=len, default="")
    return found
