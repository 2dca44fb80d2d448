"""Answers of arXiv's query API, as it writes them in 2026, about invented papers."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"'
    ' xmlns="http://www.w3.org/2005/Atom">\n'
)


@dataclass(frozen=True)
class Row:
    """An invented paper."""

    id: str
    title: str = "An Invented Title"
    abstract: str = "An invented abstract."
    authors: Sequence[str] = ("Ada Example", "Ben Example")
    categories: Sequence[str] = ("cs.CV", "cs.LG")
    comments: str = ""
    version: str = "v1"

    def xml(self) -> str:
        """Return the entry."""
        categories = "".join(f'    <category term="{name}" scheme="http://arxiv.org/schemas/atom"/>\n' for name in self.categories)
        authors = "".join(f"    <author>\n      <name>{escape(name)}</name>\n    </author>\n" for name in self.authors)
        comment = f"    <arxiv:comment>{escape(self.comments)}</arxiv:comment>\n" if self.comments else ""
        return (
            f"  <entry>\n    <id>http://arxiv.org/abs/{self.id}{self.version}</id>\n    <title>{escape(self.title)}</title>\n"
            "    <updated>2026-11-18T18:00:00Z</updated>\n"
            f'    <link href="https://arxiv.org/abs/{self.id}{self.version}" rel="alternate" type="text/html"/>\n'
            f"    <summary>{escape(self.abstract)}</summary>\n{categories}    <published>2026-11-18T18:00:00Z</published>\n"
            f'{comment}    <arxiv:primary_category term="{self.categories[0]}"/>\n{authors}  </entry>\n'
        )


def feed(rows: Sequence[Row], *, total: int | None = None) -> bytes:
    """Return a whole answer; *total* is what it states, by default what it holds."""
    counts = (
        "  <title>arXiv Query</title>\n  <opensearch:itemsPerPage>100</opensearch:itemsPerPage>\n"
        f"  <opensearch:totalResults>{len(rows) if total is None else total}</opensearch:totalResults>\n"
        "  <opensearch:startIndex>0</opensearch:startIndex>\n"
    )
    return (HEAD + counts + "".join(row.xml() for row in rows) + "</feed>\n").encode()


def error(reason: str) -> bytes:
    """Return the answer that is an error."""
    return (
        HEAD + "  <title>arXiv Search Results</title>\n  <opensearch:totalResults>1</opensearch:totalResults>\n  <entry>\n"
        "    <id>https://arxiv.org/api/errors#reason</id>\n    <title>Error</title>\n"
        f"    <summary>{escape(reason)}</summary>\n    <author>\n      <name>arXiv api core</name>\n    </author>\n  </entry>\n</feed>\n"
    ).encode()


def asked(path: str) -> list[str]:
    """Return the identifiers that a request asks for."""
    return parse_qs(urlsplit(path).query)["id_list"][0].split(",")
