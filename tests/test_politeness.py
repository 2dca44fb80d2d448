"""The client is polite: it keeps the pace of each of arXiv's services, waits when it is asked to, and stops when it is refused.

All servers are real, on loopback; where a test names one of arXiv's hosts, a proxy on loopback plays it.
"""

import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits, retry_after
from digest.errors import ForbiddenError, PublishError, UnreachableError
from tests import feeds, oaipmh, rss, servers, weeks
from tests.clients import QUICK, Clock, client
from tests.reference import ROOT, clean_environment

BODY = b"<html>hello</html>"


# -- 403 -----------------------------------------------------------------------------------------------------------------


def test_forbidden(tmp_path: Path) -> None:
    """403 ends at once, and for a day nobody asks again, not after a restart either: asking on would be an attack."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (403, b"no", {})
        with pytest.raises(ForbiddenError, match="refuses"):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        arxiv.pages["/"] = BODY
        for later in (0, 1, 86398):
            clock.now += later
            with pytest.raises(ForbiddenError, match="at 2027-01-15 08:00 UTC and is not asked again before 2027-01-16 08:00 UTC"):
                client(tmp_path, clock=clock).get(arxiv.url + "/another")
        assert len(arxiv.asked) == 1

        clock.now += 1
        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY
    assert clock.slept == []


def test_a_refusal_that_was_settled(tmp_path: Path) -> None:
    """The error names a file; without it, arXiv is asked again."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (403, b"no", {})
        for _ in range(2):
            with pytest.raises(ForbiddenError) as caught:
                client(tmp_path).get(arxiv.url + "/")
        arxiv.pages["/"] = BODY
        Path(str(caught.value).rpartition(", remove ")[2]).unlink()

        assert client(tmp_path).get(arxiv.url + "/").body == BODY


@pytest.mark.parametrize("passed", [-365 * 86400, 365 * 86400])
def test_a_refusal_and_a_clock_gone_wrong(tmp_path: Path, passed: float) -> None:
    """A clock that was wrong at the refusal, or is now, does not close arXiv for ever."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (403, b"no", {})
        with pytest.raises(ForbiddenError):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        clock.now += passed
        arxiv.pages["/"] = BODY

        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY


def test_a_note_that_is_nonsense(tmp_path: Path) -> None:
    """A note that is no moment is none, also on a machine that believes it is 1970."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        (tmp_path / f"forbidden-{arxiv.url.rpartition('/')[2].replace(':', '-')}").write_text("soon", "utf-8")
        clock.now = 60.0

        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY


def test_refused_by_one_of_arxivs_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When one of arXiv's services refuses us, none of them is asked any more; others are."""
    with servers.arxiv() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.pages["http://rss.arxiv.org/rss/cs.CV"] = (403, b"no", {})
        proxy.pages["http://notarxiv.org/"] = BODY
        for url in ("http://rss.arxiv.org/rss/cs.CV", "http://arxiv.org/list/cs.CV/new", "http://export.arxiv.org/api/query"):
            with pytest.raises(ForbiddenError):
                client(tmp_path, loopback=False).get(url)
        assert len(proxy.asked) == 1

        assert client(tmp_path, loopback=False).get("http://notarxiv.org/").body == BODY


def test_refused_elsewhere(tmp_path: Path) -> None:
    """The refusal of one list is no reason not to ask its host for another one."""
    limits = Limits(connect=2, read=1, total=3, tries=1, elsewhere=True)
    with servers.arxiv() as host:
        host.pages["/one"] = (403, b"no", {})
        host.pages["/two"] = BODY
        with pytest.raises(ForbiddenError, match="stop asking"):
            client(tmp_path, limits=limits).get(host.url + "/one")

        assert client(tmp_path, limits=limits).get(host.url + "/two").body == BODY
        assert client(tmp_path).get(host.url + "/two").body == BODY


def test_a_refusal_that_cannot_be_noted(tmp_path: Path) -> None:
    """Where the refusal cannot be noted, it is said all the same, with why it must not be forgotten."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (403, b"no", {})
        (tmp_path / f"forbidden-{arxiv.url.rpartition('/')[2].replace(':', '-')}").mkdir()
        with pytest.raises(ForbiddenError, match=r"403 .*could not be noted"):
            client(tmp_path).get(arxiv.url + "/")


# -- waits ---------------------------------------------------------------------------------------------------------------


def test_a_wait_that_arxiv_asks_for(tmp_path: Path) -> None:
    """A short Retry-After is waited for."""
    answers: list[servers.Answer] = [(503, b"", {"Retry-After": "4"}), (200, BODY, {})]
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = lambda: answers.pop(0)
        client(tmp_path, clock=clock).get(arxiv.url + "/")

    assert clock.slept == [4]


def test_a_long_wait_is_remembered(tmp_path: Path) -> None:
    """A Retry-After beyond our patience ends the run, and the next run does not ask before it is over."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (429, b"", {"Retry-After": "300"})
        with pytest.raises(UnreachableError, match="wait 300 s"):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        with pytest.raises(UnreachableError, match="asked not to be asked before"):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        assert len(arxiv.asked) == 1

        clock.now += 301
        arxiv.pages["/"] = BODY
        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY


def test_notes_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the pace cannot be noted it could not be kept, and that is said as an error of ours."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        (tmp_path / f"last-request-{arxiv.url.rpartition('/')[2].replace(':', '-')}").mkdir()
        with pytest.raises(PublishError, match="data folder"):
            client(tmp_path, pace=15).get(arxiv.url + "/")


def test_hosts_are_apart(tmp_path: Path) -> None:
    """What a replay asks for is nothing to arXiv, and the reverse."""
    clock = Clock()
    with servers.arxiv() as busy, servers.arxiv() as free:
        busy.pages["/"] = (429, b"", {"Retry-After": "3600"})
        free.pages["/"] = BODY
        with pytest.raises(UnreachableError):
            client(tmp_path, clock=clock).get(busy.url + "/")

        assert client(tmp_path, clock=clock).get(free.url + "/").body == BODY


def test_the_pace(tmp_path: Path) -> None:
    """Requests keep their distance, also those of two programs that follow each other."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        for _ in range(3):
            client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")

    assert clock.slept == [pytest.approx(15, abs=0.01), pytest.approx(15, abs=0.01)]


def test_the_pace_of_slow_answers(tmp_path: Path) -> None:
    """The pace counts from when arXiv has the request for certain, which is when it begins to answer."""
    clock = Clock()

    def slow(connection: socket.socket) -> None:
        clock.now += 2
        connection.sendall(servers.response(BODY))

    with servers.raw(slow) as server:
        for _ in range(2):
            client(tmp_path, clock=clock, pace=15).get(server.url)

    assert clock.slept == [pytest.approx(15, abs=0.01)]


def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    """A clock that was set back by a year does not make anybody wait for one."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")
        clock.now -= 365 * 86400
        client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")

    assert sum(clock.slept) <= 15


SERVER = "Fri, 20 Nov 2026 01:00:00 GMT"
"""The server's clock, ours is a day ahead of it."""


@pytest.mark.parametrize(
    ("value", "date_header", "expected"),
    [
        ("120", SERVER, 120),
        ("120", None, 120),
        (" 120 ", SERVER, 120),
        ("2.5", SERVER, 2.5),
        ("0", SERVER, 1),
        ("-5", SERVER, 1),
        ("99999999999999999999", SERVER, 6 * 3600),
        ("1e9", SERVER, 6 * 3600),
        ("inf", SERVER, 6 * 3600),
        ("-inf", SERVER, 1),
        ("nan", SERVER, None),
        ("soon", SERVER, None),
        ("", SERVER, None),
        ("120, 240", SERVER, None),
        ("Fri, 20 Nov 2026 01:02:00 GMT", SERVER, 120),
        ("Friday, 20-Nov-26 01:02:00 GMT", SERVER, 120),
        ("Fri Nov 20 01:02:00 2026", SERVER, 120),
        ("Fri, 20 Nov 2026 01:02:00 -0000", SERVER, 120),
        ("Thu, 19 Nov 2026 20:02:00 -0500", SERVER, 120),
        ("Thu, 19 Nov 2026 01:00:00 GMT", SERVER, 1),
        ("Fri, 20 Nov 2099 01:00:00 GMT", SERVER, 6 * 3600),
        ("Sat, 21 Nov 2026 01:02:00 GMT", None, 120),
        ("Sat, 21 Nov 2026 01:02:00 GMT", "nonsense", 120),
        ("Fri, 20 Nov 2026 01:02:00 GMT", None, 1),
        ("Fri, 32 Nov 2026 01:02:00 GMT", SERVER, None),
        ("Fri, 20 Nov 99999999999 01:02:00 GMT", SERVER, None),
        ("Fri, 20 Nov 2026 01:02:00 +99999999999999", SERVER, None),
    ],
)
def test_retry_after(value: str, date_header: str | None, expected: float | None) -> None:
    """Both forms of Retry-After are understood, a date by the server's own clock where it states one, and bounded."""
    headers = {"retry-after": value} | ({} if date_header is None else {"date": date_header})

    assert retry_after(headers, datetime(2026, 11, 21, 1, tzinfo=UTC)) == expected


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_server_whose_clock_is_off(tmp_path: Path, days: int) -> None:
    """A date to wait for is meant by the server's clock: a day off, and the wait is as long as it was meant."""
    clock = Clock()
    server_now = datetime.fromtimestamp(clock.now, UTC) + timedelta(days=days)
    asks = servers.response(
        b"",
        status="503 Busy",
        headers=(
            f"Date: {format_datetime(server_now, usegmt=True)}",
            f"Retry-After: {format_datetime(server_now + timedelta(minutes=5), usegmt=True)}",
        ),
    )
    with servers.raw(servers.sends(asks)) as server:
        with pytest.raises(UnreachableError, match="asks to wait 300 s"):
            client(tmp_path, clock=clock).get(server.url)
        clock.now += 299 - QUICK.patience
        with pytest.raises(UnreachableError, match="asked not to be asked before"):
            client(tmp_path, clock=clock).get(server.url)
        assert server.connections == 1

        server.script = servers.sends(servers.response(BODY))
        clock.now += 1
        assert client(tmp_path, clock=clock).get(server.url).body == BODY
    assert clock.slept == [QUICK.patience]


def test_the_longest_wait(tmp_path: Path) -> None:
    """A wait of a week is taken for one of six hours, and that one is kept to its end."""
    clock = Clock()
    clock.now += 0.75
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (429, b"", {"Retry-After": "604800"})
        for passed in (0, 0, 6 * 3600 - 6):
            clock.now += passed
            with pytest.raises(UnreachableError):
                client(tmp_path, clock=clock).get(arxiv.url + "/")
        assert len(arxiv.asked) == 1

        clock.now += 7
        arxiv.pages["/"] = BODY
        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY


# -- lanes ---------------------------------------------------------------------------------------------------------------


def test_services_share_a_lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """arXiv's APIs have one pace for all of them together, and its pages another one."""
    clock = Clock()
    with servers.arxiv() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.other = lambda _path: BODY
        for host in ("rss", "export", "oaipmh", "export"):
            client(tmp_path, clock=clock, pace=3, lane="apis", loopback=False).get(f"http://{host}.arxiv.org/")
        assert clock.slept == [pytest.approx(3, abs=0.01)] * 3

        pages_client = client(tmp_path, clock=clock, pace=15, lane="pages", loopback=False)
        pages_client.get("http://arxiv.org/list/cs.CV/new")
        assert len(clock.slept) == 3
        pages_client.get("http://www.arxiv.org/list/cs.CV/new")
    assert clock.slept[3:] == [pytest.approx(15, abs=0.01)]


def test_lanes_of_a_replay(tmp_path: Path) -> None:
    """A replay is one host for all services; its lanes are kept apart all the same, and apart from those of another replay."""
    clock = Clock()
    with servers.arxiv() as one, servers.arxiv() as other:
        one.pages["/"] = other.pages["/"] = BODY
        for server in (one, other):
            for pace, lane in ((15, "pages"), (3, "apis")):
                client(tmp_path, clock=clock, pace=pace, lane=lane).get(server.url + "/")
        assert clock.slept == []

        client(tmp_path, clock=clock, pace=3, lane="apis").get(one.url + "/")
        client(tmp_path, clock=clock, pace=15, lane="pages").get(one.url + "/")
    assert clock.slept == [pytest.approx(3, abs=0.01), pytest.approx(12, abs=0.01)]


def test_lanes_share_what_arxiv_asks_for(tmp_path: Path) -> None:
    """A Retry-After is that of a host, in whichever lane it came."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (503, b"", {"Retry-After": "300"})
        for lane in ("pages", "apis"):
            with pytest.raises(UnreachableError):
                client(tmp_path, clock=clock, lane=lane).get(arxiv.url + "/")

        assert len(arxiv.asked) == 1


PACE = 0.2
ASKING = (
    "import sys; from pathlib import Path; from digest.arxiv.client import Client\n"
    "url, folder, pace = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])\n"
    "pages, apis = (Client(pace, folder, loopback=True, lane=lane) for lane in ('pages', 'apis'))\n"
    "for _ in range(3): pages.get(url + '/list'); apis.get(url + '/api')\n"
)


def check_politeness(server: servers.Politeness, visits: int) -> None:
    """Assert that so many visits came one by one, and those of each lane at its pace."""
    assert len(server.visits) == visits
    assert server.overlaps() == []
    for path in ("/list", "/api"):
        assert len(server.gaps(path)) == visits // 2 - 1
        assert min(server.gaps(path)) >= PACE


@pytest.mark.slow
def test_two_programs_are_polite(tmp_path: Path) -> None:
    """Two programs that start together never ask at once, and keep the pace of each lane between them."""
    with servers.politeness() as server:
        command = [sys.executable, "-c", ASKING, server.url, str(tmp_path), str(PACE)]
        programs = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        assert [program.wait(60) for program in programs] == [0, 0]

        check_politeness(server, 12)


def test_threads_are_polite(tmp_path: Path) -> None:
    """So do the threads of one program, whether they share a client or not."""
    with servers.politeness() as server:
        shared_client = Client(PACE, tmp_path, loopback=True, lane="pages")

        def ask() -> None:
            for _ in range(2):
                shared_client.get(server.url + "/list")
                Client(PACE, tmp_path, loopback=True, lane="apis").get(server.url + "/api")

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        check_politeness(server, 12)


def test_the_record_sees_who_is_not_polite() -> None:
    """What the tests above look at does show requests that overlap, and such as come too early."""
    with servers.politeness(takes=0.2) as server:
        threads = [threading.Thread(target=lambda: urllib.request.urlopen(server.url + "/list").close()) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(server.overlaps()) == 1
        assert server.gaps("/list")[0] < PACE


# -- a backfill ----------------------------------------------------------------------------------------------------------

LANES = {"pages": ("/list", "/catchup"), "apis": ("/rss", "/oai", "/api")}


def fortnight(path: str) -> bytes | servers.Answer:
    """Answer as arXiv does over two invented weeks, all of its services."""
    found = re.search(r"2026-11-\d\d", path)
    if path.startswith("/rss"):
        return rss.rss(weeks.fakes(weeks.LAST), weeks.LAST)
    if path.startswith("/api"):
        known = [(day, fake) for day in weeks.ANNOUNCED for fake in weeks.fakes(day)]
        at = [f"{day - timedelta(days=1)}T12:00:00Z" for day, _ in known]
        rows = [feeds.Row(fake.id, fake.title, submitted=when, updated=when) for (_, fake), when in zip(known, at, strict=True)]
        return feeds.Api(rows).answer(path)
    day = date.fromisoformat(found[0]) if found else weeks.LAST
    papers = weeks.fakes(day) if day in weeks.ANNOUNCED else []
    if path.startswith("/oai"):
        versions = [("v1", f"{day - timedelta(days=1):%a, %d %b %Y} 12:00:00 GMT", "D")]
        records = [oaipmh.Row(fake.id, fake.title, datestamp=str(day), versions=versions) for fake in papers]
        return oaipmh.answer(records) if records else oaipmh.NONE
    if path.startswith(("/list/cs.CV/new", "/catchup")):
        return weeks.page(day, papers)
    return 404, b"nothing", {}


def begun(folder: Path, url: str, *, last: date = weeks.LAST, opinions: bool = True) -> subprocess.Popen[str]:
    """Begin a backfill up to *last* in a process of its own."""
    own = [
        "--from",
        str(weeks.FIRST),
        "--to",
        str(last),
        "--out",
        str(folder / "out"),
        "--data",
        str(folder / "data"),
        "--now",
        weeks.NOW,
        "--arxiv-url",
        url,
        "--pace",
        str(PACE),
    ]
    environment = clean_environment(folder / "config", CVDIGEST_SECOND_OPINION="yes" if opinions else "no")
    command = [sys.executable, "-m", "digest", "backfill", *own]
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(program: subprocess.Popen[str]) -> tuple[int, str]:
    """Return with which status a program ended, and what it said."""
    out, err = program.communicate(timeout=60)
    return program.returncode, out + err


def check_lanes(server: servers.Politeness) -> None:
    """Assert that no two requests met, and that those of each lane kept its pace."""
    assert server.overlaps() == []
    for paths in LANES.values():
        gaps = server.gaps(paths)
        assert gaps
        assert min(gaps) >= PACE


@pytest.mark.slow
def test_a_backfill_is_polite(tmp_path: Path) -> None:
    """Over a fortnight of all services, no two requests meet, and each lane keeps its pace; each page is asked for once."""
    with servers.politeness(fortnight) as server:
        status, said = ended(begun(tmp_path, server.url))
        assert status == 0, said
        check_lanes(server)
        asked = [visit.path for visit in server.visits]
        pages_asked = [path for path in asked if path.startswith(LANES["pages"])]
        assert sorted(pages_asked) == sorted(weeks.address(day) for day in (*weeks.ANNOUNCED, *weeks.WITHOUT))
        assert all(any(path.startswith(start) for path in asked) for start in LANES["apis"])
        assert len(asked) == len(set(asked))


@pytest.mark.slow
def test_two_backfills_are_polite(tmp_path: Path) -> None:
    """Two that start together keep the same pace between them."""
    with servers.politeness(fortnight) as server:
        programs = [begun(tmp_path, server.url, opinions=False) for _ in range(2)]
        assert [ended(program)[0] for program in programs] == [0, 0]
        assert server.overlaps() == []
        assert min(server.gaps(LANES["pages"])) >= PACE


THIRD = weeks.address(weeks.ANNOUNCED[2])


@dataclass
class Once:
    """Answers the third date otherwise, as often as there are other answers, and all else as arXiv does."""

    others: list[Callable[[], servers.Answer]]

    def __call__(self, path: str) -> bytes | servers.Answer:
        """Answer."""
        return self.others.pop(0)() if path == THIRD and self.others else fortnight(path)


@pytest.mark.slow
def test_a_backfill_waits_as_it_is_told(tmp_path: Path) -> None:
    """A Retry-After in its middle, in seconds and then as a date, is obeyed; each of the dates is made."""

    def until() -> servers.Answer:
        now = datetime.now(UTC).replace(microsecond=0)
        dates = {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(now + timedelta(seconds=2), usegmt=True)}
        return 429, b"slowly", dates

    answer = Once([lambda: (503, b"busy", {"Retry-After": "1"}), until])
    with servers.politeness(answer) as server:
        status, said = ended(begun(tmp_path, server.url, last=weeks.ANNOUNCED[4], opinions=False))
        assert status == 0, said
        third = [number for number, visit in enumerate(server.visits) if visit.path == THIRD]
        visits = server.visits
        assert third == [2, 3, 4]
        assert visits[3].start - visits[2].start >= 1
        assert visits[4].start - visits[3].start >= 2
        assert server.overlaps() == []
        assert min(server.gaps(LANES["pages"])) >= PACE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "said", "file"),
    [
        ((503, b"busy", {"Retry-After": "3600"}), "asked not to be asked before", "not-before-"),
        ((403, b"no", {}), "refused us with 403", "forbidden-"),
    ],
    ids=["an hour", "refused"],
)
def test_a_backfill_that_is_sent_away(tmp_path: Path, other: servers.Answer, said: str, file: str) -> None:
    """A wait of an hour, or a refusal, ends it with 69; it is remembered, and the next start asks nothing of any service."""
    with servers.politeness(Once([lambda: other])) as server:
        status, first = ended(begun(tmp_path, server.url))
        asked = len(server.visits)
        assert status == 69, first
        assert [visit.path for visit in server.visits if visit.path.startswith(LANES["pages"])][-1] == THIRD
        assert server.visits[-1].path == THIRD
        notes = list((tmp_path / "data").glob(f"{file}*"))
        assert len(notes) == 1

        status, second = ended(begun(tmp_path, server.url))
        assert (status, len(server.visits)) == (69, asked), second
        assert said in second
        assert file == "not-before-" or str(notes[0]) in second


def test_a_redirect_costs_a_turn(tmp_path: Path) -> None:
    """Where a redirect leads is asked for when the pace allows it, like anything else."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/old"] = (301, b"", {"Location": "/new"})
        arxiv.pages["/new"] = BODY
        answer = client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/old")

    assert (answer.url, answer.body) == (arxiv.url + "/old", BODY)
    assert clock.slept == [pytest.approx(15, abs=0.01)]


# -- all tries together --------------------------------------------------------------------------------------------------


def test_our_own_waits_count(tmp_path: Path) -> None:
    """Neither do quick errors: our waits count towards the time of a page, the pace among them; those that arXiv asks for do not."""
    limits = Limits(connect=2, read=1, total=3, tries=99, back_off=8, patience=9999, all_tries=57)
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (503, b"", {})
        with pytest.raises(UnreachableError, match="answered 503"):
            client(tmp_path, clock=clock, limits=limits, pace=10).get(arxiv.url + "/")
        # 32 s more would be 58 in all.
        assert clock.slept == [8, pytest.approx(2, abs=0.01), 16]

        clock.slept.clear()
        clock.now += 100
        answers: list[servers.Answer] = [(503, b"", {"Retry-After": "55"})] * 3 + [(200, BODY, {})]
        arxiv.pages["/"] = lambda: answers.pop(0)
        assert client(tmp_path, clock=clock, limits=limits, pace=10).get(arxiv.url + "/").body == BODY
    assert clock.slept == [55, 55, 55]
