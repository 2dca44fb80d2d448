"""Topics on the command line: what a user wrote in, a topic and a subtopic of the catalogue out, or what was meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from digest.catalogue.taxonomy import Taxonomy
from digest.errors import UsageError


def shelf(text: str, taxonomy: Taxonomy, *, begins: bool = False) -> tuple[str, str]:
    """Return topic and subtopic (perhaps empty) as the user wrote them, if the catalogue has them.

    With *begins*, the beginning of a slug is enough, where only one begins so.

    Raises:
        UsageError: it has no such place; the message names those that are like it.

    """
    topic, slash, subtopic = text.partition("/")
    if begins:
        topic = _whole(topic, taxonomy.names())
        subtopic = _whole(subtopic, [slug for parent, slug in taxonomy.shelves() if parent == topic]) if slash else ""
    if topic in taxonomy.names() and (not slash or (topic, subtopic) in taxonomy.shelves()):
        return topic, subtopic
    if topic not in taxonomy.names():
        what = f"there is no topic {topic!r}"
        slugs = [*taxonomy.names(), *("/".join(shelf) for shelf in taxonomy.shelves())]
        near = (
            ["/".join(shelf) for shelf in taxonomy.shelves() if shelf[1] in (topic, subtopic)] or _near(text, slugs) or _near(topic, slugs)
        )
        several = [slug for slug in taxonomy.names() if begins and topic and slug.startswith(topic.lower())]
        if several:
            what = f"several topics begin with {topic!r}"
            raise UsageError(what, advice=f"write one of {', '.join(several)}")
        advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(taxonomy.names())}"
    else:
        what = f"{topic} has no subtopic {subtopic!r}"
        own = [slug for parent, slug in taxonomy.shelves() if parent == topic]
        near = [f"{topic}/{slug}" for slug in _near(subtopic, own)]
        near += ["/".join(shelf) for shelf in taxonomy.shelves() if shelf[1] == subtopic]
        advice = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(own)}"
    raise UsageError(what, advice=advice)


def _whole(text: str, slugs: Iterable[str]) -> str:
    """Return the one slug that begins with *text*; *text* itself if that is one, or if there are none or several."""
    found = [slug for slug in slugs if slug.startswith(text.lower())]
    return found[0] if len(found) == 1 and text else text


def _near(word: str, slugs: list[str]) -> list[str]:
    return get_close_matches(word.lower(), slugs, n=3, cutoff=0.6)
