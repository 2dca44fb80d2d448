"""The forms by which people subscribe, and whoever abuses them (fault 72): nothing is changed by a look, and nobody learns anything."""

import re
import socket
import sqlite3
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from threading import Thread
from time import perf_counter, sleep
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from digest import resources
from digest.cli import main
from digest.core.site import SUBSCRIBE
from digest.core.subscription import Choice, Frequency, Purpose, Standing, names_of
from digest.core.tokens import ticket as make_ticket
from digest.core.tokens import token
from digest.render.forms import FormPages
from digest.render.html import Pages
from digest.store.database import Database, in_memory
from digest.store.schema import asked, deliveries, metadata, strangers, subscribers, tokens
from digest.subscriptions import MOST_A_CLIENT, MOST_OF_ALL, RESERVED
from digest.web.application import application
from digest.web.server import listen
from digest.web.subscribing import STEP
from tests import invented_site as invented
from tests.forms import CHOSEN, KEY, NOW, URLENCODED, Served, frame

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ADDRESS = "ada@example.org"
HOSTILE = "\"'><script>alert(1)</script><b>{{ 7*7 }}</b>&amp;\u202e\u2028\x00"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Fill a database, for all tests."""
    database = in_memory()
    invented.filled(database)
    yield database
    database.close()


@pytest.fixture
def served(database: Database) -> Served:
    """Serve it, with nobody in it."""
    with database.write() as connection:
        for table in (tokens, deliveries, subscribers, strangers, asked):
            connection.execute(sa.delete(table))
    return Served(database)


def everything(served: Served) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the database."""
    with served.database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr) for table in metadata.sorted_tables
        }


def links(served: Served, address: str = ADDRESS) -> dict[Purpose, str]:
    """Return the paths of the links in letters to an address."""
    return {purpose: served.path(purpose, address) for purpose in Purpose}


def confirmed(served: Served, address: str = ADDRESS) -> dict[Purpose, str]:
    """Subscribe and confirm; return the links in letters."""
    served.ask(address)
    served.post(served.path(Purpose.CONFIRM, address), {})
    assert served.person(address).standing is Standing.CONFIRMED
    return links(served, address)


def _attribute(page: LexborHTMLParser, selector: str, name: str) -> str:
    (node,) = page.css(selector)
    return str(node.attributes[name])


# -- a person's way ------------------------------------------------------------------------------------------------------


def test_from_the_form_to_the_end(served: Served) -> None:
    """Somebody subscribes, confirms, chooses otherwise, unsubscribes and subscribes again, by forms alone."""
    assert "Look into your mail" in served.ask(ADDRESS).text
    confirm = served.path(Purpose.CONFIRM, ADDRESS)
    page = served.get(confirm).text
    assert "Video" in page
    assert "at 07:00 or up to 12 hours later (Europe/Berlin)" in page
    done = served.post(confirm, {}).text
    assert "You are subscribed" in done
    again = served.get(confirm).text
    assert "You have confirmed already" in again
    assert "/manage/" not in again
    manage = served.path(Purpose.MANAGE, ADDRESS)
    assert f'href="..{manage}"' in done
    assert served.person(ADDRESS).choice.shelves == ("3d/view-synthesis", "video")

    form = LexborHTMLParser(served.get(manage).text)
    assert {node.attributes["value"] for node in form.css("input[name=shelf][checked]")} == {"3d/view-synthesis", "video"}
    saved = served.post(manage, {**CHOSEN, "frequency": ["weekly"], "shelf": [], "do": ["change"]})
    assert 'role="status">Your choice is kept' in saved.text
    assert served.person(ADDRESS).choice.frequency is Frequency.WEEKLY
    unsubscribe = served.path(Purpose.UNSUBSCRIBE, ADDRESS)
    asking = served.get(unsubscribe).text
    assert "Shall no more letters go to" in asking
    assert "/manage/" not in asking
    ended = served.post(unsubscribe, {"List-Unsubscribe": ["One-Click"]})
    assert "You are unsubscribed" in ended.text
    assert "You are unsubscribed" in served.get(unsubscribe).text
    assert "/manage/" not in ended.text + served.get(unsubscribe).text
    assert served.person(ADDRESS).standing is Standing.ENDED
    assert "a letter asks you to confirm" in served.get(manage).text
    assert "within a day" in served.post(manage, {"do": ["ask"]}).text
    served.now += timedelta(days=2)
    assert "A letter is on its way" in served.post(manage, {"do": ["ask"]}).text
    assert served.person(ADDRESS).standing is Standing.ENDED
    assert "You are subscribed" in served.post(served.path(Purpose.CONFIRM, ADDRESS), {}).text
    assert served.person(ADDRESS).choice.frequency is Frequency.WEEKLY
    served.get(manage, 410)
    manage = served.path(Purpose.MANAGE, ADDRESS)
    assert "sent to you already" in served.post(manage, {"do": ["ask"]}).text
    assert "You are unsubscribed." in served.post(manage, {"do": ["end"]}).text
    assert served.person(ADDRESS).standing is Standing.ENDED


MULTIPART, CLICK = "multipart/form-data", "List-Unsubscribe=One-Click"
PART = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"{}\r\n\r\nOne-Click\r\n--x--\r\n'


@pytest.mark.parametrize("body", [
    (URLENCODED, CLICK),
    (f"{MULTIPART}; boundary=x", PART.format("")), (f"{MULTIPART}; boundary=x", PART.format('; filename="x"')),
    (URLENCODED, f"{CLICK}\r\n"), (URLENCODED, CLICK.lower()), (URLENCODED, CLICK.replace("-", "%2d")), (URLENCODED, f"{CLICK}&{CLICK}"),
    (None, CLICK), ("text/plain", CLICK), (MULTIPART, CLICK),
])  # fmt: skip
def test_one_click(served: Served, body: tuple[str | None, str]) -> None:
    """A mail program unsubscribes by one POST, from anywhere, without a cookie, and is led nowhere (RFC 8058); also twice.

    However it writes the body: only the token says who is meant. The answer leads to no page where more than that can be done.
    """
    path = confirmed(served)[Purpose.UNSUBSCRIBE]
    for _ in range(2):
        found = served.client.post(
            path, data=body[1], content_type=body[0], headers={"Origin": "https://mail.example.com", "Sec-Fetch-Site": "cross-site"}
        )  # fmt: skip
        assert found.status_code == 200
        assert {"Set-Cookie", "Location"}.isdisjoint(found.headers.keys())
        assert served.person(ADDRESS).standing is Standing.ENDED
        assert "/manage/" not in found.text


def test_what_is_sent_after_an_end(served: Served) -> None:
    """A page that was open before somebody unsubscribed elsewhere says that no letters are sent, and does not say that it kept anything."""
    paths = confirmed(served)
    served.post(paths[Purpose.UNSUBSCRIBE], {"List-Unsubscribe": ["One-Click"]})
    before = everything(served)

    page = served.post(paths[Purpose.MANAGE], {**CHOSEN, "do": ["change"]}).text
    assert "No letters are sent to you" in page
    assert "is kept" not in page
    assert everything(served) == before


# -- fault 72: what strangers do -----------------------------------------------------------------------------------------


def test_72_scanners_change_nothing(served: Served) -> None:
    """Whoever opens all links, with GET, HEAD or OPTIONS, changes nothing at all in the database."""
    served.ask(ADDRESS)
    first = links(served)
    confirmed(served, "b@example.org")
    before = everything(served)
    for path in ("/subscribe", *first.values(), *links(served, "b@example.org").values(), "/confirm/x", f"/manage/{'a' * 32}"):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            found = served.client.open(f"{path}?List-Unsubscribe=One-Click", method=method, data="List-Unsubscribe=One-Click")
            assert found.status_code < 500
            assert found.status_code == 405 or method in ("GET", "HEAD")
            assert found.status_code != 405 or found.headers["Allow"] == "GET, HEAD, POST"

    assert everything(served) == before


def test_72_enumeration(served: Served) -> None:
    """Known, waiting, ended, erased or unknown: byte for byte the same answer, and after the same time."""
    confirmed(served, "known0@example.org")
    served.ask("waiting0@example.org")
    served.client.post(
        confirmed(served, "ended0@example.org")[Purpose.UNSUBSCRIBE], data="List-Unsubscribe=One-Click", content_type=URLENCODED
    )
    served.subscriptions.erase("erased0@example.org", NOW)
    ticket = served.ticket("/subscribe")
    answers = set()
    del served.pauses[:]
    for number in range(50):
        for who in ("known", "unknown", *(("waiting", "ended", "erased") if number < 2 else ())):
            found = served.quick(f"{who}{0 if number % 2 else number}@example.org", ticket, f"192.0.2.{number}")
            answers.add((found.status, found.data, tuple(found.headers)))

    assert len(answers) == 1
    assert len(served.pauses) == 106
    assert all(0 <= pause <= STEP for pause in served.pauses)


def above(some: Sequence[float], others: Sequence[float]) -> float:
    """Return how often one of *some* is more than one of *others*: a half if nothing tells them apart (the area under the ROC curve)."""
    ranked = sorted([(value, 0) for value in others] + [(value, 1) for value in some])
    ranks = sum(rank for rank, (_, own) in enumerate(ranked, 1) if own)
    return (ranks - len(some) * (len(some) + 1) / 2) / (len(some) * len(others))


@pytest.mark.slow
def test_72_enumeration_by_the_clock(file: Database) -> None:
    """Of 2,000 known and 2,000 unknown addresses nobody can tell by the time of the answer which is which.

    They are asked for in a random order, four at once, so that whatever else the machine does meets both alike. Compared is how
    often one takes longer than the other: a half if both are the same, with a standard deviation of 0.009; and the medians, whose
    difference has one of 0.03 of the spread (the interquartile range). So both bounds are five deviations, whatever the machine,
    while half the spread would be seen.
    """
    served = Served(file, pause=sleep)
    for number in range(200):
        served.subscriptions.ask(f"known{number}@example.org", Choice(), NOW)
    asking = [("known", number % 200) for number in range(2000)] + [("unknown", number) for number in range(2000)]
    Random(7).shuffle(asking)  # noqa: S311 - no secret
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    bodies: set[object] = set()

    def ask(turn: int, who: str, number: int) -> None:
        begun = perf_counter()
        found = served.quick(f"{who}{number}@example.org", ticket, f"2001:db8:{turn:x}::1")
        took[who].append(perf_counter() - begun)
        bodies.add((found.status, found.data, tuple(found.headers)))

    for hour in range(5):
        served.now = NOW + timedelta(days=1, hours=hour)
        ticket = make_ticket(KEY, "subscribe", served.now)
        with ThreadPoolExecutor(4) as threads:  # most of the time they wait
            turns = range(800 * hour, 800 * hour + 800)
            deque(threads.map(ask, turns, *zip(*asking[turns.start : turns.stop], strict=True)), 0)

    assert len(bodies) == 1
    assert abs(above(took["known"], took["unknown"]) - 0.5) < 0.05
    first, _, third = quantiles([*took["known"], *took["unknown"]], n=4)
    assert abs(median(took["known"]) - median(took["unknown"])) < 0.15 * (third - first)
    assert above([value + (third - first) / 2 for value in took["known"]], took["unknown"]) > 0.55


@pytest.mark.slow
def test_72_a_hundred_thousand_sign_ups(file: Database) -> None:
    """A flood is refused, at first glance and without a write; what it leaves behind is bounded, and gone after some days."""
    served = Served(file)
    taken, often = 0, MOST_OF_ALL - RESERVED
    for number in range(97_000):
        now = NOW + number // 20_000 * timedelta(hours=1)
        taken += served.subscriptions.ask(f"flood{number}@example.org", Choice(), now, f"2001:db8:{number % 900:x}::1")
    statuses = Counter[int]()
    served.now = NOW + timedelta(hours=10)
    ticket = served.ticket("/subscribe")
    for number in range(3_000):
        statuses[served.quick(f"more{number}@example.org", ticket, f"198.51.{number % 100}.7").status_code] += 1

    # Of the first hour those too that are kept for the 900 networks that had not asked.
    assert taken == 900 + 4 * often
    assert statuses == {200: often, 429: 3_000 - often}
    assert {name: len(rows) for name, rows in everything(served).items() if name in ("subscribers", "deliveries")} == {
        "subscribers": 900 + 5 * often, "deliveries": 900 + 5 * often,
    }  # fmt: skip
    assert len(everything(served)["asked"]) <= 13 * MOST_OF_ALL
    assert served.log.errors == []
    served.subscriptions.ask(ADDRESS, Choice(), NOW + timedelta(days=5))
    after = everything(served)
    assert {name: len(after[name]) for name in ("subscribers", "deliveries", "tokens", "asked")} == {
        "subscribers": 1, "deliveries": 1, "tokens": 3, "asked": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_72_one_victim_ten_thousand_times(file: Database) -> None:
    """Over two days, from anywhere: two letters, one a day, of which the second takes the first one's place where that waits still."""
    served = Served(file)
    for number in range(10_000):
        hours = number // 500  # so that not all together are refused: 24 hours, and a few of the next day
        now = NOW.replace(hour=0, minute=0) + hours * timedelta(hours=1.5)
        assert served.subscriptions.ask("victim@example.org", Choice(), now)

    rows = everything(served)
    assert [row[2] for row in rows["deliveries"]] == [f"confirm/1/2026-11-{day}" for day in (20, 21)]
    assert (len(rows["subscribers"]), len(rows["tokens"])) == (1, 4)


def test_72_pages_of_people_are_kept_nowhere(served: Served) -> None:
    """No page is stored, found by a search engine, shown in a frame, or told to the next site."""
    for path in ("/subscribe", *confirmed(served).values(), "/confirm/x"):
        found = served.client.get(path)
        assert (found.headers["Cache-Control"], found.headers["X-Robots-Tag"]) == ("no-store", "noindex")
        assert found.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in found.headers["Content-Security-Policy"]
        assert {"ETag", "Set-Cookie"}.isdisjoint(found.headers.keys())


def test_72_tokens_swapped_and_used(served: Served) -> None:
    """A token elsewhere, used, over, or malformed: always the same page, and nothing is changed."""
    served.ask(ADDRESS)
    used = served.path(Purpose.CONFIRM, ADDRESS)
    ticket = served.ticket(used)
    served.post(used, {})
    own = links(served)
    secrets = {purpose: path.rpartition("/")[2] for purpose, path in own.items()}
    served.ask("late@example.org")
    late = served.path(Purpose.CONFIRM, "late@example.org")
    before = everything(served)
    pages = set()
    swapped = [f"/{purpose.value}/{secret}" for purpose in Purpose for own_purpose, secret in secrets.items() if own_purpose != purpose]
    served.now += timedelta(hours=73)
    for path in (used, late, *swapped, f"/manage/{'a' * 32}", f"/unsubscribe/{secrets[Purpose.UNSUBSCRIBE][::-1]}"):
        page = served.get(path, 410)
        sent = served.client.post(
            path, data=f"form={ticket}&do=end&List-Unsubscribe=One-Click", content_type=URLENCODED
        )  # fmt: skip
        assert sent.status_code == 410
        pages |= {page.data, sent.data}
    for path in ("/confirm/x", "/manage/%00", "/unsubscribe/%F0%9F%98%80", f"/confirm/{'a' * 5000}", f"/manage/{'a' * 31}%0A"):
        pages.add(served.get(path, 404).data)

    assert len(pages) == 1
    assert everything(served) == before


def test_72_one_victim(served: Served) -> None:
    """Whoever asks however often for somebody, they get one letter a day, and whoever asks learns nothing of it."""
    answers = {served.ask("victim@example.org" if number % 2 else "VICTIM@Example.org").data for number in range(22)}

    assert len(answers) == 1
    assert [row[2] for row in everything(served)["deliveries"]] == [f"confirm/{served.person('victim@example.org').key}/2026-11-20"]


def test_72_too_many(served: Served) -> None:
    """A client that asks too much, and all together, are told to wait, whatever the address, and nothing is written any more."""
    served.ask(ADDRESS)
    for count, bucket in ((MOST_A_CLIENT, asked.c.bucket != "all"), (MOST_OF_ALL, asked.c.bucket == "all")):
        with served.database.write() as connection:
            connection.execute(sa.update(asked).values(count=1))
            connection.execute(sa.update(asked).where(bucket).values(count=count))
        before = everything(served)
        refused = [served.ask(address, 429) for address in (ADDRESS, "new@example.org")]
        assert len({one.data for one in refused}) == 1
        assert refused[0].headers["Retry-After"] == "3600"
        assert everything(served) == before


NO_CLICKS = [
    (URLENCODED, b""), (URLENCODED, b"List-Unsubscribe=no"), (URLENCODED, b"List-Unsubscribe=One-Clicks"),
    (MULTIPART, b"x"), ("multipart/form-data; boundary=x", b"--x"),
    (URLENCODED, b"a=%ff"), (URLENCODED, b"\xff"),
]  # fmt: skip


def test_what_is_no_click(served: Served) -> None:
    """Whatever else is sent there changes nothing."""
    path = confirmed(served)[Purpose.UNSUBSCRIBE]
    for kind, body in NO_CLICKS:
        assert served.client.post(path, data=body, content_type=kind).status_code == 400, body

    assert served.person(ADDRESS).standing is Standing.CONFIRMED


ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://wicked.example"},
    {"Origin": "http://digest.example.org"}, {"Origin": "https://digest.example.org.wicked.example"},
    {"Origin": "https://digest.example.org", "Sec-Fetch-Site": "cross-site"},
]  # fmt: skip


def test_72_forms_from_elsewhere(served: Served) -> None:
    """What a browser says is sent from another site is refused, although the ticket is right."""
    served.ask(ADDRESS)
    paths = ["/subscribe", served.path(Purpose.CONFIRM, ADDRESS), confirmed(served, "b@example.org")[Purpose.MANAGE]]
    before = everything(served)
    for headers in ELSEWHERE:
        for path in paths:
            found = served.post(path, {"address": ["c@example.org"], **CHOSEN, "do": ["end"]}, 403, headers)
            assert "another site" in found.text

    assert everything(served) == before


def test_what_browsers_send_from_our_own_pages(served: Served) -> None:
    """Pages that send no referrer have the origin "null", and old browsers say nothing else."""
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "null"}, {"Origin": "https://digest.example.org"}):
        assert "Look into your mail" in served.post("/subscribe", {"address": [ADDRESS], **CHOSEN}, 200, headers).text


def test_72_forms_without_a_ticket(served: Served) -> None:
    """A form that was open for hours, or is none of ours, is shown once more as it was filled in; the next try goes well."""
    old = served.ticket("/subscribe")
    served.ask(ADDRESS)
    other = served.ticket(served.path(Purpose.CONFIRM, ADDRESS))
    assert old
    assert other
    served.now += timedelta(hours=2, seconds=1)
    before = everything(served)
    for ticket in ("", "x", old, other, "1764000000." + "a" * 32):
        page = served.post("/subscribe", {"address": ["b@example.org"], **CHOSEN, "form": [ticket]}, 400)
        assert "open for too long" in page.text
    assert everything(served) == before
    shown = LexborHTMLParser(page.text)
    assert _attribute(shown, "#address", "value") == "b@example.org"
    assert len(shown.css("input[name=shelf][checked]")) == 2
    again = _attribute(shown, "input[name=form]", "value")
    served.post("/subscribe", {"address": ["b@example.org"], **CHOSEN, "form": [again]})
    assert served.person("b@example.org").standing is Standing.PENDING


POISON = [
    {"Host": "wicked.example"}, {"X-Forwarded-Host": "wicked.example"}, {"Forwarded": "host=wicked.example"},
    {"X-Forwarded-Proto": "wicked", "X-Original-URL": "/wicked.example"},
]  # fmt: skip


def test_72_host_header_poisoning(served: Served) -> None:
    """What a client says the host is called stands on no page, and leads nowhere."""
    paths = ("/subscribe", *confirmed(served).values(), "/confirm/x")
    for headers in POISON:
        for path in paths:
            found = served.client.get(path, headers=headers)
            assert "wicked" not in found.text + str(found.headers)
            targets = re.findall(r'(?:href|action|src)="([^"]*)"', found.text)
            assert targets
            assert not [one for one in targets if "//" in one and not one.startswith(("https://arxiv.org/", "data:"))]


BODIES = [
    (b"address=%ff", 400), (b"address=\xff", 400), (b"&".join(b"a=%d" % one for one in range(500)), 400), (b"x" * 65_537, 413),
    (b"", 400), (b"\x00" * 100, 400), (b"%", 400), (b"=&=&;", 400),
]  # fmt: skip


def test_72_bodies_that_are_no_form(served: Served) -> None:
    """Too large, no text, or too many fields: refused, without a word about the inside."""
    paths = [path for path in ("/subscribe", *confirmed(served).values()) if not path.startswith("/confirm")]
    before = everything(served)
    for body, status in BODIES:
        for path in paths:
            assert served.client.post(path, data=body, content_type=URLENCODED).status_code == status, body[:20]
        assert served.client.post("/subscribe", data=body, content_type="application/json").status_code in (413, 415)

    assert everything(served) == before
    assert served.log.errors == []


def test_72_hostile_text_is_text(served: Served) -> None:
    """What is typed stands on the page as it was typed, and does nothing there."""
    words = {name: [f"{HOSTILE}x"] for name in ("include", "exclude", "authors")}
    others = ("shelf", "kind", "frequency", "most", "language", "zone", "hour")
    pages = [served.post("/subscribe", {"address": [ADDRESS], **CHOSEN, name: [f"{HOSTILE}x"]}, 400) for name in others]
    pages += [
        served.ask(HOSTILE, 400),
        served.post("/subscribe", {"address": [ADDRESS], **CHOSEN, **words}),
        served.get(served.path(Purpose.CONFIRM, ADDRESS)),
    ]
    pages += [served.post(served.path(Purpose.CONFIRM, ADDRESS), {}), served.get(served.path(Purpose.MANAGE, ADDRESS))]
    assert "script>alert" not in pages[-3].text  # somebody else may have typed it, of whose words the page only says how many there are
    shown = LexborHTMLParser(pages[-1].text)
    for name in words:
        (node,) = shown.css(f"#{name}")
        assert "<script>alert(1)</script>" in node.text()
    for page in pages:
        assert "<script>alert" not in page.text
        assert not re.search(r"\b49\b", page.text)
        assert {node.attributes.get("src") for node in LexborHTMLParser(page.text).css("script")} <= {
            "assets/theme.js", "assets/site.js", "../assets/theme.js", "../assets/site.js",
        }  # fmt: skip


def test_only_what_digests_hold_is_offered(served: Served) -> None:
    """A kind that no digest holds cannot be chosen, but whoever chose it before keeps it."""
    served.ask(ADDRESS, kind=["new", "replaced"])
    served.post(served.path(Purpose.CONFIRM, ADDRESS), {})
    manage = served.path(Purpose.MANAGE, ADDRESS)
    fewer = Served(served.database, kinds=("new", "cross"))
    ticks = re.compile(r'name="kind" value="(\w+)"( checked)?')

    assert ticks.findall(fewer.get("/subscribe").text) == [("new", " checked"), ("cross", "")]
    assert "Kinds are new, cross;" in fewer.ask("other@example.org", 400, kind=["new", "replaced"]).text
    assert ticks.findall(fewer.get(manage).text) == [("new", " checked"), ("cross", ""), ("replaced", " checked")]
    fewer.post(manage, {**CHOSEN, "do": ["change"], "kind": ["cross", "replaced"]})
    assert names_of(served.person(ADDRESS).choice.kinds) == ("cross", "replaced")
    fewer.post(manage, {**CHOSEN, "do": ["change"], "kind": ["cross"]})
    assert "Kinds are new, cross;" in fewer.post(manage, {**CHOSEN, "do": ["change"], "kind": ["replaced"]}, 400).text
    crosses = Served(served.database, kinds=("cross",))
    assert ticks.findall(crosses.get("/subscribe").text) == [("cross", " checked")]


def test_one_paper_is_no_papers(served: Served) -> None:
    """A choice is told in words that fit its number."""
    served.ask(ADDRESS, most=["1"])

    assert "1 paper in a letter" in served.get(served.path(Purpose.CONFIRM, ADDRESS)).text


def test_what_is_no_address(served: Served) -> None:
    """The form is shown again, and says what is wrong."""
    for address in ("x", "a@localhost", "a@example.org, b@example.org", "a@example.org\nBcc: b@example.org", "a" * 400, ""):
        assert 'role="alert"' in served.ask(address, 400).text

    assert everything(served)["asked"] == []


def test_secrets_are_in_no_log(served: Served) -> None:
    """Who reads along learns no address and no token."""
    paths = confirmed(served)
    for path in paths.values():
        served.client.get(path)
        served.client.post(f"/{path[1:].partition('/')[0].upper()}/{path.rpartition('/')[2]}")
    told = repr(served.log.requests)

    assert "ada" not in told
    assert not [path for path in paths.values() if path.rpartition("/")[2] in told]
    assert {"/subscribe", "/confirm/...", "/manage/...", "/unsubscribe/..."} == {one.path.lower() for one in served.log.requests}


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, 10])
def test_who_writes_holds_no_reader_up(template: Path, tmp_path: Path, seconds: float) -> None:
    """While another program holds the database, pages, health and the search are answered; who unsubscribes meanwhile waits, and has."""
    told, tells = socket.socketpair()
    names = [f"r{number}@example.org" for number in range(8)]  # more than there are threads
    with closing(invented.copied(template, tmp_path)) as database, told, tells, ThreadPoolExecutor(len(names) + 1) as pool:
        invented.filled(database)
        held = Served(database)
        ends = [confirmed(held, name)[Purpose.UNSUBSCRIBE] for name in names]
        with closing(listen(held.application, "127.0.0.1", 0, 2, print)) as server:
            running = pool.submit(server.run, told)

            def ask(path: str, body: bytes | None = None) -> int:
                """Open a page, or send a form."""
                request = Request(f"{server.address}{path[1:]}", body, {"Content-Type": URLENCODED})
                with urlopen(request, timeout=60) as answer:
                    return int(answer.status)

            with closing(sqlite3.connect(tmp_path / "cvdigest.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                begun = perf_counter()
                waiting = [pool.submit(ask, path, b"List-Unsubscribe=One-Click") for path in ends]
                while perf_counter() - begun < seconds:
                    asked = perf_counter()
                    assert {ask(path) for path in ("/", "/healthz", "/search?q=splatting", "/subscribe")} == {200}
                    assert perf_counter() - asked < 2
                    assert not wait(waiting, 0.2, FIRST_COMPLETED).done
                other.execute("COMMIT")
            assert [one.result() for one in waiting] == [200] * len(names)
            tells.send(b".")
            assert running.result() == 0
        assert {held.person(name).standing for name in names} == {Standing.ENDED}


def test_without_forms_nothing_is_written(database: Database) -> None:
    """Where nobody can subscribe, there is nothing at these addresses, and no other method is answered."""
    plain = invented_served(database)
    for path in ("/subscribe", f"/unsubscribe/{'a' * 32}"):
        assert plain.get(path).status_code == 404
        refused = plain.post(path, data="List-Unsubscribe=One-Click", content_type=URLENCODED)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


def invented_served(database: Database) -> FlaskClient:
    """Serve without forms."""
    return application(invented.holdings(database), b"{}", lambda _one: None, lambda _line: None).test_client()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("a@example.com\r\nBcc: b@example.com", "&#39;a@example.com Bcc: b@example.com&#39; is no mail address"),
        ("a'b\\c d@", "&#39;a&#39;b\\c d@&#39; is no mail address"),
        (" ", "Type an address."),
    ],
)
def test_what_was_typed_is_told_as_people_write(served: Served, typed: str, said: str) -> None:
    """Nobody has to know how a programming language would write it."""
    assert said in served.ask(typed, 400).text


def test_a_zone_is_read_as_people_write_it(served: Served) -> None:
    """In small letters too."""
    served.ask(ADDRESS, zone=["europe/berlin "])

    confirm = served.path(Purpose.CONFIRM, ADDRESS)
    assert "at 07:00 or up to 12 hours later (Europe/Berlin)" in served.get(confirm).text


@pytest.mark.parametrize("folder", ["confirm", "manage", "unsubscribe"])
def test_a_link_that_is_cut(served: Served, folder: str) -> None:
    """Its page says so, whatever is left of it."""
    for rest in ("", "abc"):
        assert "This link is good no more" in served.get(f"/{folder}/{rest}", 404).text


def test_what_was_chosen_is_lost(served: Served) -> None:
    """Whoever opens the page is told, and chooses anew; who wants no letters at all can end them."""
    paths = confirmed(served)
    with served.database.write() as connection:
        connection.execute(sa.text("UPDATE subscribers SET choice = '{'"))
    assert "is lost" in served.get(paths[Purpose.MANAGE]).text
    assert "no more letters" in served.get(paths[Purpose.UNSUBSCRIBE]).text
    saved = served.post(paths[Purpose.MANAGE], {**CHOSEN, "do": ["change"]}).text

    assert ("is kept" in saved, "is lost" in saved) == (True, False)
    assert served.person(ADDRESS).choice.zone == "Europe/Berlin"


def test_what_is_pending_elsewhere(served: Served) -> None:
    """Somebody who did not confirm can say no by the page that manages, and gets no letters by it."""
    served.ask(ADDRESS)
    person = served.person(ADDRESS)
    manage = f"/manage/{token(KEY, Purpose.MANAGE, person.key, person.nonce)}"
    assert "nobody has confirmed" in served.get(manage).text
    assert "No letters are sent to you" in served.post(manage, {"do": ["ask"]}).text

    assert served.person(ADDRESS) == person


# -- how it is put together ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nobody can subscribe without mail_list"),
        ({"MAIL_LIST": "list.example.org"}, "nobody can subscribe without mail_url"),
        ({"MAIL_LIST": "list.example.org", "SITE_URL": "http://example.org/papers/"}, "unsubscribe over https://"),
        ({"MAIL_LIST": "list.example.org", "MAIL_URL": "https://digest.example.org", "MAIL_KEY_FILE": "none"}, "none"),
    ],
)
def test_what_the_forms_need(  # noqa: PLR0917 - fixtures, most of them
    tmp_path: Path, template: Path, settings: dict[str, str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets them up is told what is missing before anybody subscribes."""
    invented.copied(template, tmp_path).close()
    for name, value in {"SUBSCRIBE": "yes", **settings}.items():
        monkeypatch.setenv(f"CVDIGEST_{name}", value)

    assert main(["serve", "--data", str(tmp_path), "--port", "0"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "expected"), [("", []), (SUBSCRIBE, ["../subscribe"]), ("https://d.example.org/subscribe", ["https://d.example.org/subscribe"])]
)  # fmt: skip
def test_pages_lead_to_the_form_where_there_is_one(address: str, expected: list[str]) -> None:
    """The header has a link to it, here or elsewhere, and none where nobody can subscribe."""
    pages = FormPages(Pages(resources.folder("templates")), replace(frame(), subscribe=address))
    shown = LexborHTMLParser(pages.told("A page", ()))

    assert [node.attributes["href"] for node in shown.css("header a") if node.text() == "Subscribe"] == expected


@pytest.mark.parametrize(
    ("header", "client"), [({}, "127.0.0.1"),
    ({"X-Forwarded-For": "192.0.2.9"}, "192.0.2.9"), ({"Forwarded": "for=192.0.2.9"}, "127.0.0.1")],
)  # fmt: skip
def test_who_asks_by_way_of_a_proxy(header: dict[str, str], client: str) -> None:
    """A proxy on this machine is believed when it says for whom it asks."""

    def tell(environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [environ["REMOTE_ADDR"].encode()]

    told, tells = socket.socketpair()
    with told, tells, closing(listen(tell, "127.0.0.1", 0, 1, print)) as server:
        thread = Thread(target=server.run, args=(told,))
        thread.start()
        try:
            with urlopen(Request(server.address, headers=header), timeout=20) as answer:
                assert answer.read().decode() == client
        finally:
            tells.send(b"x")
            thread.join(20)
