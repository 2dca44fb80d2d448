"""The forms by which people subscribe, confirm, choose otherwise and unsubscribe: a request in, a page out.

    GET                         shows, and changes nothing: mail scanners open every link
    POST                        changes, from a form of ours, which holds a ticket
    POST of one click           (RFC 8058) to /unsubscribe/TOKEN, from anywhere: the token alone counts

Nothing here says whether an address is known: the answer is the same, and comes after the same time. Every link is relative, so that
what a client says the host is called leads nowhere.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from time import monotonic, sleep
from typing import TypeVar
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from flask import Request, Response, request

from digest.core.forms import FORM, Filled, chosen, filled, read
from digest.core.site import SUBSCRIBE
from digest.core.subscription import Purpose, Standing, Subscriber
from digest.core.tokens import admits, shape, ticket, token
from digest.errors import DigestError, StoreError
from digest.render.forms import FormPages
from digest.subscriptions import Subscriptions
from digest.web import answers
from digest.web.caching import prepared

_T = TypeVar("_T")
LARGEST = 65_536
"""Bytes of the body of a request."""
ALLOWED = "GET, HEAD, POST"
STEP = 0.2
"""Seconds: the answer to who asks for letters comes after so many, or after twice as many, whatever had to be done for it."""
_MOST_FIELDS = 400
_HTML = "text/html; charset=utf-8"
_URLENCODED = "application/x-www-form-urlencoded"
_ONE_CLICK = re.compile(rb"\bList-Unsubscribe\b.*\bOne-Click\b", re.IGNORECASE | re.DOTALL)
"""Some mail programs send no type, a line more, a file, or small letters."""
_RETRY = "3600"
_TOO_OLD = "This page was open for too long. Nothing was done; please press the button once more."
_ELSEWHERE = "This was sent from a page of another site. Nothing was done; if you meant it, press the button here."
_SENT = (
    "If letters can be sent to that address, one is on its way that asks its reader to confirm. Follow its link within three days.",
    "An address is asked once a day. If nothing comes, look into the folder for spam, and see that the address is right.",
)
_GONE = (
    "This link is good no more, or was never whole. Nothing was changed.",
    "The newest letter that you got has links that work. A link that confirms works once, and for three days.",
)
_NOTHING = "No letters are sent to you, and nothing was changed."
_ASKED = "A letter is on its way that asks you to confirm. Follow its link within three days; until then no other is sent to you."
_ASKED_BEFORE = "A letter that asks to confirm was queued for your address within a day: look for it, or press the button tomorrow."
_LOST = "What you had chosen is lost, and no letters can be made for you until you choose anew."
_THERE = "Letters are sent to you already."
_TOO_MANY = ("There were too many requests lately. Nothing was done; please try again in an hour.",)


class _RefusedError(Exception):
    """A request that is not what a form of ours sends."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True, slots=True)
class Forms:
    """What answers at the addresses of the forms."""

    subscriptions: Subscriptions
    pages: FormPages
    origin: str
    """Of the address under which people find the forms: ``https://digest.example.org``."""
    now: Callable[[], datetime]
    clock: Callable[[], float] = monotonic
    """Seconds."""
    pause: Callable[[float], None] = sleep
    step: float = STEP
    _shelves: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        topics = self.pages.frame.taxonomy.topics
        shelves = [one for topic in topics for one in (topic.slug, *(f"{topic.slug}/{part.slug}" for part in topic.subtopics))]
        object.__setattr__(self, "_shelves", tuple(shelves))

    def rules(self) -> tuple[tuple[str, str, Callable[..., Response]], ...]:
        """Return the path, the name and what answers, of each form."""
        return (
            ("/subscribe", "subscribe", self.subscribe),
            ("/confirm/<text>", "confirm", self.confirm),
            ("/manage/<text>", "manage", self.manage),
            ("/unsubscribe/<text>", "unsubscribe", self.unsubscribe),
            *((f"/{folder}/", f"no-{folder}", self.cut) for folder in ("confirm", "manage", "unsubscribe")),
        )

    # -- what answers -------------------------------------------------------------------------------------------------

    def subscribe(self) -> Response:
        """Show the form by which people subscribe, or take it."""
        now = self.now()
        if request.method != "POST":
            return _answer(self.pages.subscribe(self.pages.blank(), self._ticket(SUBSCRIBE, now)))
        form, begun = self.pages.blank(), self.clock()
        try:
            fields = _fields(request)
            form = read(fields)
            self._admit(fields, SUBSCRIBE, now)
            choice = chosen(form, self._shelves, self.pages.kinds)
            taken = self._write(lambda: self.subscriptions.ask(form.address, choice, now, request.remote_addr or ""))
        except (ValueError, _RefusedError) as problem:
            status = problem.status if isinstance(problem, _RefusedError) else HTTPStatus.BAD_REQUEST
            return _answer(self.pages.subscribe(form, self._ticket(SUBSCRIBE, now), _sentence(problem)), status)
        if not taken:
            told = self.pages.told("Too many requests", _TOO_MANY, path=SUBSCRIBE)
            found = _answer(told, HTTPStatus.TOO_MANY_REQUESTS)
            found.headers["Retry-After"] = _RETRY
            return found
        found = _answer(self.pages.told("Look into your mail", _SENT, path=SUBSCRIBE))
        self.pause(self.step - (self.clock() - begun) % self.step)
        return found

    def confirm(self, text: str) -> Response:
        """Show what is to be confirmed, or confirm it."""
        now = self.now()
        person = self.subscriptions.known(text, Purpose.CONFIRM, now)
        if person is None:
            return self._used(text, now)
        if request.method == "POST":
            try:
                self._admit(_fields(request), f"confirm/{text}", now)
            except _RefusedError as problem:
                return self._confirm_page(person, text, now, problem)
            done = self._write(lambda: self.subscriptions.confirm(text, now))
            return self._used(text, now) if done is None else self._confirmed(done)
        return self._confirm_page(person, text, now)

    def manage(self, text: str) -> Response:
        """Show what was chosen, or change it."""
        now = self.now()
        person = self.subscriptions.known(text, Purpose.MANAGE, now)
        if person is None:
            return self._gone(text)
        form, said, problem = filled(person.choice), "", None
        if request.method == "POST":
            try:
                fields = _fields(request)
                if fields.get("do") == ["change"]:
                    form = read(fields)
                self._admit(fields, f"manage/{text}", now)
                done, said = self._managed(text, fields, form, now)
                if done is None:
                    return self._gone(text)
                person, form = done, filled(done.choice)
            except (ValueError, _RefusedError) as exc:
                problem = exc
        wrong = _sentence(problem) or (_LOST if person.damage and person.standing is Standing.CONFIRMED else "")
        page = self.pages.manage(person, form, self._ticket(f"manage/{text}", now), problem=wrong, said=said)
        return _answer(page, _status(problem))

    def unsubscribe(self, text: str) -> Response:
        """Ask whether letters are to end, or end them: by the page's own button, or by one click in a mail program."""
        now = self.now()
        person = self.subscriptions.known(text, Purpose.UNSUBSCRIBE, now)
        if person is None:
            return self._gone(text)
        if request.method == "POST":
            if not _one_click(request):
                return self._unsubscribe_page(person, _RefusedError(HTTPStatus.BAD_REQUEST, "Nothing was done: press the button."))
            person = self._write(lambda: self.subscriptions.end(text, now))
            if person is None:
                return self._gone(text)
        elif person.standing is not Standing.ENDED:
            return self._unsubscribe_page(person)
        # No link that manages: whoever was forwarded a letter's link, or is a mail program's server, can do no more than end it.
        sentence = "No letters are sent to you any more. One that is on its way just now may still arrive."
        return _answer(self.pages.told("You are unsubscribed", (sentence,), [("../subscribe", "Subscribe again")]))

    def cut(self) -> Response:
        """Say that a link is not whole: some mail programs break it where its token begins."""
        return self._gone("")

    # -- pages --------------------------------------------------------------------------------------------------------

    def _confirm_page(self, person: Subscriber, text: str, now: datetime, problem: _RefusedError | None = None) -> Response:
        choice = self.subscriptions.confirms(text, person)
        page = self.pages.confirm(person, choice, self._ticket(f"confirm/{text}", now), _sentence(problem))
        return _answer(page, _status(problem))

    def _confirmed(self, person: Subscriber) -> Response:
        sentence = f"Letters go to {person.address} from now on. Each has a link to change what it brings, and one that ends them."
        links = [(f"../manage/{self._token(Purpose.MANAGE, person)}", "Change what they bring")]
        return _answer(self.pages.told("You are subscribed", (sentence,), links))

    def _used(self, text: str, now: datetime) -> Response:
        """Say to who opens the link once more that nothing is left to do; whoever reads along is not let in by it."""
        person = self.subscriptions.confirmed(text, now)
        if person is None:
            return self._gone(text)
        sentence = f"You have confirmed already: letters go to {person.address}. Each has a link to change what it brings."
        return _answer(self.pages.told("You are subscribed", (sentence,)))

    def _unsubscribe_page(self, person: Subscriber, problem: _RefusedError | None = None) -> Response:
        return _answer(self.pages.unsubscribe(person, _sentence(problem)), _status(problem))

    def _gone(self, text: str) -> Response:
        """Say that a token is good for nothing: the same whatever the reason."""
        page = self.pages.told("This link is good no more", _GONE, [("../subscribe", "Subscribe")])
        return _answer(page, HTTPStatus.GONE if shape(text) else HTTPStatus.NOT_FOUND)

    # -- work ---------------------------------------------------------------------------------------------------------

    def _managed(self, text: str, fields: Mapping[str, list[str]], form: Filled, now: datetime) -> tuple[Subscriber | None, str]:
        """Do what a button on the page asks for; return who it was, and what was done.

        Raises:
            ValueError: the choice is none.

        """
        if fields.get("do") == ["end"]:
            return self._write(lambda: self.subscriptions.end(text, now, Purpose.MANAGE)), "You are unsubscribed."
        if fields.get("do") == ["ask"]:
            done, told = self._write(lambda: self.subscriptions.ask_again(text, now))
            if done is None or done.standing is Standing.PENDING:
                return done, _NOTHING
            return done, _THERE if done.standing is Standing.CONFIRMED else _ASKED if told else _ASKED_BEFORE
        person = self.subscriptions.known(text, Purpose.MANAGE, now)
        if person is None:
            return None, _NOTHING
        choice = chosen(form, self._shelves, self.pages.offered(person.choice))
        done = self._write(lambda: self.subscriptions.change(text, choice, now))
        # Who has unsubscribed elsewhere meanwhile, or has never confirmed, gets no letters, and nothing was changed.
        there = done is not None and done.standing is Standing.CONFIRMED
        return done, "Your choice is kept, and counts from the next letter on." if there else _NOTHING

    def _write(self, work: Callable[[], _T]) -> _T:
        """Do something that writes; if the database cannot be used, let the next one open it anew: another may stand in its place."""
        try:
            return work()
        except StoreError:
            self.subscriptions.database.close()
            raise

    def _admit(self, fields: Mapping[str, list[str]], page: str, now: datetime) -> None:
        """See that a request comes from a form of ours.

        Raises:
            _RefusedError: it does not, or the form was open for too long.

        """
        if not _own(request, self.origin):
            raise _RefusedError(HTTPStatus.FORBIDDEN, _ELSEWHERE)
        if not admits(self.subscriptions.key, (fields.get(FORM) or [""])[-1], page, now):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, _TOO_OLD)

    def _ticket(self, page: str, now: datetime) -> str:
        return ticket(self.subscriptions.key, page, now)

    def _token(self, purpose: Purpose, person: Subscriber) -> str:
        return token(self.subscriptions.key, purpose, person.key, person.nonce)


def origin(url: str) -> str:
    """Return the origin of an address, as browsers write it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _own(asked: Request, home: str) -> bool:
    """Say whether a browser, as far as it says, sends this from a page of ours. Our pages send no referrer, and so the origin "null"."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return asked.headers.get("Origin", "null").lower() in ("null", home)


def _fields(asked: Request) -> dict[str, list[str]]:
    """Return the fields of a form by name.

    Raises:
        _RefusedError: that is no form, or no UTF-8, or has too many fields.

    """
    if asked.mimetype != _URLENCODED:
        raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "That was sent in another way than this form is.")
    try:
        text = asked.get_data(cache=True).decode("ascii")
        return parse_qs(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeError as problem:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "What was sent is no text in UTF-8.") from problem
    except ValueError as problem:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "What was sent has too many fields.") from problem


def _one_click(asked: Request) -> bool:
    """Say whether a request is one click (RFC 8058, 3.2), however its body is written: the token says who, and it can do nothing else."""
    return _ONE_CLICK.search(unquote_to_bytes(asked.get_data(cache=True))) is not None


def _answer(page: str, status: int = HTTPStatus.OK) -> Response:
    found = answers.answer(request, prepared(page.encode(), _HTML, status), answers.NEVER)
    found.headers.pop("ETag", None)
    found.headers["X-Robots-Tag"] = "noindex"
    return found


def _status(problem: Exception | None) -> int:
    if problem is None:
        return HTTPStatus.OK
    return problem.status if isinstance(problem, _RefusedError) else HTTPStatus.BAD_REQUEST


def _sentence(problem: Exception | None) -> str:
    """Return what is wrong as a sentence."""
    text = problem.message if isinstance(problem, (_RefusedError, DigestError)) else str(problem or "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) or not text else '.'}"
