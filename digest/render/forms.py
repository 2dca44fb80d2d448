"""The pages on which people subscribe, confirm, choose otherwise and unsubscribe: who they are and what they chose in, the page out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from digest.core.forms import KINDS, Filled, offered
from digest.core.site import SUBSCRIBE, Frame
from digest.core.subscription import LANGUAGES, MOST_PAPERS, Choice, Standing, Subscriber, names_of, zone_names
from digest.render.html import Pages

_LANGUAGES = {
    "en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "it": "Italiano", "ja": "日本語", "ko": "한국어",
    "pt": "Português", "zh": "中文",
}  # fmt: skip
"""What those who speak them call `LANGUAGES`."""
_REGIONS = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@cache
def _zones() -> tuple[str, ...]:
    return ("UTC", *sorted(zone for zone in zone_names() if zone.startswith(_REGIONS)))


def _choices(form: Filled, kinds: Sequence[str]) -> Mapping[str, object]:
    """Return what can be chosen of, beside the topics, and which of these stand open."""
    return {
        "zones": _zones(), "languages": {code: _LANGUAGES.get(code, code) for code in LANGUAGES},
        "kinds": {name: KINDS[name] for name in kinds}, "most": MOST_PAPERS,
        "hours": range(24), "opened": {one.partition("/")[0] for one in form.shelves if "/" in one},
    }  # fmt: skip


def _told(frame: Frame, choice: Choice, *, typed: bool = True) -> list[tuple[str, str]]:
    """Return what was chosen, a line each; unless *typed*, no word is told that somebody typed."""
    names, parts = frame.taxonomy.names(), frame.taxonomy.subtopic_names()
    shelves = [one.partition("/") for one in choice.shelves]
    topics = [
        f"{names.get(topic, topic)}: {parts.get((topic, part), part)}" if slash else names.get(topic, topic)
        for topic, slash, part in shelves
    ]
    zone = choice.zone.replace("_", " ")

    def free(texts: Sequence[str]) -> str:
        return "; ".join(texts) if typed else str(len(texts) or "")

    lines = [
        ("Topics", "; ".join(topics) or "all"),
        ("Papers", ", ".join([KINDS[name] for name in names_of(choice.kinds)])),
        ("Words", free(choice.include)),
        ("Never", free(choice.exclude)),
        ("Authors", free(choice.authors)),
        ("At most", f"{choice.most:,} paper{'s' if choice.most != 1 else ''} in a letter" if choice.most else ""),
        ("Only", "papers of whose topic the model is sure" if choice.sure else ""),
        ("Letters", f"{choice.frequency.value}, at {choice.hour:02}:00 or up to 12 hours later ({zone})"),
        ("Dates in", _LANGUAGES.get(choice.language, choice.language)),
    ]
    return [(what, how) for what, how in lines if how]


@dataclass(frozen=True, slots=True)
class FormPages:
    """Writes them; each but the first stands at a path with a token."""

    pages: Pages
    frame: Frame
    kinds: Sequence[str] = tuple(KINDS)
    """What digests hold."""

    def blank(self) -> Filled:
        """Return the form before somebody fills it in: new papers, or where digests hold none, what they hold."""
        return Filled() if Filled().kinds.issubset(self.kinds) else Filled(kinds=frozenset(self.kinds))

    def offered(self, choice: Choice) -> tuple[str, ...]:
        """Return which kinds somebody can choose who has chosen before."""
        return offered(self.kinds, names_of(choice.kinds))

    def subscribe(self, form: Filled, ticket: str, problem: str = "") -> str:
        """Return the form by which people subscribe, with what is wrong with it as it was filled in."""
        values = {"form": form, "ticket": ticket, "problem": problem, **_choices(form, self.kinds)}
        return self.pages.form(self.frame, "subscribe.html.j2", "Subscribe", values, SUBSCRIBE)

    def confirm(self, person: Subscriber, choice: Choice, ticket: str, problem: str = "") -> str:
        """Return the page on which somebody confirms a choice. Of words it tells how many: a stranger may have typed them."""
        values = {
            "address": person.address, "lines": _told(self.frame, choice, typed=False), "ticket": ticket, "problem": problem,
            "there": person.standing is Standing.CONFIRMED,
        }  # fmt: skip
        return self.pages.form(self.frame, "confirm.html.j2", "Confirm", values)

    def manage(self, person: Subscriber, form: Filled, ticket: str, *, problem: str = "", said: str = "") -> str:
        """Return the page on which somebody chooses otherwise, or ends it; *said* is what was done."""
        values = {
            "address": person.address, "lines": _told(self.frame, person.choice), "ticket": ticket, "problem": problem, "said": said,
            "form": form, "active": person.standing is Standing.CONFIRMED, "pending": person.standing is Standing.PENDING,
            **_choices(form, self.offered(person.choice)),
        }  # fmt: skip
        return self.pages.form(self.frame, "manage.html.j2", "Your letters", values)

    def unsubscribe(self, person: Subscriber, problem: str = "") -> str:
        """Return the page on which somebody unsubscribes. It leads to no other page of theirs: its link is good for that alone."""
        values = {"address": person.address, "problem": problem}
        return self.pages.form(self.frame, "unsubscribe.html.j2", "Unsubscribe", values)

    def told(self, heading: str, sentences: Sequence[str], links: Sequence[tuple[str, str]] = (), path: str = "") -> str:
        """Return a page that says what was done, or why nothing was; at a *path*, else at one with a token."""
        return self.pages.form(self.frame, "told.html.j2", heading, {"heading": heading, "sentences": sentences, "links": links}, path)
