"""Listing pages in arXiv's real format, made from invented papers.

The markup follows what arXiv's own program writes in 2026: one ``<dl>`` per section, its heading inside, mixed quotes, and
addresses in abstracts and comments behind the words "this https URL".
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

NAMES = {
    "cs.CV": "Computer Vision and Pattern Recognition",
    "cs.RO": "Robotics",
    "cs.GR": "Graphics",
    "cs.LG": "Machine Learning",
    "cs.CL": "Computation and Language",
    "cs.AI": "Artificial Intelligence",
    "cs.MM": "Multimedia",
    "cs.HC": "Human-Computer Interaction",
    "cs.CR": "Cryptography and Security",
    "cs.IR": "Information Retrieval",
    "eess.IV": "Image and Video Processing",
    "stat.ML": "Machine Learning",
}
_KINDS = (("new", "New submissions", "New"), ("cross", "Cross-lists", "Cross"), ("replaced", "Replacements", "Replacement"))
_URL = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;)]")


@dataclass(frozen=True)
class Fake:
    """An invented paper. Texts are plain; TeX and line feeds are as an author would submit them."""

    id: str
    title: str = "A Title"
    abstract: str = "An abstract."
    kind: str = "new"
    authors: tuple[str, ...] = ("Ada Example",)
    categories: tuple[str, ...] = ("cs.CV",)
    comments: str = ""
    journal_ref: str = ""


def _linked(text: str) -> str:
    """Return *text* as HTML, with addresses hidden behind the words that arXiv puts for them."""
    parts, end = [], 0
    for match in _URL.finditer(text):
        scheme = match[0].partition(":")[0]
        parts.append(html.escape(text[end : match.start()]))
        parts.append(
            f'<a href="{html.escape(match[0])}" rel="external noopener nofollow" class="link-external link-{scheme}">this {scheme} URL</a>'
        )
        end = match.end()
    return "".join(parts) + html.escape(text[end:])


def _entry(number: int, fake: Fake, *, abstracts: bool = True) -> str:
    primary = fake.categories[0]
    note = {"cross": f"(cross-list from {primary})", "replaced": "(replaced)", "replaced-cross": "(replaced)"}.get(fake.kind, "")
    subjects = [f"{html.escape(NAMES.get(code, code))} ({code})" for code in fake.categories]
    authors = ", ".join(
        f'<a href="https://arxiv.org/search/cs?searchtype=author&amp;query=X">{html.escape(name)}</a>' for name in fake.authors
    )
    optional = ""
    if fake.comments:
        optional += f"""
        <div class='list-comments mathjax'><span class='descriptor'>Comments:</span>
          {_linked(fake.comments)}
        </div>
"""
    if fake.journal_ref:
        optional += f"""
        <div class='list-journal-ref'><span class='descriptor'>Journal-ref:</span>
          {html.escape(fake.journal_ref)}
        </div>
"""
    abstract = "\n<br>".join(_linked(part) for part in fake.abstract.split("\n"))
    last = f"""
        <p class='mathjax'>
          {abstract}
        </p>
"""
    return f"""
    <dt>
      <a name='item{number}'>[{number}]</a>
      <a href ="/abs/{fake.id}" title="Abstract" id="{fake.id}">
        arXiv:{fake.id}
      </a>
          {note}
        [<a href="/pdf/{fake.id}" title="Download PDF">pdf</a>, <a href="/format/{fake.id}" title="Other formats">other</a>]
    </dt>
    <dd>
      <div class='meta'>
        <div class='list-title mathjax'><span class='descriptor'>Title:</span>
          {html.escape(fake.title)}
        </div>
        <div class='list-authors'>{authors}</div>
{optional}
        <div class='list-subjects'><span class='descriptor'>Subjects:</span>
          <span class="primary-subject">{subjects[0]}</span>{"".join("; " + subject for subject in subjects[1:])}
        </div>
{last if abstracts else ""}      </div>
    </dd>"""


def _section(fakes: Sequence[Fake], kind: str) -> list[Fake]:
    return sorted((fake for fake in fakes if fake.kind.removesuffix("-cross") == kind), key=lambda fake: fake.id)


def _body(fakes: Sequence[Fake], skip: int, show: int) -> str:
    """Return the sections of one page of *show* entries, the first *skip* left out."""
    parts, number = [], 0
    for kind, _, word in _KINDS:
        section = _section(fakes, kind)
        chosen = [(number + index + 1, fake) for index, fake in enumerate(section) if skip <= number + index < skip + show]
        if chosen:
            first, last = chosen[0][0] == number + 1, chosen[-1][0] == number + len(section)
            showing = (
                f"showing {'' if first and last else 'first ' if first else 'last ' if last else ''}{len(chosen)} of {len(section)} entries"
            )
            heading = f"{word} submissions ({'' if first else 'continued, '}{showing})"
            parts.append(f"<dl id='articles'>\n    <h3>{heading}</h3>\n{''.join(_entry(*item) for item in chosen)}\n</dl>\n")
        number += len(section)
    return "\n".join(parts)


def _page(content: str) -> bytes:
    return f"""<!DOCTYPE html>
<html lang="en">

<head>  <title>Computer Vision and Pattern Recognition  </title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
</head>

<body ><div class="flex-wrap-footer">
    <main>
      <div id="content">
<div id='content-inner'>
<div id='dlpage'>
  {content}
</div>
</div>      </div>
    </main>
  </div>

</body>

</html>
""".encode()


def new(fakes: Sequence[Fake], day: date, *, category: str = "cs.CV", skip: int = 0, show: int = 2000) -> bytes:
    """Return one page of ``/list/<category>/new``."""
    heading = f"<h1>{NAMES[category]}</h1>"
    stated = f"<h3>Showing new listings for {day:%A}, {day.day} {day:%B %Y}</h3>"
    if not fakes:
        return _page(f"{heading}\n{stated}\n<p>No updates today.</p>")
    paging = f"""
      <div class='paging'>Total of {len(fakes)} entries
    </div>
    <div class='morefewer'>Showing up to {show} entries per page:
          <span style="color: #454545">more</span>
    </div>
"""
    return _page(f"{heading}\n{stated}\n{paging}\n{_body(fakes, skip, show)}\n{paging}")


def catchup(
    fakes: Sequence[Fake], day: date, *, category: str = "cs.CV", page: int = 1, show: int = 2000, following: date | None = None
) -> bytes:
    """Return one page of ``/catchup/<category>/<date>?abs=True``."""
    when = f"{day:%a}, {day:%d} {day:%b %Y}"
    onward = f'<a href="/catchup/{category}/{following}?abs=True&amp;page=1">Continue to the next day</a>' if following else ""
    total = f"<div>{onward}\n      Total of {len(fakes)} entries for {when}\n    </div>"
    body = _body(fakes, (page - 1) * show, show)
    if not fakes:
        body = f"<p>No updates for {when}. There was either no announcement for this day, or no updates within the requested subject.</p>"
    return _page(f"<h1>Catchup results for {NAMES[category]} on {when}</h1>\n{total}\n{body}\n{total}")


def _listed(fakes: Sequence[Fake], *, descending: bool) -> list[Fake]:
    """Return the new papers and then the cross-lists, each by their identifiers: a list holds no replacements."""
    return [fake for kind in ("new", "cross") for fake in sorted(_section(fakes, kind), key=lambda fake: fake.id, reverse=descending)]


def _paging(total: int, skip: int, show: int, address: str) -> str:
    """Return the "Total of N entries", with the range that a page shows where it is one of several."""
    parts = [
        f"<span>{start + 1}-{min(start + show, total)}</span>"
        if start == skip
        else f"<a href={address}?skip={start}&amp;show={show}>{start + 1}-{min(start + show, total)}</a>"
        for start in sorted({*range(0, total, show), skip})
    ]
    pages = f":      {chr(10).join(parts)}" if total > show else ""
    return f"""
      <div class='paging'>Total of {total} entries {pages}
    </div>
    <div class='morefewer'>Showing up to {show} entries per page:
          <span style="color: #454545">more</span>
    </div>
"""


def recent(days: Mapping[date, Sequence[Fake]], *, category: str = "cs.CV", skip: int = 0, show: int = 2000) -> bytes:
    """Return one page of ``/list/<category>/recent``: a section for each date, the newest first."""
    total = sum(len(_listed(fakes, descending=True)) for fakes in days.values())
    index = "".join(f"<li><a href='#'>{day:%a}, {day.day} {day:%b %Y}</a></li>" for day in days)
    parts, number = [], 0
    for day, fakes in days.items():
        listed = _listed(fakes, descending=True)
        chosen = [(number + index + 1, fake) for index, fake in enumerate(listed) if skip <= number + index < skip + show]
        heading = f"{day:%a}, {day.day} {day:%b %Y}"
        if chosen:
            first, last = chosen[0][0] == number + 1, chosen[-1][0] == number + len(listed)
            part = "" if first and last else "first " if first else "last " if last else ""
            heading += f" ({'' if first else 'continued, '}showing {part}{len(chosen)} of {len(listed)} entries )"
        if chosen or not listed:
            entries = "".join(_entry(*item, abstracts=False) for item in chosen)
            parts.append(f"<dl id='articles'>\n    <h3>{heading}</h3>\n{entries}\n</dl>\n")
        number += len(listed)
    head = f"<h1>{NAMES[category]}</h1>\n<h2>Authors and titles for recent submissions</h2>\n<ul>{index}</ul>"
    paging = _paging(total, skip, show, f"/list/{category}/recent")
    return _page(f"{head}\n{paging}\n{''.join(parts)}\n{paging}")


def month(fakes: Sequence[Fake], first: date, *, category: str = "cs.CV", skip: int = 0, show: int = 2000) -> bytes:
    """Return one page of ``/list/<category>/<YYYY-MM>``: one list without a heading, its own papers first."""
    listed = _listed(fakes, descending=False)
    head = f"<h1>{NAMES[category]}</h1>\n<h2>Authors and titles for {first:%B %Y} </h2>"
    if not listed:
        return _page(f"{head}\n<dl id='articles'>\n\n    <p>No updates for this time period.</p>\n\n</dl>")
    entries = "".join(_entry(skip + index + 1, fake, abstracts=False) for index, fake in enumerate(listed[skip : skip + show]))
    paging = _paging(len(listed), skip, show, f"/list/{category}/{first:%Y-%m}")
    return _page(f"{head}\n{paging}\n<dl id='articles'>\n{entries}\n</dl>\n{paging}")


def _old_entry(number: int, fake: Fake) -> str:
    note = {"cross": f" (cross-list from {fake.categories[0]})", "replaced": " (replaced)", "replaced-cross": " (replaced)"}.get(
        fake.kind, ""
    )
    subjects = [f"{html.escape(NAMES.get(code, code))} ({code})" for code in fake.categories]
    authors = ", \n".join(f'<a href="/search/cs?searchtype=author&amp;query=X">{html.escape(name)}</a>' for name in fake.authors)
    optional = ""
    if fake.comments:
        optional += f'<div class="list-comments mathjax">\n<span class="descriptor">Comments:</span> {_linked(fake.comments)}\n</div>\n'
    if fake.journal_ref:
        reference = html.escape(fake.journal_ref)
        optional += f'<div class="list-journal-ref">\n<span class="descriptor">Journal-ref:</span> {reference}\n</div>\n'
    abstract = "\n<br />".join(_linked(part) for part in fake.abstract.split("\n"))
    others = "".join(f"; {subject}" for subject in subjects[1:])
    links = f'[<a href="/pdf/{fake.id}" title="Download PDF">pdf</a>, <a href="/format/{fake.id}" title="Other formats">other</a>]'
    name = f'<a href="/abs/{fake.id}" title="Abstract">arXiv:{fake.id}</a>{note}'
    return f"""<dt><a name="item{number}">[{number}]</a>&nbsp;  <span class="list-identifier">{name} {links}</span></dt>
<dd>
<div class="meta">
<div class="list-title mathjax">
<span class="descriptor">Title:</span> {html.escape(fake.title)}
</div>
<div class="list-authors">
<span class="descriptor">Authors:</span>
{authors}
</div>
{optional}<div class="list-subjects">
<span class="descriptor">Subjects:</span> <span class="primary-subject">{subjects[0]}</span>{others}

</div>
<p class="mathjax">{abstract}
</p>
</div>
</dd>
"""


def old(fakes: Sequence[Fake], day: date, *, category: str = "cs.CV", skip: int = 0, show: int = 2000) -> bytes:
    """Return one page of ``/list/<category>/new`` as it was before 2024: headings without counts, before the lists."""
    parts, number, shown = [], 0, 0
    for kind, heading in (("new", "New submissions"), ("cross", "Cross-lists"), ("replaced", "Replacements")):
        section = _section(fakes, kind)
        chosen = [(number + index + 1, fake) for index, fake in enumerate(section) if skip <= number + index < skip + show]
        if chosen:
            when = f"{day:%a}, {day.day:>2} {day:%b %y}"
            parts.append(f"<h3>{heading} for {when}</h3>\n<dl>\n{''.join(_old_entry(*item) for item in chosen)}</dl>\n")
        number, shown = number + len(section), shown + len(chosen)
    span = f"[ total of {len(fakes)} entries: <b>{skip + 1}-{skip + shown}</b> ]"
    total = f"<p><small>{span}<br />\n[ showing up to {show} entries per page: <font>more</font> ]</small></p>"
    return _page(f"<h1>{NAMES[category]}</h1>\n{total}\n{''.join(parts)}{total}").replace(b"<div id='dlpage'>", b'<div id="dlpage">')
