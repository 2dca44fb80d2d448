"""Fetching what training needs: lists and abstracts, from real servers on loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest import app, fetching
from digest.arxiv.client import Answer, Client
from digest.arxiv.exchange import Limits, safe
from digest.catalogue.sources import Format, Source
from digest.errors import (
    DigestError,
    IncompleteError,
    LayoutError,
    PublishError,
    SettingsError,
    SourceError,
    UnreachableError,
    UsageError,
)
from digest.settings import Settings
from tests import feeds, servers
from tests.feeds import Row
from tests.reference import ROOT, shared

QUICK = Limits(connect=2, read=1, total=3, tries=2, back_off=0.01, patience=5, max_bytes=20 * 2**20, elsewhere=True)
LIST = b"# Papers\n\n## Detection\n\n- [A](https://arxiv.org/abs/2611.00001)\n"
needs_rights = pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="whoever may write everywhere meets no such folder")


@pytest.fixture
def said() -> list[str]:
    """Return what was said."""
    return []


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Run a server."""
    with servers.arxiv() as server:
        yield server


def client(folder: Path, limits: Limits = QUICK, say: Callable[[str], None] = lambda _line: None) -> Client:
    """Return a client that does not keep a pace."""
    return Client(0, folder / "state", loopback=True, limits=limits, say=say, sleep=lambda _seconds: None)


# -- lists -----------------------------------------------------------------------------------------------------------


def source(server: servers.Arxiv, name: str, kind: Format = Format.MARKDOWN) -> Source:
    """Return a list that *server* has."""
    return Source(name, "somebody", "CVPR", 2026, f"{server.url}/{name}", kind)


def fetch(tmp_path: Path, sources: list[Source], said: list[str], limits: Limits = QUICK) -> fetching.Lists:
    """Fetch lists into a folder."""
    return fetching.lists(sources, tmp_path / "lists", client(tmp_path, limits).get, said.append)


def test_lists_are_fetched(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """Each list lands under its name, as it came."""
    arxiv.pages |= {"/one": LIST, "/two": b"title,topic\n"}
    there = fetch(tmp_path, [source(arxiv, "one"), source(arxiv, "two", Format.CSV)], said)

    assert [path.name for path in there.paths] == ["one.md", "two.csv"]
    assert [path.read_bytes() for path in there.paths] == [LIST, b"title,topic\n"]
    assert there.failed == ()
    assert said == ["list 1 of 2: one", "list 2 of 2: two"]


def test_a_list_that_has_not_changed(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """A list is asked for with what its server said of the copy, and 304 keeps that copy."""

    def page() -> servers.Answer:
        sent = arxiv.headers[-1]
        if sent.get("If-None-Match") == '"v1"' and sent.get("If-Modified-Since") == "Fri, 20 Nov 2026 01:00:00 GMT":
            return 304, b"", {}
        return 200, LIST, {"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 01:00:00 GMT"}

    arxiv.pages["/one"] = page
    sources = [source(arxiv, "one")]
    for _ in range(2):
        assert fetch(tmp_path, sources, said).failed == ()
    path = tmp_path / "lists" / "one.md"
    assert ("If-None-Match" in arxiv.headers[1], path.read_bytes()) == (True, LIST)

    path.write_bytes(LIST[:10])
    fetch(tmp_path, sources, said)
    assert ("If-None-Match" in arxiv.headers[2], path.read_bytes()) == (False, LIST)


@pytest.mark.parametrize(
    "answer",
    [
        (404, b"not found", {}),
        (304, b"", {}),
        (403, b"no", {}),
        (503, b"busy", {}),
        (503, b"busy", {"Retry-After": "3000"}),
        (200, b"", {}),
        (200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"}),
        (200, b"PK\x03\x04\x00\x00", {}),
        (302, b"", {"Location": "http://example.org/list.md"}),
        (302, b"", {"Location": "https://somebody@example.org/list.md"}),
        (302, b"", {"Location": "file:///etc/hostname"}),
        (302, b"", {"Location": "http://[::1/list.md"}),
        (302, b"", {"Location": "/one"}),
        (200, bytes(21 * 2**20), {}),
    ],
    ids=[
        "404", "304 unasked", "403", "503", "a long wait", "empty", "HTML", "binary", "redirect to HTTP", "redirect with a name",
        "redirect to a file", "redirect nowhere", "redirect loop", "too large",
    ],
)  # fmt: skip
def test_a_list_that_fails(tmp_path: Path, arxiv: servers.Arxiv, said: list[str], answer: servers.Answer) -> None:
    """A list that cannot be fetched is named, the copy from before stays, and the others are fetched all the same."""
    arxiv.pages |= {"/one": LIST, "/two": LIST}
    sources = [source(arxiv, "one"), source(arxiv, "two")]
    fetch(tmp_path, sources[:1], said)
    (tmp_path / "lists" / "one.md.json").unlink()
    arxiv.pages |= {"/one": answer, "/three": LIST}
    with servers.arxiv() as another:  # a long wait that one host asks for is nothing to another
        another.pages["/two"] = LIST
        there = fetch(tmp_path, [sources[0], source(another, "two")], said)

    assert there.failed == ("one",)
    assert [path.read_bytes() for path in there.paths] == [LIST, LIST]
    assert said[-1] == "1 of 2 lists could not be fetched: one"
    assert any("the copy from before is kept" in line for line in said)


def test_a_redirect_to_another_host(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """A list may have moved to another host; here both are this machine."""
    with servers.arxiv() as another:
        another.pages["/moved"] = LIST
        arxiv.pages["/one"] = (301, b"", {"Location": another.url.replace("127.0.0.1", "localhost") + "/moved"})

        assert fetch(tmp_path, [source(arxiv, "one")], said).paths[0].read_bytes() == LIST


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/list.md", True),
        ("http://127.0.0.1:8700/list.md", True),
        ("http://[::1]:8700/list.md", True),
        ("http://localhost/list.md", True),
        ("http://example.org/list.md", False),
        ("http://127.0.0.1.example.org/list.md", False),
        ("https://somebody@example.org/", False),
        ("https://example.org:port/", False),
        ("https:///list.md", False),
        ("file:///etc/hostname", False),
        ("http://[::1/", False),
    ],
)
def test_safe_addresses(url: str, expected: bool) -> None:
    """HTTPS leads anywhere, HTTP to this machine only."""
    assert safe(url) is expected


def test_an_unsafe_address_is_not_asked(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """A list over plain HTTP fails without a request."""
    arxiv.pages["/one"] = LIST
    there = fetch(tmp_path, [source(arxiv, "one"), Source("two", "x", "CVPR", 2026, "http://example.org/x", Format.CSV)], said)

    assert there.failed == ("two",)


@pytest.mark.parametrize("name", ["../one", "/etc/one", ".one", "a/b", "a\\b", "", "a\0b", "a" * 200, "one\n"])
def test_names_that_are_no_files(tmp_path: Path, arxiv: servers.Arxiv, said: list[str], name: str) -> None:
    """A name that would lead out of the folder is refused before anything is asked."""
    with pytest.raises(SettingsError, match="cannot be kept under"):
        fetch(tmp_path, [source(arxiv, "good"), Source(name, "x", "CVPR", 2026, arxiv.url, Format.CSV)], said)

    assert arxiv.asked == []


def test_names_that_are_one_file(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """Two names that differ in their capitals only are refused."""
    with pytest.raises(SettingsError, match="under one name"):
        fetch(tmp_path, [source(arxiv, "One"), source(arxiv, "one")], said)


def test_a_host_that_is_down(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """After three lists a host that does not answer is left alone; with nothing there at all, that is an error."""
    arxiv.other = lambda _path: (503, b"busy", {})
    with pytest.raises(UnreachableError, match="none of the 9 lists"):
        fetch(tmp_path, [source(arxiv, f"list{number}") for number in range(9)], said)

    assert len(arxiv.asked) == 3 * QUICK.tries


@needs_rights
def test_a_folder_that_cannot_be_written(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """A folder without rights is an error of ours, and it is named."""
    arxiv.pages["/one"] = LIST
    (tmp_path / "lists").mkdir(mode=0o500)
    with pytest.raises(PublishError, match=r"one\.md cannot be written"):
        fetch(tmp_path, [source(arxiv, "one")], said)


def test_a_file_where_the_folder_should_be(tmp_path: Path, arxiv: servers.Arxiv, said: list[str]) -> None:
    """A file in the place of the folder is an error of ours."""
    arxiv.pages["/one"] = LIST
    (tmp_path / "lists").write_bytes(b"")
    with pytest.raises(PublishError, match="cannot be written"):
        fetch(tmp_path, [source(arxiv, "one")], said)


# -- abstracts -------------------------------------------------------------------------------------------------------


class Api:
    """arXiv's query API: knows all papers but some, and can be told to misbehave."""

    def __init__(self, server: servers.Arxiv) -> None:
        self.server = server
        self.unknown: set[str] = set()
        self.asked: list[list[str]] = []
        self.first: list[Callable[[list[str]], bytes | servers.Answer]] = []
        """What answers first, one after another, before the API is well."""
        server.other = self.answer

    def answer(self, path: str) -> bytes | servers.Answer:
        ids = feeds.asked(path)
        self.asked.append(ids)
        return self.first.pop(0)(ids) if self.first else self.well(ids)

    def well(self, ids: list[str]) -> bytes:
        return feeds.feed([Row(name, f"Title {name}", f"Abstract of {name}.\n  More.") for name in ids if name not in self.unknown])


@pytest.fixture
def api(arxiv: servers.Arxiv) -> Api:
    """Return the query API of the server."""
    return Api(arxiv)


def ids(number: int) -> list[str]:
    """Return so many identifiers."""
    return [f"2611.{each:05}" for each in range(1, number + 1)]


def ask(tmp_path: Path, wanted: list[str], api: Api, said: list[str]) -> fetching.Abstracts:
    """Fetch abstracts into a file."""
    service = fetching.Service(f"{api.server.url}/api/query", sleep=lambda _seconds: None)
    limits = Limits(connect=2, read=1, total=3, tries=2, back_off=0.01, patience=5)
    return fetching.abstracts(wanted, tmp_path / "abstracts.jsonl", client(tmp_path, limits, said.append).get, said.append, service)


def rows(tmp_path: Path) -> list[dict[str, str]]:
    """Return the lines of the file."""
    return [json.loads(line) for line in (tmp_path / "abstracts.jsonl").read_bytes().splitlines()]


def test_abstracts_are_fetched_in_batches(tmp_path: Path, api: Api, said: list[str]) -> None:
    """A hundred identifiers a request, each paper on a line, and progress with the time that is left."""
    there = ask(tmp_path, [*ids(250), "2611.00001v3"], api, said)

    assert [len(batch) for batch in api.asked] == [100, 100, 50]
    assert (there.papers, there.unknown) == (250, ())
    assert rows(tmp_path)[0] == {"arxiv_id": "2611.00001", "title": "Title 2611.00001", "abstract": "Abstract of 2611.00001.\nMore."}
    assert [row["arxiv_id"] for row in rows(tmp_path)] == ids(250)
    assert [line.partition(";")[0] for line in said] == [f"abstracts: {count} of 250" for count in (100, 200, 250)]
    assert "left" in said[0]
    assert [row["arxiv_id"] for row in fetching.read(there.path)] == ids(250)


def test_an_interruption(tmp_path: Path, api: Api, said: list[str]) -> None:
    """What came before an interruption is kept, and only the rest is asked for."""

    def stop(_line: str) -> None:
        raise KeyboardInterrupt

    service = fetching.Service(f"{api.server.url}/api/query")
    with pytest.raises(KeyboardInterrupt):
        fetching.abstracts(ids(250), tmp_path / "abstracts.jsonl", client(tmp_path).get, stop, service)
    assert len(rows(tmp_path)) == 100

    assert ask(tmp_path, ids(250), api, said).papers == 250
    assert [len(batch) for batch in api.asked] == [100, 100, 50]
    assert said[0] == "100 abstracts are there already, 150 are not"
    ask(tmp_path, ids(250), api, said)
    assert len(api.asked) == 3


@pytest.mark.parametrize("cut", [1, 40, 150])
def test_a_torn_last_line(tmp_path: Path, api: Api, said: list[str], cut: int) -> None:
    """What a crash leaves of a line is cut off, and its paper asked for again."""
    path = tmp_path / "abstracts.jsonl"
    ask(tmp_path, ids(10), api, said)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    ask(tmp_path, ids(10), api, said)

    assert path.read_bytes() == whole
    assert any("not written to its end" in line for line in said)


def test_a_page_of_zeros(tmp_path: Path, api: Api, said: list[str]) -> None:
    """What a power failure leaves in the middle is taken out."""
    path = tmp_path / "abstracts.jsonl"
    ask(tmp_path, ids(10), api, said)
    content = path.read_bytes()
    path.write_bytes(content[:500] + bytes(200) + content[700:])
    ask(tmp_path, ids(10), api, said)

    assert sorted(row["arxiv_id"] for row in rows(tmp_path)) == ids(10)


def test_another_file_is_left_alone(tmp_path: Path, api: Api, said: list[str]) -> None:
    """A file that is none of ours is neither read nor changed."""
    path = tmp_path / "abstracts.jsonl"
    path.write_bytes(b"my notes\n")
    with pytest.raises(UsageError, match="no file of abstracts"):
        ask(tmp_path, ids(1), api, said)

    assert path.read_bytes() == b"my notes\n"


def test_what_arxiv_does_not_know(tmp_path: Path, api: Api, said: list[str]) -> None:
    """An unknown identifier is asked for twice, the second time with one that is known; then it is noted, and named once."""
    api.unknown = {"2611.00007", "2611.00120"}
    wanted = [*ids(150), "no-identifier"]
    there = ask(tmp_path, wanted, api, said)

    assert (there.papers, there.unknown) == (148, ("2611.00007", "2611.00120", "no-identifier"))
    assert api.asked[2:] == [["2611.00007", "2611.00120", "2611.00150"]]
    assert [line.partition(";")[0] for line in said if "does not know" in line] == [
        "arXiv does not know no-identifier",
        "arXiv does not know 2611.00007, 2611.00120",
    ]
    said.clear()
    assert ask(tmp_path, wanted, api, said) == there
    assert (len(api.asked), said) == (3, [])
    assert [row["arxiv_id"] for row in fetching.read(there.path)] == [name for name in ids(150) if name not in api.unknown]


def test_an_identifier_that_spoils_a_batch(tmp_path: Path, api: Api, said: list[str]) -> None:
    """If arXiv takes one identifier for none, the others are asked for without it."""
    api.first = [lambda _ids: (400, feeds.error("incorrect id format for 2611.00003"), {})]
    there = ask(tmp_path, ids(5), api, said)

    assert (there.papers, there.unknown) == (4, ("2611.00003",))
    assert api.asked[1] == [name for name in ids(5) if name != "2611.00003"]


@pytest.mark.parametrize(
    "bad",
    [
        lambda _ids: feeds.feed([]),
        lambda names: feeds.feed([Row(name) for name in names[:3]], total=len(names)),
        lambda names: feeds.feed([Row(name) for name in names])[:900],
        lambda _ids: feeds.error("The server encountered an internal error"),
        lambda _ids: (503, b"busy", {"Retry-After": "2"}),
        lambda _ids: (500, feeds.error("The server encountered an internal error"), {}),
        lambda _ids: b"<!doctype html><html><title>arXiv is down</title></html>",
        lambda _ids: feeds.feed([Row("2611.09999")]),
    ],
    ids=["nothing", "short", "cut", "an error", "503", "500", "HTML", "another's papers"],
)
def test_an_answer_that_is_no_good(tmp_path: Path, api: Api, said: list[str], bad: Callable[[list[str]], bytes | servers.Answer]) -> None:
    """A bad answer is asked for again, and nothing is lacking in the end."""
    api.first = [bad]
    there = ask(tmp_path, ids(20), api, said)

    assert (there.papers, there.unknown, api.asked) == (20, (), [ids(20), ids(20)])
    assert any("again in" in line for line in said)


def test_an_answer_that_silently_lacks_papers(tmp_path: Path, api: Api, said: list[str]) -> None:
    """What lacks in an answer that looks whole is asked for again before arXiv is said not to know it."""
    api.first = [lambda names: feeds.feed([Row(name) for name in names[:15]])]
    there = ask(tmp_path, ids(20), api, said)

    assert (there.papers, there.unknown) == (20, ())
    assert api.asked[1] == [*ids(20)[15:], "2611.00015"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (feeds.feed([]), IncompleteError),
        (feeds.feed([Row("2611.00001")], total=20), IncompleteError),
        (feeds.error("The server encountered an internal error"), SourceError),
        (b"Rate exceeded.", LayoutError),
        ((404, b"gone", {}), SourceError),
        ((403, b"no", {}), UnreachableError),
        ((429, b"", {"Retry-After": "3000"}), UnreachableError),
    ],
    ids=["nothing", "short", "an error", "plain text", "404", "403", "a long wait"],
)
def test_an_api_that_stays_unwell(tmp_path: Path, api: Api, said: list[str], bad: bytes | servers.Answer, error: type[DigestError]) -> None:
    """After a few tries the run ends with what came before, and nothing is taken for unknown."""
    ask(tmp_path, ids(100), api, said)
    api.first = [lambda _ids: bad] * 50
    with pytest.raises(error):
        ask(tmp_path, ids(900), api, said)

    assert [row["arxiv_id"] for row in rows(tmp_path)] == ids(100)
    assert len(api.asked) < 10


def test_nothing_is_known_at_all(tmp_path: Path, api: Api, said: list[str]) -> None:
    """Without one paper that arXiv gives, its silence proves nothing about the others."""
    api.unknown = set(ids(3))
    with pytest.raises(IncompleteError, match="nothing for any of 3"):
        ask(tmp_path, ids(3), api, said)

    assert not (tmp_path / "abstracts.jsonl").exists()


def test_no_identifiers(tmp_path: Path, api: Api, said: list[str]) -> None:
    """Nothing to ask for is no request."""
    assert ask(tmp_path, [], api, said).papers == 0
    assert (api.asked, said) == ([], [])


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the size of files by a limit of Linux")
def test_a_full_disk(tmp_path: Path, api: Api, said: list[str]) -> None:
    """When the disk is full the error says so, no line is torn, and the next run goes on."""
    # Written by its own process, because the limit holds for a whole process; a bound on files meets writes as a full disk does.
    code = (
        "import resource, signal, sys; from pathlib import Path; from digest import fetching; from digest.arxiv.client import Client\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (15000, 15000))\n"
        "from digest.errors import PublishError\n"
        "ids = [f'2611.{each:05}' for each in range(1, 251)]; folder = Path(sys.argv[2])\n"
        "get = Client(0, folder / 'state', loopback=True).get\n"
        "try: fetching.abstracts(ids, folder / 'abstracts.jsonl', get, print, fetching.Service(sys.argv[1]))\n"
        "except PublishError as exc: print(exc)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"{api.server.url}/api/query", tmp_path],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "abstracts.jsonl cannot be written: File too large; make room" in done.stdout
    assert len(rows(tmp_path)) == 100

    assert ask(tmp_path, ids(250), api, said).papers == 250
    assert not any("not written to its end" in line for line in said)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path, api: Api, said: list[str]) -> None:
    """A folder where the file should be is an error of ours."""
    (tmp_path / "abstracts.jsonl").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        ask(tmp_path, ids(1), api, said)


# -- both ------------------------------------------------------------------------------------------------------------


def test_both(tmp_path: Path, arxiv: servers.Arxiv, api: Api, said: list[str]) -> None:
    """The lists come first, then the abstracts of what stands in them; a second time nothing is asked but for changes."""
    arxiv.pages["/one"] = LIST
    settings = Settings(arxiv_url=arxiv.url, data=tmp_path / "data")

    def ids_of(folder: Path) -> list[str]:
        return [line.rpartition("/")[2].rstrip(")") for line in (folder / "one.md").read_text("utf-8").splitlines() if "abs/" in line]

    lists, abstracts = app.fetch(settings, tmp_path / "out", ids_of, said.append, [source(arxiv, "one")])

    assert (lists / "one.md").read_bytes() == LIST
    assert [row["arxiv_id"] for row in fetching.read(abstracts)] == ["2611.00001"]
    started = time.monotonic()
    app.fetch(settings, tmp_path / "out", ids_of, said.append, [source(arxiv, "one")])
    assert len(api.asked) == 1
    assert time.monotonic() - started > 0.5  # a list's host is asked once a second


def test_who_is_asked_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """arXiv's API is asked at its own host and pace, the others once a second and for no more than 20 MiB."""
    made: list[tuple[float, Limits]] = []
    asked: list[str] = []

    class Fake:
        def __init__(self, pace: float, *given: object, limits: Limits | None = None, **_: object) -> None:
            limits = limits or next(one for one in given if isinstance(one, Limits))
            made.append((pace, limits))

        def get(self, url: str, _headers: object = None) -> Answer:
            asked.append(url)
            body = LIST if url.endswith(".md") else feeds.feed([Row("2611.00001")])
            return Answer(url, 200, body, datetime(2026, 11, 20, tzinfo=UTC))

    monkeypatch.setattr(app, "Client", Fake)
    one = Source("one", "somebody", "CVPR", 2026, "https://example.org/one.md", Format.MARKDOWN)
    app.fetch(Settings(data=tmp_path), tmp_path, lambda _folder: ["2611.00001"], said.append, [one])

    assert asked == [one.url, "https://export.arxiv.org/api/query?id_list=2611.00001&start=0&max_results=1"]
    assert [pace for pace, _ in made] == [1, 3]
    assert [(limits.max_bytes, limits.elsewhere) for _, limits in made] == [(20 * 2**20, True), (16 * 2**20, False)]


@pytest.mark.slow
def test_the_replay_of_recorded_answers(tmp_path: Path, said: list[str]) -> None:
    """From arXiv's recorded entries come the abstracts of all papers that are known, and the name of the one that is not."""
    replay = shared() / "arxiv" / "replay.py"
    lines = (replay.parent / "recorded" / "nov2026" / "api_entries.jsonl").read_text("utf-8").splitlines()
    wanted = [json.loads(line)["id"] for line in lines]
    with subprocess.Popen([sys.executable, replay, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            service = fetching.Service(f"{server.stdout.readline().strip()}/api/query", back_off=0)
            path = tmp_path / "abstracts.jsonl"
            there = fetching.abstracts([*wanted, "9999.99999"], path, client(tmp_path).get, said.append, service)
        finally:
            server.terminate()

    assert (there.papers, there.unknown) == (len(wanted), ("9999.99999",))
    assert all(row["title"] and row["abstract"] for row in fetching.read(path))
