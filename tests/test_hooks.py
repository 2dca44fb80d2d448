"""Web-hooks: each edition is one message, within the bounds of its chat, in which strangers' text is text."""

import html
import json
import re
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache, partial
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources, webhook
from digest.cli import main
from digest.core.edition import Edition
from digest.core.hooks import message
from digest.core.subscription import HOOK_FORMATS, Choice, Handling, Hook, Standing
from digest.core.text import plain
from digest.errors import SettingsError, StoreError
from digest.hooks import Hooks, beside
from digest.settings import read
from digest.store import outbox, subscribers
from digest.store.database import Database, address
from tests import archives, servers, stores
from tests.sendings import NOW
from tests.sites import Press

DAY = stores.DAY
PAGE = "https://example.org/cv/2026-11-20.html"
CALLS = (
    "@everyone",
    "@here",
    "<!channel>",
    "<!here|x>",
    "<@U123>",
    "<@&9>",
    "<#C1>",
    "<at id=all></at>",
    "&#60;at id=all&#62;",
    "@ada_example",
)
MARKS = (
    "](https://evil.example)",
    "**b**",
    "_i_",
    "`c`",
    "</a><b>x",
    "<script>",
    "|",
    "\\",
    "~~s~~",
    "[x](y)",
    "&amp;",
    "https://evil.example",
    "#h",
    "||",
)
_TITLES = st.lists(st.sampled_from((*CALLS, *MARKS, " ", "a", "\U0001d54f")) | st.text(max_size=8), max_size=9).map("".join).map(plain)
_APART = "\u200b"


@lru_cache(maxsize=4)
def edition(titles: tuple[str, ...]) -> Edition:
    """Return an edition of papers with these titles, by authors of the same names."""
    papers = [archives.paper(number, title=title, authors=(title, "B. Example")) for number, title in enumerate(titles, 1)]
    return archives.edition(DAY, papers)


def told(form: str, titles: list[str], url: str = "https://hooks.example.org/x?chat_id=-7", **facts: Any) -> dict[str, Any]:
    """Return the message about papers with these titles."""
    found = message(Hook("lab", url, form, **facts), edition(tuple(titles)), PAGE)
    assert found is not None
    return found


def texts(found: Any) -> Iterator[str]:
    """Yield each text in a message."""
    if isinstance(found, str):
        yield found
    for one in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from texts(one)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([form for form in HOOK_FORMATS if form != "json"]), st.lists(_TITLES, min_size=1, max_size=6))
def test_nobody_is_called(form: str, titles: list[str]) -> None:
    """Whatever a title holds that calls people is taken apart."""
    for text in texts(told(form, titles)):
        shown = text.replace("\\", "") if form == "discord" else text if form == "slack" else html.unescape(text)
        assert not re.search(r"@(?:everyone|here|ada)|<[!@#]|<at\b", re.sub(r"</?[ab][ >]", "", shown))


def links_of_slack(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return address and text of each link in a list."""
    sections = [one for block in found["blocks"] for lot in block.get("elements", ()) for one in lot["elements"]]
    return [(piece["url"], piece["text"]) for one in sections for piece in one.get("elements", ()) if piece["type"] == "link"]


class _Links(HTMLParser):
    """The links of a text for Telegram."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "a":
            self.links.append((str(dict(attrs)["href"]), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "a" and self.links:
            address, text = self.links[-1]
            self.links[-1] = (address, text + data)

    def handle_endtag(self, _tag: str) -> None:
        self.lasttag = ""


def links_of_telegram(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return address and text of each link but that of the page."""
    parser = _Links()
    parser.feed(found["text"])
    assert parser.tags <= {"a", "b"}
    return parser.links[:-1]


def links_of_discord(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return address and text of each link; no line has a mark that is not ours."""
    links = []
    for line in "\n".join(embed["description"] for embed in found["embeds"]).split("\n"):
        item = re.fullmatch(r"- \[((?:[^!-/:-@\[-`{-~]|\\.)*)\]\((\S+?)\)((?:[^!-/:-@\[-`{-~]|\\.)*)", line)
        if item:
            links.append((item[2], re.sub(r"\\(.)", r"\1", item[1])))
        else:
            assert re.fullmatch(r"\*\*((?:[^!-/:-@\[-`{-~]|\\.)*)\*\*", line), line
    return links


_UNMARKED = r"(?:[^-<>~!*/\\\[\]()#:+\"'`$_&]|&#\d+;|&(?!#|\w+;))*"


def links_of_feishu(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return address and text of each link; no line has a mark that is not ours."""
    links = []
    for line in "\n".join(one["text"]["content"] for one in found["card"]["elements"][:-1]).split("\n"):
        item = re.fullmatch(rf"\u2022 \[({_UNMARKED})\]\((\S+?)\)({_UNMARKED})", line)
        if item:
            links.append((item[2], html.unescape(item[1])))
        else:
            assert re.fullmatch(rf"\*\*({_UNMARKED})\*\*", line), line
    return links


LINKS: dict[str, Callable[[dict[str, Any]], list[tuple[str, str]]]] = {
    "slack": links_of_slack,
    "telegram": links_of_telegram,
    "discord": links_of_discord,
    "feishu": links_of_feishu,
}


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(LINKS)), st.lists(_TITLES, min_size=1, max_size=6))
def test_titles_are_text(form: str, titles: list[str]) -> None:
    """Read as the chat reads it, each link shows a title and leads to that paper."""
    found = LINKS[form](told(form, titles))
    wanted = {f"https://arxiv.org/abs/2611.{number:05}": title or f"2611.{number:05}" for number, title in enumerate(titles, 1)}

    assert {address: text.replace(_APART, "") for address, text in found} == wanted


def units(text: str) -> int:
    """Return the UTF-16 units of a text."""
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("form", HOOK_FORMATS)
@pytest.mark.parametrize(
    "title",
    [
        pytest.param("Seeing far, and farther still", id="usual"),
        pytest.param("\U0001d54f" * 300, id="wide"),
        pytest.param("<&>\"'" * 60, id="escaped", marks=pytest.mark.slow),
        pytest.param("x" * 3000, id="long", marks=pytest.mark.slow),
    ],
)
def test_bounds(form: str, title: str) -> None:
    """However many and long the titles are, a message is one that the chat takes, and says how many it leaves out."""
    found = told(form, [title] * 200)
    text = "\n".join(texts(found))
    shown = len(found["papers"]) if form == "json" else len(set(re.findall(r"arxiv\.org/abs/(2611\.\d{5})", text)))

    assert shown >= 3
    if form == "json":
        assert (found["count"], found["left_out"]) == (200, 200 - shown)
    else:
        assert f"and {200 - shown} more" in text
        assert PAGE in text
    if form == "slack":
        assert len(found["blocks"]) <= 50
        assert max(sum(map(len, texts(block))) for block in found["blocks"]) < 2 * 3000  # with addresses and the names of fields
        assert len(json.dumps(found["blocks"])) <= 13_000
    elif form == "discord":
        assert len(found["embeds"]) <= 10
        assert all(units(one["description"]) <= 4096 and units(one.get("title", "")) <= 256 for one in found["embeds"])
        assert sum(units(one["description"]) + units(one.get("title", "")) for one in found["embeds"]) <= 6000
        assert found["allowed_mentions"] == {"parse": []}
    elif form == "feishu":
        assert len(json.dumps(found).encode()) <= 20_000
    elif form == "telegram":
        assert units(html.unescape(re.sub(r"<[^>]*>", "", found["text"]))) <= 4096
        assert found["chat_id"] == "-7"


def test_topics() -> None:
    """A web-hook is told what stands under its topics and subtopics, and where there is nothing, nothing."""
    shelves = [("3d", "slam"), ("video", "tracking"), ("3d", "nerf")]
    made = archives.edition(DAY, [archives.paper(number) for number in range(1, 7)], shelves=shelves)

    def papers(*topics: str) -> list[str]:
        found = message(Hook("lab", "https://example.org", topics=topics), made, PAGE)
        return sorted(one["id"][-1] for one in found["papers"]) if found else []

    assert papers() == list("123456")
    assert papers("3d") == list("2356")
    assert papers("3d/slam", "video") == list("1346")
    assert papers("medical") == []


# -- told by the outbox ----------------------------------------------------------------------------------------------------


@dataclass
class Chat:
    """A web-hook, what it answers and what it was told."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    told: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def chat() -> Iterator[Chat]:
    """Run a web-hook."""
    state = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(state.status)
            for name, value in {**state.headers, "Content-Length": str(len(state.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    with servers._served(Handler) as url:
        state.url = f"{url}/hooks/secret-path"
        yield state


def queued(database: Database) -> None:
    """Keep an edition, and queue it for a web-hook."""
    with database.write() as connection:
        stores.keep(connection, stores.announcement())
        outbox.queue(connection, "cs.CV", DAY, NOW, calendar=resources.calendar(), letters=False, hooks=["lab"])


def hooks(database: Database, *some: Hook, later: timedelta = timedelta(), said: list[str] | None = None, **facts: Any) -> Hooks:
    """Return what tells web-hooks."""
    archive = archives.archive(archives.edition(DAY, [archives.paper(1)]))
    return Hooks(
        database, archive, some, lambda: NOW + later, (said if said is not None else []).append, "https://example.org/cv/", **facts
    )


@pytest.fixture(scope="module")
def room() -> Iterator[Chat]:
    """Run one web-hook for many tests."""
    with chat() as found:
        yield found


@pytest.mark.parametrize(
    ("answer", "handling", "wait"),
    [
        ((200, {}), "sent", 0),
        ((204, {}), "sent", 0),
        ((404, {}), "refused", 0),
        ((410, {}), "refused", 0),
        ((302, {"Location": "http://127.0.0.1:1/"}), "refused", 0),
        ((429, {"Retry-After": "7200"}), "deferred", 7200),
        ((429, {"Retry-After": "1"}), "deferred", 300),
        ((500, {}), "deferred", 300),
    ],
)
def test_what_becomes_of_it(file: Database, room: Chat, answer: tuple[int, dict[str, str]], handling: str, wait: int) -> None:
    """It is told once; what is too much or fails is tried again when it is asked for, and what is refused is not."""
    (room.status, room.headers), room.body = answer, b""
    room.told.clear()
    queued(file)
    said: list[str] = []
    found = hooks(file, Hook("lab", room.url), said=said).run()
    hooks(file, Hook("lab", room.url)).run()

    assert found == {Handling(handling): 1}
    assert [one["count"] for one in room.told] == [1]
    assert "secret" not in "".join(said)
    with file.read() as connection:
        due = outbox.next_due(connection)
    assert due == (NOW + timedelta(seconds=wait) if wait else None)


@pytest.mark.parametrize(
    ("body", "handling"),
    [
        (b'{"code": 0}', "sent"),
        (b'{"code": 19024, "msg": "Key Words Not Found"}', "refused"),
        (b'{"code": 11232}', "deferred"),
        (b"[", "sent"),
    ],
)
def test_a_chat_that_refuses_in_its_answer(file: Database, room: Chat, body: bytes, handling: str) -> None:
    """Feishu takes everything with 200, and says below what it thinks of it."""
    room.status, room.headers, room.body = 200, {}, body
    queued(file)

    assert hooks(file, Hook("lab", room.url, "feishu")).run() == {Handling(handling): 1}


def _gone(connection: socket.socket) -> None:
    connection.recv(2**16)  # and hangs up


def _silent(connection: socket.socket) -> None:
    while connection.recv(2**16):
        pass


@pytest.mark.parametrize("script", [_gone, _silent])
@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_nobody_knows_whether_it_was_told(file: Database, room: Chat, script: servers.Script, policy: str) -> None:
    """Without an answer it is uncertain: told again, or held, as the settings say."""
    queued(file)
    short = partial(webhook.tell, total=0.5)
    with servers.raw(script) as server:
        found = hooks(file, Hook("lab", f"{server.url}/secret"), policy=policy, tell=short).run()
    room.status, room.headers, room.body = 200, {}, b""
    again = hooks(file, Hook("lab", room.url), policy=policy, later=timedelta(minutes=1)).run()

    assert found == {Handling.UNCERTAIN: 1}
    assert again == ({Handling.SENT: 1} if policy == "resend" else {})


@pytest.mark.parametrize(("policy", "then"), [("hold", "--resolve 'hook/lab/2026-11-20' sent, or again"), ("resend", "told again")])
def test_what_a_dead_process_was_telling(file: Database, room: Chat, policy: str, then: str) -> None:
    """Whoever looks after web-hooks says so; a letter in the same place is left to who sends letters."""
    with file.write() as connection:
        subscribers.add(connection, "a@example.org", "a@example.org", Choice(hour=3), Standing.CONFIRMED, "n", NOW)
        stores.keep(connection, stores.announcement())
        outbox.queue(connection, "cs.CV", DAY, NOW, calendar=resources.calendar(), hooks=["lab"])
        for hook in (False, True):
            (row,) = outbox.claim(connection, "elsewhere:1:x", NOW, 10, hooks=hook)
            assert outbox.begin(connection, row.key, "elsewhere:1:x", NOW)
    room.status, room.headers, room.body = 200, {}, b""
    said: list[str] = []
    hooks(file, Hook("lab", room.url), later=timedelta(hours=1), policy=policy, said=said).run()

    assert [(line.partition(" ")[0], line.endswith(then)) for line in said] == [("hook/lab", True)]
    with file.write() as connection:
        kept = {handling for handling, count in outbox.counts(connection).items() if count}
        assert kept == {Handling.INFLIGHT, Handling.UNCERTAIN if policy == "hold" else Handling.SENT}
        assert [row.recipient for row in outbox.recover(connection, NOW + timedelta(hours=1))] == ["subscriber/1"]


def test_an_answer_that_the_database_does_not_take_at_once(file: Database, room: Chat) -> None:
    """It is kept in mind until it does; a worker that has ended holds nothing."""
    queued(file)
    room.status, room.headers, room.body = 200, {}, b""
    mends: list[object] = []

    def broken(*given: Any, **facts: Any) -> webhook.Told:
        with file.write() as connection:
            connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO gone")
        return webhook.tell(*given, **facts)

    def mended(engine: sa.Engine) -> None:
        mends.append(engine)
        with closing(sqlite3.connect(str(file.path), timeout=5)) as own:
            own.execute("ALTER TABLE gone RENAME TO deliveries")

    sa.event.listen(file.engine, "engine_disposed", mended)
    found = hooks(file, Hook("lab", room.url), tell=broken).run()
    sa.event.remove(file.engine, "engine_disposed", mended)

    assert found == {Handling.SENT: 1}
    assert len(mends) == 1
    with file.read() as connection:
        assert outbox.counts(connection)[Handling.SENT] == 1


def test_an_answer_that_the_database_never_takes(file: Database, room: Chat) -> None:
    """It is given up, and uncertain at the next look, in the same process too."""
    queued(file)

    def broken(*_given: Any, **_facts: Any) -> webhook.Told:
        with file.write() as connection:
            connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO gone")
        return webhook.Told(Handling.SENT, "200")

    with pytest.raises(StoreError):
        hooks(file, Hook("lab", room.url), tell=broken, patience=0).run()
    with file.write() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO deliveries")
        assert [row.recipient for row in outbox.recover(connection, NOW, hooks=True)] == ["hook/lab"]


def test_web_hooks_of_another_category(file: Database, room: Chat) -> None:
    """They are told by who makes its editions."""
    queued(file)
    room.status, room.headers, room.body = 200, {}, b""

    assert hooks(file, Hook("lab", room.url), category="cs.LG").run() == {}
    assert hooks(file, Hook("lab", room.url), category="cs.CV").run() == {Handling.SENT: 1}


def test_a_web_hook_that_hangs_holds_no_letters_up(file: Database) -> None:
    """Letters go out beside it, and who wants to end does not wait for it."""
    queued(file)
    with servers.raw(_silent) as server:
        slow = hooks(file, Hook("lab", f"{server.url}/secret"))
        begun = time.monotonic()
        with beside(slow) as found:
            between = time.monotonic() - begun
            slow.ends.set()
        assert time.monotonic() - begun < 10

    assert between < 1
    assert found in ({}, {Handling.UNCERTAIN: 1})


def test_nobody_is_there(file: Database) -> None:
    """Nothing has left, so it is certain that nothing arrived; it is tried for three days."""
    queued(file)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gone = Hook("lab", f"http://127.0.0.1:{port}/secret")

    assert hooks(file, gone).run() == {Handling.DEFERRED: 1}
    assert hooks(file, gone, later=timedelta(days=4)).run() == {Handling.REFUSED: 1}


def test_what_is_not_told(file: Database, room: Chat) -> None:
    """A web-hook that is not set any more, or under whose topics there is nothing, is told nothing."""
    queued(file)
    room.told.clear()

    assert hooks(file).run() == {Handling.DROPPED: 1}
    assert room.told == []


def test_the_page_of_an_edition(file: Database) -> None:
    """It is that of the site; without one, arXiv's own list of the date."""
    found = hooks(file)

    assert found.page(DAY).startswith("https://example.org/cv/")
    assert replace(found, site="").page(DAY) == "https://arxiv.org/catchup/cs.CV/2026-11-20"


def test_the_command(
    tmp_path: Path, template: Path, room: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``cvdigest send`` tells web-hooks, with the pages that ``cvdigest serve`` shows, also where no letters wait."""
    room.status, room.headers, room.body = 200, {}, b""
    room.told.clear()
    shutil.copy(template, tmp_path / "cvdigest.db")
    with closing(Database(address("", tmp_path)).open()) as database:
        Press(database, tmp_path).add(DAY, ["2611.00001", "2611.00002"])
        with database.write() as connection:
            outbox.queue(connection, "cs.CV", DAY, NOW, calendar=resources.calendar(), letters=False, hooks=["lab"])
    monkeypatch.setenv("CVDIGEST_HOOKS", json.dumps([{"name": "lab", "url": room.url}]))
    for name, value in {"SUBSCRIBE": "yes", "MAIL_LIST": "digest.example.org", "MAIL_URL": "https://forms.example.org/"}.items():
        monkeypatch.setenv(f"CVDIGEST_{name}", value)
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", "smtp://127.0.0.1:9")
    status = main(["send", "--data", str(tmp_path), "--now", "2026-11-20T06:00Z", "--json"])

    assert status == 0
    assert json.loads(capsys.readouterr().out)["hooks"] == {"sent": 1}
    assert [sorted(one["id"] for one in told["papers"]) for told in room.told] == [["2611.00001", "2611.00002"]]
    assert room.told[0]["url"] == "https://forms.example.org/days/2026-11-20.html"


def test_an_address_is_missing() -> None:
    """It says so, whatever the format."""
    for form in ("json", "telegram"):
        with pytest.raises(SettingsError, match="lab: url is missing"):
            read({}, {"CVDIGEST_HOOKS": json.dumps([{"name": "lab", "format": form}])}, ())


def test_a_bot_needs_a_chat() -> None:
    """A bot's address without one would be refused each day."""
    bot = {"name": "lab", "url": "https://api.example.org/bot1:secret/sendMessage", "format": "telegram"}
    with pytest.raises(SettingsError, match="lab: the url of a bot ends with") as caught:
        read({}, {"CVDIGEST_HOOKS": json.dumps([bot])}, ())
    found = read({}, {"CVDIGEST_HOOKS": json.dumps([bot | {"url": f"{bot['url']}?chat_id=-1001"}])}, ())

    assert "secret" not in str(caught.value)
    assert found.hooks[0].format == "telegram"
