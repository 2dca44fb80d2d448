"""The composition root: puts the parts together from `Settings`. Importing it does nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import platformdirs

from digest import resources
from digest.arxiv.answers import Answers
from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits
from digest.classify import model
from digest.core.announcements import Calendar
from digest.core.domain import Announcement
from digest.corrections import corrections
from digest.daily import Daily, Made
from digest.render.markdown import Renderer
from digest.settings import FILE, Settings
from digest.source import Source

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class App:
    """The program, for one set of settings."""

    settings: Settings
    now: datetime
    say: Say
    warn: Say

    def run(self, day: date | None) -> Made:
        """Make the digest of *day*, or of the newest announcement."""
        settings = self.settings
        return self._made(self._source().announcement(settings.category, day, self.now, settings.source))

    def run_sample(self) -> Made:
        """Make the digest of the bundled announcement of invented papers."""
        self.say("the bundled sample, whose papers are invented")
        page = resources.sample()
        return self._made(self._source().from_bytes("cs.CV", None, page, service="sample", name="models/sample/new.html"))

    def _made(self, announcement: Announcement) -> Made:
        settings = self.settings
        daily = Daily(
            resources.taxonomy(),
            lambda: model.load(model_folder(settings)),
            Renderer(resources.folder("templates")),
            self.say,
            self.warn,
            lambda: corrections(data_folder(settings)),
        )
        return daily.run(announcement, out=settings.out, layout=settings.layout, include=settings.include)

    def _source(self) -> Source:
        settings = self.settings
        data = data_folder(settings)
        pace = settings.seconds_between
        # Who sets no pace replays a day, and a replay need not be spared between two tries either.
        limits = Limits() if pace else Limits(back_off=0.2)
        client = Client(pace, data, settings.contact, settings.loopback, limits, self.say)
        return Source(client.get, Answers(data), resources.calendar(), settings.arxiv_url, self.say, resources.categories())


def data_folder(settings: Settings) -> Path:
    """Return where arXiv's answers and the corrections are kept."""
    return settings.data or platformdirs.user_data_path("cvdigest", appauthor=False)


def model_folder(settings: Settings) -> Path:
    """Return where the model lies."""
    return settings.model or resources.folder("models") / "default"


def calendar() -> Calendar:
    """Return arXiv's schedule, for those who wait for it."""
    return resources.calendar()


def train(abstracts: Path, out: Path, name: str) -> dict[str, object]:
    """Teach a model from a corpus of labelled papers and write it to *out*; return what it was trained on."""
    # Imported here because it brings scikit-learn, which takes longer than a whole digest.
    from digest import training

    return training.teach(abstracts, resources.taxonomy().shelves(), out, name=name)


def settings_files() -> tuple[Path, ...]:
    """Return where a settings file may lie: the working directory first, then the user's configuration folder."""
    return (Path(FILE), platformdirs.user_config_path("cvdigest", appauthor=False) / FILE)
