"""The forms served for tests: an application whose clock stands still, and what a browser sends to it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from digest import resources
from digest.core.site import SUBSCRIBE, Frame
from digest.core.subscription import Purpose, Subscriber
from digest.core.tokens import ticket, token
from digest.render.forms import FormPages
from digest.render.html import Pages
from digest.store import subscribers
from digest.store.database import Database
from digest.subscriptions import Subscriptions
from digest.web.application import application
from digest.web.subscribing import STEP, Forms
from tests import invented_site as invented
from tests.invented_site import Log

KEY = bytes(range(32))
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOME = "https://digest.example.org"
URLENCODED = "application/x-www-form-urlencoded"
TICKET = re.compile(r'name="form" value="([^"]+)"')
CHOSEN = {
    "shelf": ["3d/view-synthesis", "video"], "kind": ["new"], "frequency": ["daily"], "language": ["en"], "zone": ["Europe/Berlin"],
    "hour": ["7"], "include": [""], "exclude": [""], "authors": [""], "most": [""],
}  # fmt: skip


def frame() -> Frame:
    """Return what is the same on all pages."""
    return Frame("cs.CV digest", "cs.CV", resources.taxonomy(), served=True, subscribe=SUBSCRIBE)


@dataclass
class Served:
    """An application with forms, and what it told; nobody waits for its answers."""

    database: Database
    now: datetime = NOW
    log: Log = field(default_factory=Log)
    pauses: list[float] = field(default_factory=list)
    pause: Callable[[float], None] | None = None
    step: float = STEP
    kinds: tuple[str, ...] = ("new", "cross", "replaced")

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(self.database, KEY)
        pages = FormPages(Pages(resources.folder("templates")), frame(), self.kinds)
        self.forms = Forms(self.subscriptions, pages, HOME, lambda: self.now, pause=self.pause or self.pauses.append, step=self.step)
        holdings = invented.holdings(self.database)
        self.application = application(holdings, b"{}", self.log.requests.append, self.log.errors.append, self.forms)
        self.client: FlaskClient = self.application.test_client()

    def get(self, path: str, status: int = 200) -> TestResponse:
        """Open a page."""
        found = self.client.get(path)
        assert found.status_code == status, found.text
        return found

    def ticket(self, path: str) -> str:
        """Return what the form of a page holds."""
        found = TICKET.search(self.client.get(path).text)
        return found[1] if found else ""

    def post(self, path: str, fields: dict[str, list[str]], status: int = 200, headers: dict[str, str] | None = None) -> TestResponse:
        """Send the form of a page, as a browser does; with a ticket of its own, for most pages need not be looked at before."""
        body = urlencode({"form": ticket(KEY, path[1:], self.now), **fields}, doseq=True)
        found = self.client.post(path, data=body, content_type=URLENCODED, headers=headers or {})
        assert found.status_code == status, found.text
        return found

    def ask(self, address: str, status: int = 200, **fields: list[str]) -> TestResponse:
        """Subscribe by the form."""
        return self.post("/subscribe", {"address": [address], **CHOSEN, **fields}, status)

    def quick(self, address: str, held: str, client: str = "") -> TestResponse:
        """Subscribe by the form with a ticket that is there already, from a client of its own."""
        body = urlencode({"form": held, "address": address, **CHOSEN}, doseq=True)
        return self.application.test_client().post(
            "/subscribe", data=body, content_type=URLENCODED, environ_overrides={"REMOTE_ADDR": client}
        )

    def person(self, address: str) -> Subscriber:
        """Return who has an address."""
        with self.database.read() as connection:
            found = subscribers.by_canonical(connection, address.lower())
        assert found is not None
        return found

    def path(self, purpose: Purpose, address: str) -> str:
        """Return the path of a link in a letter to an address."""
        person = self.person(address)
        return f"/{purpose.value}/{token(KEY, purpose, person.key, person.nonce)}"
