"""arXiv's services beside its listing pages: the feeds, the query API and OAI-PMH, asked through one client at their own pace."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from digest.arxiv import api, feed, oai
from digest.arxiv.answers import Answers, Fetch
from digest.arxiv.client import Answer
from digest.arxiv.feed import Feed
from digest.arxiv.harvest import Harvester
from digest.arxiv.lookup import Lookup
from digest.core import reconstruction
from digest.core.announcements import Calendar
from digest.errors import SourceError

_OK, _BAD_REQUEST = 200, 400
_BACK_OFF = 10.0


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services are, and what asks them."""

    fetch: Fetch
    feeds: str = "https://rss.arxiv.org"
    api: str = "https://export.arxiv.org"
    oai: str = "https://oaipmh.arxiv.org"
    back_off: float = _BACK_OFF
    """Seconds before an answer that is no good is asked for again."""
    sleep: Callable[[float], None] = time.sleep

    def address(self, name: str, category: str, day: date, calendar: Calendar) -> str:
        """Return the first address that is asked of the service *name* for *day*; an empty text if there is no such service."""
        match name:
            case "feed":
                return self.feed_url(category)
            case "oai":
                return oai.query(f"{self.oai}/oai", category, day, day)
            case "api" if not calendar.closure(day):
                window = calendar.window(day)
                return api.window(f"{self.api}/api/query", category, window.start, window.end)
        return ""

    def around(self, category: str, day: date, calendar: Calendar) -> str:
        """Return the first address that is asked of the query API to work out *day*; an empty text for a date without an announcement."""
        if calendar.closure(day):
            return ""
        return api.window(f"{self.api}/api/query", category, *reconstruction.worth_asking(calendar, day))

    @property
    def papers_url(self) -> str:
        """The address that is asked for papers by their identifiers, a hundred at a time."""
        return f"{self.api}/api/query?id_list=..."

    def lookup(self, answers: Answers, say: Callable[[str], None]) -> Lookup:
        """Return what asks the query API."""
        return Lookup(self.fetch, answers, f"{self.api}/api/query", say, self.back_off, self.sleep)

    def harvester(self, answers: Answers, say: Callable[[str], None]) -> Harvester:
        """Return what asks OAI-PMH."""
        return Harvester(self.fetch, answers, f"{self.oai}/oai", say, self.back_off, self.sleep)

    def feed(self, category: str, answers: Answers, now: datetime, say: Callable[[str], None]) -> tuple[Feed, Answer]:
        """Ask for the present feed of *category*, or of several joined with ``+``; return what it says, and the answer.

        Raises:
            QueryError: arXiv has no such feed, and says why.
            SourceError: the answer is no whole feed of *category*; it is kept for study.

        """
        url = self.feed_url(category)
        say(f"asking {url}")
        answer = replace(self.fetch(url), fetched=now)
        try:
            if answer.status not in (_OK, _BAD_REQUEST):
                msg = f"arXiv answered {answer.status} to {url}"
                raise SourceError(msg)  # noqa: TRY301 - kept for study with the others
            found = feed.read_as(answer.body, category)
        except SourceError as exc:
            answers.refuse(answer, exc.message)
            raise
        return found, answer

    def feed_url(self, category: str) -> str:
        """Return the address of the feed of *category*."""
        return f"{self.feeds}/rss/{category}"
