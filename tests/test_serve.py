"""The server: pages and answers over HTTP, read-only, within bounds, and no error that leads inside."""

import gzip
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from digest import resources
from digest.core.site import Content, day_path
from digest.errors import StoreError, UsageError
from digest.store.database import Database, in_memory
from digest.web import asking
from digest.web.answers import SECURITY
from digest.web.application import application
from digest.web.caching import Body, Cache, prepared
from digest.web.description import description
from digest.web.holdings import Holdings
from digest.web.server import Server, listen
from tests import invented_site as invented
from tests.invented_site import Log, Pages
from tests.servers import eventually
from tests.stores import DAY, paper

LARGE = "x" * 8_000_000
"""More than the machine keeps for a client that does not read."""
DOCUMENT = description(resources.folder("models"), resources.taxonomy(), resources.categories())


class Served:
    """An application, and what it told."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings, self.log = holdings, Log()
        self.application = application(holdings, DOCUMENT, self.log.requests.append, self.log.errors.append)
        self.client: FlaskClient = self.application.test_client()

    def get(self, path: str, status: int = 200, **headers: str) -> TestResponse:
        """Ask for a path."""
        found = self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert found.status_code == status, found.text
        return found

    def json(self, path: str, status: int = 200) -> Any:
        """Ask for JSON."""
        return json.loads(self.get(path, status).data)


@pytest.fixture(scope="module")
def stored() -> Iterator[tuple[Database, bytes]]:
    """Fill a database, for those who change nothing in it."""
    database = in_memory()
    yield database, invented.filled(database)
    database.close()


@pytest.fixture(scope="module")
def served(stored: tuple[Database, bytes]) -> Served:
    """Serve it."""
    return Served(invented.holdings(stored[0]))


def fits(document: Any, schema: str) -> None:
    """See that a document is what the description says."""
    described = json.loads(DOCUMENT)
    checker = jsonschema.Draft202012Validator(
        {**described, "$ref": f"#/components/schemas/{schema}"}, format_checker=jsonschema.FormatChecker()
    )
    checker.validate(document)


# -- pages -----------------------------------------------------------------------------------------------------------------


def test_pages_are_those_of_the_site(served: Served) -> None:
    """The first page, that of a date and an asset are the site's bytes; a client may keep an asset for longer."""
    assert served.get("/").text == invented.PAGE
    assert str(DAY) in served.get(f"/{day_path(DAY)}").text
    assert served.get("/index.html").content_type == "text/html; charset=utf-8"
    assert served.get("/assets/site.css").cache_control.max_age == 3600
    assert served.get("/").headers["Cache-Control"] == "public, max-age=60, must-revalidate"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/../etc/passwd", "/%2e%2e/etc/passwd", "/days/../index.html", "/days/%2e%2e/index.html", "//etc/passwd", "/%00",
        "/%ff%fe", "/days\\..\\x", "/index.html/", f"/{'a' * 5000}", "/api/nothing", "/days/", "/%0d%0aX-Evil:1", "/C:/x", "/search/",
    ],
)  # fmt: skip
def test_what_is_not_there(served: Served, path: str) -> None:
    """Whatever the path is, it is never a file of the machine: there is nothing, and the site says so."""
    found = served.get(path, 404)

    assert (json.loads(found.data)["status"] == 404) if path.startswith("/api") else (found.text == "<p>Nothing here.</p>")
    assert "X-Evil" not in found.headers


@pytest.mark.parametrize("path", ["/", "/search?q=number", "/api/papers", "/api/editions", f"/api/editions/{DAY}", "/openapi.json"])
def test_conditional_requests(served: Served, path: str) -> None:
    """Who has an answer already is told so, by the ETag of the encoding that it has; HEAD is GET without the body."""
    plain, packed = served.get(path), served.get(path, Accept_Encoding="gzip")
    head = served.client.head(path)

    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data)
    assert {one.headers["Vary"] for one in (plain, packed)} == {"Accept-Encoding"}
    assert (head.data, head.headers["Content-Length"], head.headers["ETag"]) == (b"", str(len(plain.data)), plain.headers["ETag"])
    for tag in (plain.headers["ETag"], f"W/{plain.headers['ETag']}", f'"other", {plain.headers["ETag"]}', "*"):
        again = served.get(path, 304, If_None_Match=tag)
        assert (again.data, again.headers["ETag"]) == (b"", plain.headers["ETag"])
        assert again.headers["Cache-Control"] == plain.headers["Cache-Control"]
    assert served.get(path, 304, Accept_Encoding="br, gzip;q=0.5", If_None_Match=packed.headers["ETag"]).data == b""
    assert served.get(path, If_None_Match=packed.headers["ETag"]).data == plain.data
    assert "Content-Encoding" not in served.get(path, Accept_Encoding="gzip;q=0").headers


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE") for path in ("/", "/api/papers", "/no")],
)
def test_nothing_can_be_changed(served: Served, method: str, path: str) -> None:
    """Other methods than GET and HEAD are refused, whatever the path."""
    found = served.client.open(path, method=method)

    assert (found.status_code, found.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/", "/none", "/search?q=x", "/search?page=0", "/api/papers?x=1", "/api/editions", "/healthz", "/metrics", "/openapi.json"]
)
def test_security_headers(served: Served, path: str) -> None:
    """Each answer tells the browser what it may do, and none names the server."""
    found = served.client.get(path)

    assert dict(SECURITY).items() <= dict(found.headers).items()
    assert "frame-ancestors 'none'" in found.headers["Content-Security-Policy"]
    assert "Server" not in found.headers


# -- searching ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "count", "total"),
    [
        ("", 20, 28),
        ("?limit=100", 28, 28),
        ("?limit=10&offset=25", 3, 28),
        ("?q=splatting", 3, 3),
        ("?q=seeing&order=date&limit=1", 1, 25),
        ("?q=splatting&topic=3d", 3, 3),
        ("?topic=3d/view-synthesis&to=2026-11-18", 3, 3),
        ("?from=2026-11-19", 20, 25),
        ("?topic=face", 0, 0),
        ("?from=2026-11-20&to=2026-11-18", 0, 0),
        ("?q=splatting&from=2026-11-20&to=2026-11-18", 0, 0),
        ("?author=ada+example&limit=1", 1, 28),
        ("?category=cs.LG&limit=2", 2, 28),
        ("?category=cs.RO", 0, 0),
        ("?q=!!!", 0, 0),
        ("?author=%E2%80%A6", 0, 0),
        ("?q=" + "a" * 200, 0, 0),
    ],
)
def test_papers(served: Served, query: str, count: int, total: int) -> None:
    """Words, names and filters find papers; without words the newest come first."""
    found = served.json(f"/api/papers{query}")

    fits(found, "Papers")
    assert (len(found["papers"]), found["total"]) == (count, total)
    assert [one["date"] for one in found["papers"]] == sorted((one["date"] for one in found["papers"]), reverse=True)


def test_marks_are_those_of_the_words(served: Served) -> None:
    """A snippet says where the words stand that were looked for."""
    snippet = served.json("/api/papers?q=sides")["papers"][0]["snippet"]

    assert [snippet["text"][begin:end] for begin, end in snippet["marks"]] == ["sides"]


REFUSED = [
    ("page=0", "page"), ("page=501", "page"), ("page=1.5", "page"), ("page=-1", "page"), ("page=" + "9" * 30, "page"),
    ("page=%D9%A1", "page"),
    ("q=" + "a" * 201, "q: 200 letters"), ("q=" + "a+" * 31, "q: 30 words"), ("q=a%00b", "control"), ("q=%ff", "UTF-8"),
    ("q=\xe9", "UTF-8"),
    ("q=a&q=b", "twice"), ("from=2026-02-30", "from"), ("to=20261120", "to"), ("from=0001-01-01", "from"), ("to=9999-12-31", "to"),
    ("topic=nothing", "topic"), ("topic=3d/nothing", "topic"), ("topic=/", "topic"),
    ("order=best", "order"),
    ("q=x" + "&a=b" * 20, "20 parameters"), ("q=" + "%41" * 2000, "6000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "said"), REFUSED)
def test_what_is_out_of_bounds(served: Served, query: str, said: str) -> None:
    """A parameter that is malformed is refused, and the answer says which."""
    page = served.get(f"/search?{query}", 400)
    assert page.content_type.startswith("text/html")
    assert said.lower() in page.text.lower()

    found = served.get(f"/api/papers?{query.replace('page', 'offset').replace('=0', '=10001').replace('=501', '=10001')}", 400)
    fits(json.loads(found.data), "Problem")
    assert found.content_type == "application/problem+json"
    assert said.replace("page", "offset") in json.loads(found.data)["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "utm_source=x",
        "limit=0",
        "limit=101",
        "topic=",
        "limit=1&limit=1",
        "category=cs.XX",
        "category=",
        "order=",
        "from=",
        "author=" + "a" * 101,
    ],
)
def test_the_interface_takes_nothing_else(served: Served, query: str) -> None:
    """A parameter that is not described, or is empty, is a mistake of a program, and is told."""
    fits(served.json(f"/api/papers?{query}", 400), "Problem")


def test_pages_of_results(served: Served) -> None:
    """A search is turned over page by page; a form that was left empty asks nothing, and what is not known is passed over."""
    first = served.get("/search?q=seeing&topic=&utm_source=x").text.splitlines()
    second = served.get("/search?q=seeing&page=2").text.splitlines()

    assert first[:4] == ["", "25", "page 1", "more True"]
    assert second[:4] == ["", "25", "page 2", "more False"]
    assert len({*first[4:], *second[4:]}) == 25
    assert served.get("/search?from=2026-11-20&to=2026-11-19").text.startswith("Nothing was found: 2026-11-20 is after 2026-11-19.")
    assert served.get("/search?q=&topic=&from=&to=&order=").text == "\nNone\npage 1\nmore False"


# -- editions, and how it goes -----------------------------------------------------------------------------------------------


def test_editions(served: Served, stored: tuple[Database, bytes]) -> None:
    """The list has each date's newest edition; an edition is the very bytes that were kept."""
    found = served.json("/api/editions")

    fits(found, "Editions")
    assert [(one["date"], one["state"], one["listed"], one["page"]) for one in found["editions"]] == [
        ("2026-11-20", "published", 25, "days/2026-11-20.html"),
        ("2026-11-19", "none", 0, None),
        ("2026-11-18", "published", 3, "days/2026-11-18.html"),
    ]
    assert [one["date"] for one in served.json("/api/editions?to=2026-11-19&limit=1&offset=1")["editions"]] == ["2026-11-18"]
    assert served.get(f"/api/editions/{DAY}").data == stored[1]
    fits(served.json(f"/api/editions/{DAY}"), "Edition")
    assert served.json("/api/editions/2026-11-19")["reason"] == "arXiv has a holiday"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/editions/2026-11-17", 404), ("/api/editions/2026-13-01", 400), ("/api/editions/1066-10-14", 400),
        ("/api/editions/newest", 400),
        ("/api/editions/2026-11-20?edition=1", 400), ("/api/editions/2026-11-20/x", 404),
        ("/api/editions?limit=1001", 400), ("/api/editions?to=x", 400),
    ],
)  # fmt: skip
def test_editions_that_are_not_there(served: Served, path: str, status: int) -> None:
    """What is no date is refused, and a date without an edition is none."""
    fits(served.json(path, status), "Problem")


def test_health_and_metrics(served: Served) -> None:
    """Whoever watches the server learns the newest date and the last run, and how it answers."""
    served.get("/")
    assert served.json("/healthz") == {"status": "ok", "category": "cs.CV", "newest": "2026-11-20", "edition": 1}
    fits(served.json("/healthz"), "Health")

    found = served.get("/metrics")
    told = {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(found.text)
        for one in family.samples
    }
    assert found.headers["Cache-Control"] == "no-store"
    assert told["cvdigest_newest_edition_timestamp_seconds",] == 1795132800
    assert (told["cvdigest_editions",], told["cvdigest_papers",], told["cvdigest_open_dates",]) == (3, 28, 0)
    assert (told["cvdigest_last_run_status",], told["cvdigest_database_up",]) == (0, 1)
    assert told["cvdigest_http_requests_total", ("method", "GET"), ("route", "page"), ("status", "200")] >= 1
    assert told["cvdigest_http_request_seconds_count", ("route", "healthz")] >= 2
    assert told["cvdigest_cache_hits_total",] >= 1


def test_without_an_edition() -> None:
    """An empty database is not well, and says why."""
    database = in_memory()
    served = Served(invented.holdings(database))

    assert served.json("/healthz", 503)["detail"] == "there is no edition yet"
    assert "cvdigest_newest_edition" not in served.get("/metrics").text
    assert served.json("/api/papers")["papers"] == []
    database.close()


def test_the_description_is_served(served: Served) -> None:
    """It refers to nothing outside of itself, and has a path for each route."""
    document = served.json("/openapi.json")

    refs = {part.partition('"')[0] for part in json.dumps(document).split('"$ref": "')[1:]}
    for ref in refs:
        place: Any = document
        for name in ref.removeprefix("#/").split("/"):
            place = place[name]
    assert all(ref.startswith("#/") for ref in refs)
    rules = {str(rule).replace("<day>", "{date}") for rule in served.application.url_map.iter_rules()}
    assert rules - {"/<path:path>"} == set(document["paths"]) - {"/days/{date}.html"}
    assert "3d/view-synthesis" in document["components"]["schemas"]["Topic"]["enum"]


# -- what is kept ready --------------------------------------------------------------------------------------------------------


def test_what_is_new_is_seen() -> None:
    """A body is made once; as soon as the database has a new edition, all is made anew, and within a second nobody looks."""
    database, now = in_memory(), [100.0]
    invented.keep(database, date(2026, 11, 19), [paper(1)])
    pages, opened = invented.site(), []
    holdings = replace(invented.holdings(database, pages), clock=lambda: now[0])
    holdings.open_site = lambda: opened.append(1) or pages  # type: ignore[func-returns-value]
    served = Served(holdings)
    for _ in range(3):
        served.get("/")
    assert (pages.asked, len(opened)) == (["index.html"], 1)
    assert served.json("/api/editions/2026-11-19")["edition"] == 1

    invented.keep(database, date(2026, 11, 19), [paper(1), paper(2)], number=2)
    pages.texts["index.html"] = "new"
    assert served.get("/").text == invented.PAGE
    now[0] += 1.0
    assert served.get("/").text == "new"
    assert served.json("/api/editions/2026-11-19")["edition"] == 2
    now[0] += 1.0
    served.get("/")
    assert len(opened) == 2
    database.close()


def test_a_database_that_does_not_answer(tmp_path: Path, template: Path) -> None:
    """What was served goes on being served; what would have to be read is refused for a while, without a word about the machine."""
    database, now = invented.copied(template, tmp_path), [100.0]
    invented.filled(database)
    served = Served(replace(invented.holdings(database), clock=lambda: now[0]))
    served.get("/")
    database.close()  # so that nothing of it is left in a log
    (tmp_path / "cvdigest.db").rename(tmp_path / "away.db")
    (tmp_path / "cvdigest.db").write_bytes(b"no database")
    now[0] += 10

    assert served.get("/").text == invented.PAGE
    for path in ("/api/papers?q=x", "/healthz", "/api/editions"):
        found = served.get(path, 503)
        fits(json.loads(found.data), "Problem")
        assert str(tmp_path) not in found.text
    assert "cvdigest_database_up 0" in served.get("/metrics").text
    assert any(str(tmp_path) in line for line in served.log.errors)

    (tmp_path / "away.db").replace(tmp_path / "cvdigest.db")
    now[0] += 10
    served.get("/healthz")
    assert served.json("/api/papers?q=splatting")["total"] == 3
    database.close()


@pytest.mark.parametrize("content", [None, b""])
def test_a_database_that_is_gone(tmp_path: Path, template: Path, content: bytes | None) -> None:
    """Where the database was moved away, or is empty, none is made, nothing is written, and the log says what there is not."""
    database, now = invented.copied(template, tmp_path), [100.0]
    invented.filled(database)
    served = Served(replace(invented.holdings(database), clock=lambda: now[0]))
    served.get("/api/papers?q=x")
    place, away = tmp_path / "cvdigest.db", tmp_path / "away"
    away.mkdir()
    for one in tmp_path.glob("cvdigest.db*"):
        one.rename(away / one.name)
    if content is not None:
        place.write_bytes(content)
    now[0] += 10

    served.get("/api/papers?q=y", 503)
    assert (place.read_bytes() if place.exists() else None) == content
    assert f"{place} {'is damaged: it is empty' if content == b'' else 'any more'}" in served.log.errors[-1]
    for one in away.iterdir():
        one.replace(tmp_path / one.name)
    now[0] += 10
    assert served.json("/api/papers?q=splatting")["total"] == 3
    database.close()


def test_an_error_of_ours_says_nothing(stored: tuple[Database, bytes]) -> None:
    """A mistake of the program is an answer without a traceback, and stands in the log."""

    class Broken(Pages):
        def contents(self, path: str) -> Content | None:
            msg = f"secret of {path}"
            raise ZeroDivisionError(msg)

    served = Served(invented.holdings(stored[0], Broken({})))

    found = served.get("/", 500)
    assert found.text == "500 Internal Server Error: an error of the server\n"
    assert "ZeroDivisionError: secret of index.html" in served.log.errors[0]
    assert dict(SECURITY).items() <= dict(found.headers).items()


def test_the_log_keeps_no_secrets(stored: tuple[Database, bytes]) -> None:
    """Of a request are logged method, path, status and size: neither who asked nor what for."""
    served = Served(invented.holdings(stored[0]))
    served.client.get("/search?q=private", headers={"X-Forwarded-For": "192.0.2.1"})

    (line,) = served.log.requests
    assert (line.method, line.path, line.status) == ("GET", "/search", 200)
    assert not {"private", "192.0.2.1", "127.0.0.1"} & set(str(line).replace("'", " ").split())


def test_the_cache_is_bounded() -> None:
    """The least lately used bodies go first, and one that is too large is not kept."""
    cache = Cache(107_000)
    for number in range(5):
        cache.get(number, lambda: Body(b"x" * 20_000, "text/plain", "", None))
        cache.get(0, lambda: None)
    assert 100_000 < cache.size < 107_000
    cache.get(5, lambda: Body(b"x" * 26_000, "text/plain", "", None))
    assert cache.get(0, lambda: None) is not None
    assert (cache.get(1, lambda: None), cache.get(2, lambda: None)) == (None, None)
    cache.get("large", lambda: Body(b"x" * 27_000, "text/plain", "", None))
    assert cache.get("large", lambda: None) is None
    cache.clear()
    assert (cache.size, cache.get(0, lambda: None)) == (0, None)


def test_the_cache_takes_no_more_than_it_says() -> None:
    """Also many tiny answers to long questions are within the bound: what is kept beside each of them counts."""
    cache = Cache(1_000_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            text = f"{number:0100}"
            cache.get((1, "search", (("q", text), ("topic", text[::-1]))), partial(prepared, text.encode(), "text/plain"))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert 300_000 < taken < cache.size <= 1_000_000


def test_one_makes_what_many_ask_for() -> None:
    """Of many threads that ask at once for what is not ready, one makes it, and all get it; where that fails, the next one tries."""
    cache, made, got = Cache(10_000), [], []
    begun, go_on = threading.Event(), threading.Event()

    def make() -> Body:
        made.append(1)
        begun.set()
        assert go_on.wait(10)
        return prepared(b"a", "text/plain")

    threads = [threading.Thread(target=lambda: got.append(cache.get("a", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (len(made), len(got), {one.content for one in got if one}) == (1, 5, {b"a"})

    def fail() -> Body:
        msg = "not now"
        raise StoreError(msg)

    with pytest.raises(StoreError):
        cache.get("b", fail)
    assert cache.get("b", make) is not None


@pytest.mark.parametrize("text", ["", "a" * 10, "-medical", '"', "title:", "OR OR", "\u3000" * 100, "é" * 200, '"' * 200, "a " * 30])
def test_whatever_is_looked_for_is_words(text: str) -> None:
    """Each text within the bounds either asks for words, or for nothing."""
    found = asking.asked({"q": text}, resources.taxonomy(), ())

    found.query()


# -- the server itself ---------------------------------------------------------------------------------------------------------


class Running:
    """A real server on loopback, in a thread."""

    def __init__(self, served: Served) -> None:
        self.served, self.said = served, list[str]()
        self.server: Server = listen(served.application, "127.0.0.1", 0, 2, self.said.append)
        self.left = -1
        self._told, self._tell = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.port = int(self.server.address.rpartition(":")[2].strip("/"))

    def _run(self) -> None:
        self.left = self.server.run(self._told)

    def end(self) -> None:
        """Tell it to end, and see that it does."""
        self._tell.send(b".")
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.server.close()
        self._told.close()
        self._tell.close()

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        with closing(self.connect()) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Running]:
    """Run a server."""
    database = invented.copied(template, tmp_path_factory.mktemp("served"))
    invented.filled(database)
    pages = invented.site()
    pages.texts["large.html"] = LARGE
    found = Running(Served(invented.holdings(database, pages)))
    yield found
    found.end()
    database.close()


def test_over_the_wire(running: Running) -> None:
    """Threads answer from one database; no answer names the server."""
    head, _, body = running.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")
    found = running.ask(b"GET /api/papers?q=splatting HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nServer:" not in head
    assert body.decode() == invented.PAGE
    assert json.loads(found)["total"] == 3


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 16_356, 431),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /\xff\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        (b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
        (b"GET /?" + b"a" * 7000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
    ],
)
def test_what_is_no_request(running: Running, request_bytes: bytes, status: int) -> None:
    """The server refuses what is too large or malformed, with the same headers as elsewhere and without its name."""
    head = running.ask(request_bytes).partition(b"\r\n\r\n")[0].decode("latin-1")

    assert head.split()[1] == str(status)
    assert "Content-Security-Policy: default-src 'none'" in head
    assert "waitress" not in head.lower()


def test_a_slow_client_holds_nobody_up(running: Running) -> None:
    """Connections that begin a request and do not go on cost no thread: who asks meanwhile is answered."""
    slow = [running.connect() for _ in range(8)]
    for one in slow:
        one.sendall(b"GET / HTTP/1.1\r\nHost:")

    assert running.ask(b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
    for one in slow:
        one.sendall(b" x\r\nConnection: close\r\n\r\n")
        assert one.recv(15) == b"HTTP/1.1 200 OK"
        one.close()


def test_a_request_that_does_not_end_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a header line now and then is not waited for without end, whatever it sends."""
    monkeypatch.setattr("digest.web.server._WHOLE", 0.2)
    with closing(running.connect()) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(10) == b""


def test_clients_that_do_not_read_hold_nobody_up() -> None:
    """More of them than there are threads, each of which asks for much at once: who asks meanwhile is answered; they are closed."""
    database = in_memory()
    invented.keep(database, DAY, [paper(1)])
    running = Running(Served(invented.holdings(database, Pages({"index.html": LARGE[:2_000_000]}))))
    with ExitStack() as opened:
        for _ in range(5):
            client = opened.enter_context(closing(socket.socket()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", running.port))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 160)
        assert eventually(lambda: len(running.served.log.requests) == 5 * 4)
        assert running.ask(b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
    running.end()
    database.close()


def test_who_does_not_read_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody takes is thrown away after a while, though the connection would not take another byte."""
    with closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", running.port))
        client.sendall(b"GET /large.html HTTP/1.1\r\nHost: x\r\n\r\n")
        assert eventually(lambda: any(line.path == "/large.html" for line in running.served.log.requests))
        monkeypatch.setattr("digest.web.server._SILENT", 0.2)
        assert eventually(lambda: not running.server._unanswered())
        assert sum(map(len, iter(lambda: client.recv(1_000_000), b""))) < len(LARGE)


def test_requests_ahead(running: Running) -> None:
    """Some requests may be sent before the first is answered; after the last that is answered the connection is closed."""
    answer = running.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 6)

    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert answer.count(b"\r\nConnection: close\r\n") == 1


def test_at_the_limit(stored: tuple[Database, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that hold all connections are not waited for: the ones that have not asked for anything for longest make room."""
    monkeypatch.setattr("digest.web.server.CONNECTIONS", 12)
    running = Running(Served(invented.holdings(stored[0])))
    with ExitStack() as opened:
        held = [opened.enter_context(closing(running.connect())) for _ in range(30)]
        for number, one in enumerate(held[-5:]):
            one.sendall(b"GET / HTTP/1.1\r\n" if number % 2 else b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert running.ask(b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
        assert held[0].recv(10) == b""
        assert held[-1].recv(8) == b"HTTP/1.1"
    running.end()


def test_the_end_of_an_answer_that_nobody_reads(stored: tuple[Database, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to end, the server waits a little, and tells how many did not get their whole answer."""
    monkeypatch.setattr("digest.web.server._GRACE", 0.2)
    running = Running(Served(invented.holdings(stored[0], Pages({"index.html": LARGE}))))
    with closing(running.connect()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(8) == b"HTTP/1.1"
        running.end()
        assert running.left == 1


def test_the_end(tmp_path: Path, template: Path) -> None:
    """Told to end, the server finishes the answer in hand, lets nobody in, and gives its port back."""
    database = invented.copied(template, tmp_path)
    invented.filled(database)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Pages):
        def contents(self, path: str) -> Content | None:
            begun.set()
            assert go_on.wait(10)
            return super().contents(path)

    running = Running(Served(invented.holdings(database, Slow(invented.site().texts))))
    with closing(running.connect()) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert begun.wait(10)
        running._tell.send(b".")
        go_on.set()
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    running._thread.join(20)
    assert running.left == 0
    assert answer.endswith(invented.PAGE.encode())
    again = listen(running.served.application, "127.0.0.1", running.port, 1, running.said.append)
    again.close()
    running.end()
    database.close()


def test_a_place_that_is_taken(running: Running) -> None:
    """Where nobody can listen, the error says what to do."""
    with pytest.raises(UsageError, match="--port"):
        listen(running.served.application, "127.0.0.1", running.port, 1, running.said.append)
    with pytest.raises(UsageError, match="--host"):
        listen(running.served.application, "host.invalid", 0, 1, running.said.append)
