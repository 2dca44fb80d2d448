"""What a search found, as JSON: for the command line and for the server."""

from digest.store.search import Found


def found_object(found: Found) -> dict[str, object]:
    """Return *found* as plain dictionaries, lists, texts and numbers; `total` is None where to count would take long."""
    return {
        "total": found.total,
        "papers": [
            {
                "id": hit.paper.id,
                "title": hit.paper.title,
                "authors": list(hit.paper.authors),
                "categories": list(hit.paper.categories),
                "date": str(hit.announced) if hit.announced else None,
                "topic": hit.topic or None,
                "subtopic": hit.subtopic or None,
                "url": f"https://arxiv.org/abs/{hit.paper.id}",
                "snippet": {
                    "text": hit.snippet.text,
                    "marks": [list(mark) for mark in hit.snippet.marks],
                    "before": hit.snippet.before,
                    "after": hit.snippet.after,
                },
            }
            for hit in found.papers
        ],
    }
