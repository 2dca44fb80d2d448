"""arXiv's feeds in their real formats, made from invented papers.

RSS 2.0 and Atom are as rss.arxiv.org writes them since 2024 (arxiv-feed, with feedgen), RDF is as arxiv.org wrote it before.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from tests.pages import Fake

ITHACA = ZoneInfo("America/New_York")
LICENCE = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
TYPES = {"new": "new", "cross": "cross", "replaced": "replace", "replaced-cross": "replace-cross"}
_ORDER = tuple(TYPES)
_NOTES = {"new": "", "cross": " CROSS LISTED", "replaced": " UPDATED", "replaced-cross": " UPDATED"}
_SPACES = 'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'


@dataclass(frozen=True)
class Item(Fake):
    """An invented paper with what only feeds tell."""

    version: int = 1
    doi: str = ""
    licence: str = LICENCE
    creator: str = ""
    """What stands for the authors, if it is not their names joined by commas."""

    @property
    def authored(self) -> str:
        """The authors in one text."""
        return self.creator or ", ".join(self.authors)


def midnight(day: date) -> datetime:
    """Return when *day* begins in Ithaca."""
    return datetime.combine(day, time(), ITHACA)


def _ordered(items: Iterable[Fake]) -> list[Item]:
    full = (item if isinstance(item, Item) else Item(**{name: getattr(item, name) for name in Fake.__dataclass_fields__}) for item in items)
    return sorted(full, key=lambda item: (_ORDER.index(item.kind) if item.kind in _ORDER else len(_ORDER), item.id))


def _description(item: Item) -> str:
    text = item.abstract.replace("\n", "\n  ")
    return escape(f"arXiv:{item.id}v{item.version} Announce Type: {TYPES.get(item.kind, item.kind)} \nAbstract: {text}")


def _more(item: Item, indent: str) -> str:
    lines = [f"<arxiv:announce_type>{TYPES.get(item.kind, item.kind)}</arxiv:announce_type>", f"<dc:rights>{item.licence}</dc:rights>"]
    if item.doi:
        lines.append(f"<arxiv:DOI>{escape(item.doi)}</arxiv:DOI>")
    if item.journal_ref:
        lines.append(f"<arxiv:journal_reference>{escape(item.journal_ref)}</arxiv:journal_reference>")
    lines.append(f"<dc:creator>{escape(item.authored)}</dc:creator>")
    return "".join(f"{indent}{line}\n" for line in lines)


def rss(
    items: Sequence[Fake], day: date, *, codes: Sequence[str] = ("cs.CV",), built: datetime | None = None, dated: date | None = None
) -> bytes:
    """Return an RSS 2.0 feed about *codes*; *dated* is what the entries state, if it is another date."""
    names, path = ", ".join(codes), "+".join(codes)
    stated = format_datetime(midnight(day))
    own = format_datetime(midnight(dated or day))
    entries = "".join(
        f"    <item>\n      <title>{escape(item.title)}</title>\n      <link>https://arxiv.org/abs/{item.id}</link>\n"
        f"      <description>{_description(item)}</description>\n"
        f'      <guid isPermaLink="false">oai:arXiv.org:{item.id}v{item.version}</guid>\n'
        + "".join(f"      <category>{code}</category>\n" for code in item.categories)
        + f"      <pubDate>{own}</pubDate>\n{_more(item, '      ')}    </item>\n"
        for item in _ordered(items)
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss {_SPACES} xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">
  <channel>
    <title>{names} updates on arXiv.org</title>
    <link>http://rss.arxiv.org/rss/{path}</link>
    <description>{names} updates on the arXiv.org e-print archive.</description>
    <atom:link href="http://rss.arxiv.org/rss/{path}" rel="self" type="application/rss+xml"/>
    <docs>http://www.rssboard.org/rss-specification</docs>
    <language>en-us</language>
    <lastBuildDate>{format_datetime(built or midnight(day).astimezone(UTC) + timedelta(seconds=2))}</lastBuildDate>
    <managingEditor>rss-help@arxiv.org</managingEditor>
    <pubDate>{stated}</pubDate>
    <skipDays>
      <day>Sunday</day>
      <day>Saturday</day>
    </skipDays>
{entries}  </channel>
</rss>
""".encode()


def atom(items: Sequence[Fake], day: date, *, codes: Sequence[str] = ("cs.CV",), built: datetime | None = None) -> bytes:
    """Return an Atom feed about *codes*."""
    names, path = ", ".join(codes), "+".join(codes)
    updated = (built or midnight(day).astimezone(UTC) + timedelta(seconds=2, microseconds=504270)).isoformat()
    entries = "".join(
        f"  <entry>\n    <id>oai:arXiv.org:{item.id}v{item.version}</id>\n    <title>{escape(item.title)}</title>\n"
        f'    <updated>{updated}</updated>\n    <link href="https://arxiv.org/abs/{item.id}" rel="alternate" type="text/html"/>\n'
        f"    <summary>{_description(item)}</summary>\n"
        + "".join(f'    <category term="{code}"/>\n' for code in item.categories)
        + f"    <published>{midnight(day).isoformat()}</published>\n{_more(item, '    ')}  </entry>\n"
        for item in _ordered(items)
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed {_SPACES} xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
  <id>http://rss.arxiv.org/atom/{path}</id>
  <title>{names} updates on arXiv.org</title>
  <updated>{updated}</updated>
  <link href="http://rss.arxiv.org/atom/{path}" rel="self" type="application/atom+xml"/>
  <subtitle>{names} updates on the arXiv.org e-print archive.</subtitle>
{entries}</feed>
""".encode()


def rdf(items: Sequence[Fake], day: date, *, code: str = "cs.CV", at: str = "20:30:00-05:00") -> bytes:
    """Return an RSS 1.0 feed of the announcement that carries the date *day*, which came out on the evening before."""
    papers = _ordered(items)
    listed = "".join(f'  <rdf:li rdf:resource="http://arxiv.org/abs/{item.id}" />\n' for item in papers)
    entries = "".join(
        f'<item rdf:about="http://arxiv.org/abs/{item.id}">\n'
        f"<title>{escape(item.title)}. (arXiv:{item.id}v{item.version} [{item.categories[0]}]{_NOTES[item.kind]})</title>\n"
        f"<link>http://arxiv.org/abs/{item.id}</link>\n"
        f'<description rdf:parseType="Literal">{escape(_marked(item.abstract))}\n</description>\n'
        f"<dc:creator> {escape(item.creator or ', '.join(_linked(name) for name in item.authors))}</dc:creator>\n</item>\n"
        for item in papers
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>

<rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:taxo="http://purl.org/rss/1.0/modules/taxonomy/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:syn="http://purl.org/rss/1.0/modules/syndication/"
 xmlns:admin="http://webns.net/mvcb/"
>

<channel rdf:about="http://arxiv.org/">
<title>{code} updates on arXiv.org</title>
<link>http://arxiv.org/</link>
<description rdf:parseType="Literal">An Invented Subject ({code}) updates on the arXiv.org e-print archive</description>
<dc:language>en-us</dc:language>
<dc:date>{day - timedelta(days=1)}T{at}</dc:date>
<dc:publisher>www-admin@arxiv.org</dc:publisher>
<dc:subject>An Invented Subject</dc:subject>
<syn:updateBase>1901-01-01T00:00+00:00</syn:updateBase>
<syn:updateFrequency>1</syn:updateFrequency>
<syn:updatePeriod>daily</syn:updatePeriod>
<items>
 <rdf:Seq>
{listed} </rdf:Seq>
</items>
<image rdf:resource="http://arxiv.org/icons/sfx.gif" />
</channel>
<image rdf:about="http://arxiv.org/icons/sfx.gif">
<title>arXiv.org</title>
<url>http://arxiv.org/icons/sfx.gif</url>
<link>http://arxiv.org/</link>
</image>
{entries}</rdf:RDF>
""".encode()


def _marked(abstract: str) -> str:
    return "".join(f"<p>{html.escape(part, quote=False)}\n</p>\n" for part in abstract.split("\n"))


def _linked(name: str) -> str:
    return f'<a href="http://arxiv.org/find/cs/1/au:+X_Y/0/1/0/all/0/1">{html.escape(name, quote=False)}</a>'


def error(reason: str, *, kind: str = "rss") -> bytes:
    """Return the feed with which arXiv says that it cannot answer, of the form *kind* (``rss`` or ``atom``)."""
    address = f"http://rss.arxiv.org/{kind}/cs.XX"
    if kind == "atom":
        return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed {_SPACES} xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
  <id>{address}</id>
  <title>Feed error for query: {address}</title>
  <updated>2026-11-20T18:54:49.797852+00:00</updated>
  <link href="{address}" rel="self" type="application/atom+xml"/>
  <subtitle>{escape(reason)}</subtitle>
</feed>
""".encode()
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss {_SPACES} xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">
  <channel>
    <title>Feed error for query: {address}</title>
    <link>{address}</link>
    <description>{escape(reason)}</description>
    <atom:link href="{address}" rel="self" type="application/rss+xml"/>
    <docs>http://www.rssboard.org/rss-specification</docs>
    <language>en-us</language>
    <lastBuildDate>Fri, 20 Nov 2026 18:54:49 +0000</lastBuildDate>
    <managingEditor>rss-help.arxiv.org</managingEditor>
    <pubDate>Fri, 20 Nov 2026 00:00:00 -0500</pubDate>
  </channel>
</rss>
""".encode()
