"""The Flask application: what is held in, a WSGI application out. It reads and changes nothing, but for the forms, where there are any.

    /, /days/2026-11-20.html and so on       the pages of the site, as they are published
    /search?q=                               results as a page
    /subscribe and three more                see `digest.web.subscribing`; only where people can subscribe
    /api/papers, /api/editions               JSON
    /openapi.json, /healthz, /metrics        for programs and those who watch them

Nothing that an error says leads inside: neither a path, nor a host, nor a traceback.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from digest.core.query import Query
from digest.core.site import INDEX, NOT_FOUND, Hit, Results, day_path
from digest.errors import DigestError, StoreError, UsageError
from digest.render.found import found_object
from digest.store import overview
from digest.store.database import Connection
from digest.store.search import Found, search
from digest.web import answers, asking
from digest.web.asking import Asked
from digest.web.caching import Body, prepared
from digest.web.holdings import Holdings
from digest.web.metrics import MEDIA_TYPE, Metrics
from digest.web.subscribing import ALLOWED, LARGEST, Forms

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SECRET = re.compile(r"(/(?:confirm|manage|unsubscribe)/).+", re.DOTALL | re.IGNORECASE)
"""An address that says who may do something."""
_WRITTEN = re.compile(r"/subscribe|/(?:confirm|manage|unsubscribe)/[^/]+")
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_HTML = "text/html; charset=utf-8"
_LONGEST_PATH = 200
_SEARCHED = ("q", "topic", "from", "to", "order")
_ANY = Query(())
"""Looks for no word: for the papers of a category."""
_MACHINES = ("/api/", "/openapi.json", "/healthz")
"""Addresses whose errors are JSON."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, as it is logged: neither who asked nor what for."""

    method: str
    path: str
    """Without a token that stands in it."""
    status: int
    size: int
    """Bytes of the body."""
    milliseconds: float


def application(
    holdings: Holdings, document: bytes, log: Callable[[Answered], None], error: Callable[[str], None], forms: Forms | None = None
) -> Flask:
    """Return the application. *document* is its description (`digest.web.description`); *error* is told what went wrong inside.

    Without *forms*, nobody can subscribe here, and nothing is written.
    """
    app = Flask("cvdigest", static_folder=None, template_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    metrics = Metrics(holdings.cache, holdings.figures)
    routes = _Routes(holdings, prepared(document, "application/json"), metrics)
    for path, name, view in (
        ("/search", "search", routes.search),
        ("/api/papers", "papers", routes.papers),
        ("/api/editions", "editions", routes.editions),
        ("/api/editions/<day>", "edition", routes.edition),
        ("/openapi.json", "openapi", routes.description),
        ("/healthz", "healthz", routes.health),
        ("/metrics", "metrics", routes.metrics),
    ):
        app.add_url_rule(path, name, view, methods=["GET"])
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    for path, name, view in forms.rules() if forms else ():
        app.add_url_rule(path, name, view, methods=["GET", "POST"])
    app.add_url_rule("/", "page", routes.page, methods=["GET"], defaults={"path": INDEX})
    app.add_url_rule("/<path:path>", "page", routes.page, methods=["GET"])

    @app.before_request
    def begin() -> Response | None:
        g.begun = perf_counter()
        return _refused(writes=forms is not None)

    @app.after_request
    def end(response: Response) -> Response:
        took = perf_counter() - g.begun
        method = request.method if request.method in ("GET", "HEAD", "POST") else "other"
        metrics.answered(request.endpoint or "none", method, response.status_code, took)
        log(Answered(request.method, _shown(request.path), response.status_code, response.content_length or 0, 1000 * took))
        return response

    @app.errorhandler(UsageError)
    def refuse(problem: UsageError) -> Response:
        return _failed(HTTPStatus.BAD_REQUEST, problem.message)

    @app.errorhandler(HTTPException)
    def fail(problem: HTTPException) -> Response:
        status = problem.code or HTTPStatus.INTERNAL_SERVER_ERROR
        if status == HTTPStatus.NOT_FOUND:
            return routes.nothing()
        return _failed(status, HTTPStatus(status).description or HTTPStatus(status).phrase)

    @app.errorhandler(DigestError)
    def unavailable(problem: DigestError) -> Response:
        error(str(problem))  # which may name a path or a host: nothing of it is for a client
        response = _failed(HTTPStatus.SERVICE_UNAVAILABLE, "the database cannot be read just now")
        response.headers["Retry-After"] = "10"
        return response

    @app.errorhandler(Exception)
    def broken(problem: Exception) -> Response:
        error(f"an error of this program at {_shown(request.path)} ({type(problem).__name__}: {problem}); report it")
        return _failed(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of the server")

    app.wsgi_app = _secured(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask tells to
    return app


def _refused(*, writes: bool) -> Response | None:
    """Return an error for a method that is not answered, None for one that is: to change something only where a path says so."""
    there = writes and _WRITTEN.fullmatch(request.path) is not None
    if request.method in ("GET", "HEAD") or (there and request.method == "POST"):
        return None
    allowed = ALLOWED if there else answers.ALLOWED
    refused = _failed(HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed} are answered here{'' if there else ': nothing can be changed'}")
    refused.headers["Allow"] = allowed
    return refused


def _shown(path: str) -> str:
    """Return the path of a request as it may be told: who reads a log is not to unsubscribe anybody."""
    return _SECRET.sub(r"\1...", path)


def _secured(inner: "WSGIApplication") -> "WSGIApplication":
    """Return an application that adds what stands on every answer: here, for Werkzeug would look at each of these headers each time."""

    def outer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], info: Any = None, /) -> Callable[[bytes], object]:  # noqa: ANN401 - WSGI
            return start_response(status, [*headers, *answers.SECURITY], info)

        return inner(environ, start)

    return outer


def _failed(status: int, detail: str) -> Response:
    """Return an error: for programs as JSON, else as a line of text."""
    if request.path.startswith(_MACHINES):
        body = answers.problem(status, detail)
    else:
        body = prepared(f"{status} {HTTPStatus(status).phrase}: {detail}\n".encode(), "text/plain; charset=utf-8", status)
    return answers.answer(request, body, answers.NEVER)


@dataclass(frozen=True, slots=True)
class _Routes:
    """What answers at each address."""

    holdings: Holdings
    document: Body
    counted: Metrics

    def page(self, path: str) -> Response:
        """Answer with a file of the site."""
        if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path) or ".." in path:
            return self.nothing()
        if len(request.query_string) > asking.LONGEST:  # what else is given to a page is passed over: links collect it on their way
            return _failed(HTTPStatus.BAD_REQUEST, asking.TOO_LONG)
        held = self.holdings.now()

        def make() -> Body | None:
            found = held.site.contents(path)
            return prepared(found.body, found.media_type) if found else None

        body = self.holdings.cache.get((held.era, "page", path), make)
        if body is None:
            return self.nothing()
        return answers.answer(request, body, answers.ASSETS if path.startswith("assets/") else answers.PAGES)

    def nothing(self) -> Response:
        """Answer that there is nothing at this address."""
        if request.path.startswith(_MACHINES):
            return _failed(HTTPStatus.NOT_FOUND, "there is nothing at this address; /openapi.json tells what there is")
        held = self.holdings.now()

        def make() -> Body:
            found = held.site.contents(NOT_FOUND)
            text, media_type = (found.body, found.media_type) if found else (b"404 Not Found\n", "text/plain; charset=utf-8")
            return prepared(text, media_type, HTTPStatus.NOT_FOUND)

        body = self.holdings.cache.get((held.era, "nothing"), make)
        assert body is not None  # noqa: S101 - `make` always makes one
        return answers.answer(request, body, answers.NEVER)

    def search(self) -> Response:
        """Answer with a page of results."""
        held = self.holdings.now()
        given: dict[str, str] = {}
        try:
            given = asking.parameters(request.query_string, (*_SEARCHED, "page"), strict=False)
            wanted = asking.asked(given, self.holdings.taxonomy, self.holdings.categories)
        except UsageError as exc:
            shown = {name: value[: asking.WORDS] for name, value in given.items()}
            text = self.holdings.results(replace(_filled(shown), problem=f"{exc.message[:1].upper()}{exc.message[1:]}."))
            return answers.answer(request, prepared(text.encode(), _HTML, HTTPStatus.BAD_REQUEST), answers.NEVER)

        def make() -> Body:
            return prepared(self.holdings.results(self._results(given, wanted)).encode(), _HTML)

        body = self.holdings.cache.get((held.era, "search", tuple(sorted(given.items()))), make)
        assert body is not None  # noqa: S101 - `make` always makes one
        return answers.answer(request, body)

    def papers(self) -> Response:
        """Answer with the papers that a search finds, or with the newest."""
        names = (*_SEARCHED, "author", "category", "limit", "offset")
        given = asking.parameters(request.query_string, names, strict=True)
        wanted = asking.asked(given, self.holdings.taxonomy, self.holdings.categories)
        held = self.holdings.now()

        def make() -> Body:
            return answers.json_body({"limit": wanted.most, "offset": wanted.start, **found_object(self._found(wanted, wanted.most))})

        body = self.holdings.cache.get((held.era, "papers", tuple(sorted(given.items()))), make)
        assert body is not None  # noqa: S101 - `make` always makes one
        return answers.answer(request, body)

    def editions(self) -> Response:
        """Answer with a list of the editions."""
        given = asking.parameters(request.query_string, ("from", "to", "limit", "offset"), strict=True)
        first, last = asking.span(given)
        most = asking.number(given, "limit", asking.MOST, 1, asking.MOST_EDITIONS)
        start = asking.number(given, "offset", 0, 0, asking.FARTHEST)
        held = self.holdings.now()

        def make() -> Body:
            lines, total = self.holdings.ask(
                lambda connection: overview.listed(connection, self.holdings.category, first=first, last=last, most=most, start=start)
            )
            return answers.json_body(
                {
                    "category": self.holdings.category,
                    "total": total,
                    "limit": most,
                    "offset": start,
                    "editions": [
                        {
                            "date": str(line.date),
                            "edition": line.number,
                            "state": line.state,
                            "reason": line.reason,
                            "listed": line.listed,
                            "made": f"{line.made:%Y-%m-%dT%H:%M:%SZ}",
                            "sha256": line.sha256,
                            "page": day_path(line.date) if line.listed else None,
                        }
                        for line in lines
                    ],
                }
            )

        body = self.holdings.cache.get((held.era, "editions", first, last, most, start), make)
        assert body is not None  # noqa: S101 - `make` always makes one
        return answers.answer(request, body)

    def edition(self, day: str) -> Response:
        """Answer with an edition as it was made."""
        asking.parameters(request.query_string, (), strict=True)
        wanted = asking.day("date", day)
        held = self.holdings.now()

        def make() -> Body | None:
            found = self.holdings.ask(lambda connection: overview.document(connection, self.holdings.category, wanted))
            return prepared(found.content, "application/json") if found else None

        body = self.holdings.cache.get((held.era, "edition", wanted), make)
        if body is None:
            return _failed(HTTPStatus.NOT_FOUND, f"there is no edition of {wanted}")
        return answers.answer(request, body)

    def description(self) -> Response:
        """Answer with the description of all this."""
        return answers.answer(request, self.document, answers.ASSETS)

    def health(self) -> Response:
        """Answer whether all is well: whether the database answers, and there is an edition."""
        try:
            found = self.holdings.figures()
        except StoreError:
            return _failed(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer")
        if found.newest is None:
            return _failed(HTTPStatus.SERVICE_UNAVAILABLE, "there is no edition yet")
        told = {"status": "ok", "category": self.holdings.category, "newest": str(found.newest), "edition": found.number}
        return answers.answer(request, answers.json_body(told), answers.NEVER)

    def metrics(self) -> Response:
        """Answer with what Prometheus is told."""
        return answers.answer(request, prepared(self.counted.text(), MEDIA_TYPE), answers.NEVER)

    def _found(self, wanted: Asked, most: int) -> Found:
        """Search the database."""
        topic, subtopic = wanted.topic or None, wanted.subtopic or None
        query = wanted.query() if wanted.anything else _ANY
        if query is None or wanted.backwards:
            return Found((), 0)

        def ask(connection: Connection) -> Found:
            if not wanted.anything and not wanted.category:
                return overview.newest(
                    connection, topic=topic, subtopic=subtopic, first=wanted.first, last=wanted.last, most=most, start=wanted.start
                )  # fmt: skip
            return search(
                connection, query, topic=topic, subtopic=subtopic, first=wanted.first, last=wanted.last,
                category=wanted.category or None, order=wanted.order if wanted.anything else "date", most=most, start=wanted.start,
            )  # fmt: skip

        return self.holdings.ask(ask)

    def _results(self, given: Mapping[str, str], wanted: Asked) -> Results:
        """Search the database for a page of results."""
        filled = _filled(given)
        if filled == Results():
            return filled
        found = self._found(wanted, asking.PAGE)
        if wanted.backwards:
            return replace(filled, total=0, problem=f"Nothing was found: {wanted.first} is after {wanted.last}.")
        number = 1 + wanted.start // asking.PAGE
        more = len(found.papers) == asking.PAGE if found.total is None else wanted.start + asking.PAGE < found.total
        names = [hit.paper.id for hit in found.papers]
        paged = self.holdings.ask(lambda connection: overview.paged(connection, self.holdings.category, names))
        hits = tuple(
            Hit(hit.paper, hit.announced, hit.topic, hit.subtopic, hit.snippet, hit.paper.id in paged) for hit in found.papers
        )  # fmt: skip
        return replace(filled, hits=hits, total=found.total, start=wanted.start, page=number, more=more and number < asking.PAGES)


def _filled(given: Mapping[str, str]) -> Results:
    """Return nothing found, with the form filled in."""
    order = "date" if given.get("order") == "date" else ""
    return Results(given.get("q", ""), given.get("topic", ""), given.get("from", ""), given.get("to", ""), order=order)
