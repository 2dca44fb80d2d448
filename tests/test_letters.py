"""Letters to subscribers: whole on the wire, safe whatever authors write, and worth reading."""

import base64
import email
import email.policy
import hashlib
import importlib
import os
import quopri
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.header import decode_header, make_header
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import dkim
import mailparser
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, Request

from digest import building, resources
from digest.addresses import mail_server
from digest.archive import Held
from digest.cli import main
from digest.core.domain import Kind, Paper
from digest.core.edition import Section
from digest.core.subscription import Choice, Frequency, Handling, Standing, Subscriber
from digest.core.text import plain
from digest.errors import MailError, SettingsError
from digest.handover import Session
from digest.letters import BUDGET, Composed, Letters
from digest.render.letters import COLUMNS, _columns, long_date, short_date
from digest.render.markdown import THANKS
from digest.settings import Settings
from digest.signing import ABSENT, COVERED, signer
from digest.wire import hard, headers, named, soft, words
from tests import judges, postbox
from tests.archives import NEWEST
from tests.letters import (
    CONFIRMING,
    DAY,
    HEADERS,
    KEY,
    NOW,
    TERMS,
    Elements,
    daily,
    edition,
    hostile,
    html_of,
    html_on_the_wire,
    letters,
    mailing,
    paper,
    read,
    subscriber,
    text_of,
)
from tests.sites import two_dates

GOLDEN = Path(__file__).resolve().parent / "golden" / "letters"
_NUMBERED = re.compile(r"^ *(\d+)\. ", re.MULTILINE)


def hostile_papers(titles: list[str]) -> list[Paper]:
    """Return a paper for each title, which stands in all that is told of it; no file holds half a surrogate pair."""
    found = []
    for number, title in enumerate((title.replace("\ud800", "") for title in titles), start=1):
        facts = {"abstract": f"{title}\n{title}", "authors": (title, "Ada Example"), "comments": f"accepted to {title}"}
        found.append(paper(number, title=title, categories=(title,), **facts))
    return found


def whole(made: Composed, expected: list[str]) -> None:
    """See that a letter has the headers that are expected, as three readers find them, and no more parts than it should."""
    head = made.content.partition(b"\r\n\r\n")[0]
    assert [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" "] == expected
    found = read(made.content)
    assert found.keys() == expected
    assert not found.defects
    assert [part.get_content_type() for part in found.walk()] == (
        ["multipart/alternative", "text/plain", "text/html"] if expected == HEADERS else ["text/plain"]
    )
    assert not [defect for part in found.walk() for defect in part.defects]
    parsed = mailparser.parse_from_bytes(made.content)
    assert not parsed.has_defects
    assert not parsed.attachments
    assert [one for _, one in parsed.to] == ["me@example.org"]
    lines = made.content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert made.content.isascii()


# -- how it looks -----------------------------------------------------------------------------------------------------


@cache
def made(name: str) -> bytes:
    """Return a letter that is worth looking at."""
    papers = [paper(number) for number in range(1, 13)]
    papers[2] = replace(papers[2], authors=tuple(f"Author {number}" for number in range(1, 15)), title="Wide 视觉 Letters")
    kinds = {3: Kind.CROSS, 5: Kind.REPLACED}
    week = [edition(papers[place : place + 4], DAY - timedelta(days=2 - place // 4)) for place in (0, 4, 8)]
    composer = letters(*week)
    if name == "confirmation":
        choice = Choice(("3d", "segmentation/matting"), ("gaussian",), authors=("X",), zone="Europe/Berlin")
        return composer.confirmation(waiting(), choice, NOW, NOW + timedelta(days=3)).content
    if name == "weekly":
        shelves, authors = ("3d", "generation"), ("Ada Example",)
        reader = subscriber(frequency=Frequency.WEEKLY, language="de", shelves=shelves, authors=authors)
        found = composer.compose(mailing(frequency=Frequency.WEEKLY), reader, NOW, [one.date for one in week])
    elif name == "sample":
        own = letters(edition(papers[:2], sample=True), terms=replace(TERMS, site=""))
        found = own.compose(mailing(), subscriber(most=1), NOW)
    else:
        told = edition(papers, kinds=kinds) if name == "daily" else edition(hostile_papers(hostile(20)))
        found = letters(told).compose(mailing(), subscriber(), NOW)
    assert found is not None
    return found.content


@pytest.mark.parametrize("name", ["daily", "hostile", "sample", "weekly", "confirmation"])
def test_the_letter_is_the_golden_one(name: str, *, update_golden: bool) -> None:
    """Every byte of the letters is as it was read and agreed; ``--update-golden`` writes them anew."""
    path = GOLDEN / f"{name}.eml"
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(made(name))

    assert made(name) == path.read_bytes()


def test_it_tells_a_paper_as_the_page_does() -> None:
    """Number, title with its link, authors as far as they are of use, topics, venue, links and abstract."""
    names = tuple(f"Author {number}" for number in range(1, 15))
    letter = daily(paper(7, authors=names, categories=("cs.RO", "cs.CV")), paper(8)).content
    html, text = Elements(html_of(letter)), text_of(letter)
    links = [attributes["href"] for tag, attributes in html.found if tag == "a"]

    for shown in (html.text, text):
        assert "2. " in shown
        assert "Author 10 and 4 others" in " ".join(shown.split())
        for what in ("SLAM and localisation", "CVPR 2027", "cs.RO", "It looks back.", "PDF", "code", "$x_7$"):
            assert what in shown
    assert "https://example.org/papers/papers/2611/2611.00007.html" in links
    assert "https://github.com/example/n-7" in links
    assert {"https://arxiv.org/abs/2611.00007", "https://arxiv.org/pdf/2611.00007"} <= set(links)


def test_both_parts_say_the_same_in_the_same_order() -> None:
    """The numbers are the page's, and they and the titles follow each other alike in both parts."""
    letter = daily(*[paper(number) for number in range(1, 30)], shelves=("3d", "other")).content
    html, text = Elements(html_of(letter)), text_of(letter)
    titles = [re.findall(r"Seeing Number \d+ from", part[part.index("(") :]) for part in (html.text, " ".join(text.split()))]
    numbers = [int(number) for number in _NUMBERED.findall(text)]

    assert titles[0] == titles[1]
    assert numbers == [int(number) for number in re.findall(r"^(\d+)\. $", "\n".join(re.split(r"(?=Seeing)|\n", html.text)), re.MULTILINE)]
    assert numbers == sorted(numbers)
    assert len(numbers) == int(re.findall(r"(\d+) papers", html.text)[0]) == int(read(letter)["Subject"].split()[-2])


def test_its_contents_count_each_topic() -> None:
    """Above the papers stands how many each topic has."""
    letter = daily(*[paper(number) for number in range(1, 7)]).content

    assert re.search(r"^  3D vision \.+ 2$", text_of(letter), re.MULTILINE)
    assert "3D vision\xa02" in Elements(html_of(letter)).text


def test_the_contents_of_a_week_are_those_of_its_days() -> None:
    """Each day stands with its topics; where they are more than anybody reads, the days stand alone."""
    text = Elements(html_of(made("weekly"))).text
    days = [DAY - timedelta(days=1), DAY]
    many = [edition([paper(100 * place + number) for number in range(1, 81)], day) for place, day in enumerate(days)]
    apart = [
        replace(one, sections=tuple(Section(f"t{item.number}", f"Topic {item.number}", (item,)) for item in one.items)) for one in many
    ]
    long = letters(*apart).compose(mailing(frequency=Frequency.WEEKLY), subscriber(), NOW, days)

    assert "Mi., 18. Nov. 20263D vision\xa01 \xb7 GANs, diffusion and image generation\xa01 \xb7 Visual" in re.sub(r"\s*\n\s*", "", text)
    assert long is not None
    assert re.search(r"^  Fri 20 Nov 2026 \.+ 80$", text_of(long.content), re.MULTILINE)
    assert "\n  Topic 1 ." not in text_of(long.content)


def test_its_foot_says_why_it_came_and_how_to_end_it() -> None:
    """Each part has the reason, both links, the page on the web and the thanks to arXiv."""
    letter = daily(paper(1), shelves=("3d", "segmentation")).content
    unsubscribe = str(read(letter)["List-Unsubscribe"]).strip("<>")
    html = Elements(html_of(letter))
    links = {attributes["href"] for tag, attributes in html.found if tag == "a"}

    assert unsubscribe in links
    assert unsubscribe in text_of(letter)
    why = "You get this letter (cs.CV digest, daily) because you asked for it at me@example.org: 3D vision; Image segmentation."
    for shown in (html.text, " ".join(text_of(letter).split())):
        assert why in shown
        assert THANKS in shown
    assert "https://example.org/papers/days/2026-11-20.html" in links
    assert any(link and link.startswith("https://digest.example.org/manage/") for link in links)


def test_plain_text_fits_a_terminal() -> None:
    """No line but one that is an address has more than 72 columns, Chinese letters being two wide."""
    papers = [
        paper(1, title="深度学习" * 40),
        paper(2, abstract="word " * 400),
        paper(3, abstract=f"{'视觉' * 200}https://example.org/{'a' * 40}\u3002{'视觉' * 30}(https://example.org/b)"),
        *hostile_papers(hostile(60)),
    ]
    letter = text_of(daily(*papers).content)
    lines = [line for line in letter.split("\n") if _columns(line) > COLUMNS]

    assert [line for line in lines if not re.fullmatch(r" *https?://[!-~]+| {5}\w+ +https?://\S+", line)] == []
    assert re.search(rf"https://example\.org/{'a' * 40}(?:\u3002|$)", letter, re.MULTILINE)
    said = re.sub(r"\s", "", letter)
    assert f"{'视觉' * 200}https://example.org/{'a' * 40}\u3002{'视觉' * 30}(https://example.org/b)" in said


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "Fri 20 Nov 2026"), ("de", "Fr., 20. Nov. 2026"), ("ja", "2026年11月20日(金)"), ("fr", "ven. 20 nov. 2026")],
)
def test_dates_are_in_the_readers_language(language: str, written: str) -> None:
    """The subject has the date as its reader writes it, and how many papers there are."""
    letter = daily(paper(1), paper(2), language=language).content

    assert read(letter)["Subject"] == f"cs.CV, {written}: 2 papers"
    assert short_date(DAY, language) == written
    assert long_date(DAY, language) in text_of(letter)


def test_nothing_for_somebody_is_no_letter() -> None:
    """Who chose what is not there today is not written to."""
    assert letters(edition([paper(1)])).compose(mailing(), subscriber(shelves=("ocr",)), NOW) is None


@pytest.mark.parametrize(("name", "levels"), [("daily", "h1 h2 h3"), ("weekly", "h1 h2 h3 h4")])
def test_headings_go_down_one_by_one(name: str, levels: str) -> None:
    """A paper stands under its section, and in a week the section under its date."""
    found = [tag for tag, _ in Elements(html_of(made(name))).found if re.fullmatch(r"h\d", tag)]

    assert found[: len(levels.split())] == levels.split()
    assert set(found) == set(levels.split())
    assert all(int(after[1]) <= int(before[1]) + 1 for before, after in pairwise(found))


def test_what_is_in_another_language_says_so() -> None:
    """Dates in German do, wherever they stand; titles and abstracts go the way that their letters go."""
    found = Elements(html_of(made("weekly"))).found
    english = Elements(html_of(made("daily"))).found

    assert [tag for tag, attributes in found if attributes.get("lang") == "de"] == ["span", *["b"] * 3, *["h2"] * 3]
    assert [tag for tag, attributes in english if "lang" in attributes] == ["html"]
    ways = [tag for tag, attributes in english if attributes.get("dir") == "auto"]
    assert ways.count("a") == 12
    assert ways.count("p") == sum(attributes.get("class") == "abstract" for _, attributes in english) > 12


def test_a_week_is_told_once() -> None:
    """A weekly letter tells the dates that it is given, the first first, and a paper that stands on two of them once."""
    days = [DAY - timedelta(days=2), DAY - timedelta(days=1), DAY]
    editions = [
        edition([paper(1), paper(2)], days[0]),
        edition([paper(9)], days[1]),
        edition([paper(2), paper(3)], days[2], {0: Kind.REPLACED}),
    ]
    found = letters(*editions).compose(mailing(frequency=Frequency.WEEKLY), subscriber(frequency=Frequency.WEEKLY), NOW, [days[2], days[0]])

    assert found is not None
    assert re.findall(r"Seeing Number (\d+)", text_of(found.content)) == ["2", "1", "3"]
    assert read(found.content)["Subject"] == "cs.CV, week to Fri 20 Nov 2026: 3 papers"
    assert found.message_id == "<cs.cv.2026-11-20.weekly.s12@list.example.org>"


def test_no_more_than_were_asked_for() -> None:
    """Of a week as of a day, so many papers are told as were chosen, and the subject counts those."""
    days = [DAY - timedelta(days=1), DAY]
    editions = [edition([paper(10 * place + number) for number in range(1, 6)], day) for place, day in enumerate(days)]
    found = letters(*editions).compose(mailing(frequency=Frequency.WEEKLY), subscriber(most=3), NOW, days)

    assert found is not None
    assert len(_NUMBERED.findall(text_of(found.content))) == 3
    assert read(found.content)["Subject"].endswith(": 3 papers")


def test_a_newer_edition_is_told_after_a_look() -> None:
    """What was laid out is told until it is looked whether it is still the newest."""
    shelf = Held("cs.CV", resources.taxonomy(), [edition([paper(1)])])
    editions = [edition([paper(1)])]
    composer = Letters(replace(shelf, editions=editions), TERMS, resources.folder("templates"))
    before = composer.compose(mailing(), subscriber(), NOW)
    editions[0] = edition([paper(1, title="Said Anew")], number=2)
    kept = composer.compose(mailing(), subscriber(), NOW)
    composer.renew()
    after = composer.compose(mailing(), subscriber(), NOW)

    assert before is not None
    assert after is not None
    assert kept == before
    assert "Said Anew" in text_of(after.content)
    assert after.message_id == before.message_id


def test_which_dates_have_an_edition_is_asked_once_a_round() -> None:
    """But for a date that had none then: its edition may have come since, and the letter of a week tells it."""
    editions, before = [edition([paper(1)])], DAY - timedelta(days=1)
    composer = Letters(Held("cs.CV", resources.taxonomy(), editions), TERMS, resources.folder("templates"))
    composer.renew()
    one = editions.pop()
    kept = composer.there([DAY])
    editions += [one, edition([paper(2)], before)]
    both = composer.there([before, DAY])
    editions.clear()
    composer.renew()

    assert (kept, both) == ([DAY], [before, DAY])
    assert composer.there([before, DAY]) == []


def test_several_threads_compose_the_same() -> None:
    """What they share comes to be once, and each gets its own letter."""
    told = edition([paper(number) for number in range(1, 30)])
    readers = [subscriber(number, f"reader{number}@example.org", most=number) for number in range(1, 29)]
    alone, shared = letters(told), letters(told)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: shared.compose(mailing(), one, NOW), readers))

    assert found == [alone.compose(mailing(), one, NOW) for one in readers]


def waiting() -> Subscriber:
    """Return somebody who has not confirmed."""
    return replace(subscriber(), standing=Standing.PENDING)


def test_who_is_subscribed_already_is_told_so() -> None:
    """The letter leads to what was chosen now, and to the page where all can be changed; nothing happens without them."""
    made = letters(edition([paper(1)])).confirmation(subscriber(), Choice(), NOW, NOW + timedelta(days=2))
    text = text_of(made.content)

    whole(made, CONFIRMING)
    assert b"Subject: You are subscribed already: cs.CV digest\r\n" in made.content
    for purpose in ("confirm", "manage"):
        assert re.search(rf"^  https://digest\.example\.org/{purpose}/[A-Za-z0-9_-]{{32}}$", text, re.MULTILINE)
    assert "all stays as it is" in text


def test_the_letter_that_asks_quotes_nothing_that_was_typed() -> None:
    """It says what was chosen in our words alone, how long the link is good, and that nothing comes without it."""
    typed = "BUY at https://evil.example"
    choice = Choice(("3d",), (typed,), (typed,), (typed,), frequency=Frequency.WEEKLY, most=5, zone="Asia/Tokyo", hour=7)
    made = letters(edition([paper(1)])).confirmation(waiting(), choice, NOW, NOW + timedelta(days=2))
    text = text_of(made.content)

    whole(made, CONFIRMING)
    assert "BUY" not in made.content.decode()
    assert re.search(r"^  https://digest\.example\.org/confirm/[A-Za-z0-9_-]{32}$", text, re.MULTILINE)
    for said in (
        "Topics: 3D vision",
        "weekly",
        "at 07:00 or up to 12 hours later (Asia/Tokyo)",
        "Sunday, 22 November 2026, 15:30 (Asia/Tokyo)",
        "nothing comes",
    ):
        assert said in text
    assert made.message_id == "<confirm.s12.2026-11-20@list.example.org>"
    second = letters(edition([paper(1)])).confirmation(waiting(), choice, NOW, NOW + timedelta(days=2), "2026-11-20.2")
    assert second.message_id == "<confirm.s12.2026-11-20.2@list.example.org>"
    assert len(text.splitlines()) < 30


# -- on the wire ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_hostile_papers_add_nothing_to_a_letter(count: int) -> None:
    """Whatever papers are called, the headers on the wire are the ones that are meant, and the parts are two."""
    titles = hostile(count)
    with postbox.postbox("none", login=False) as box, Session(mail_server(f"smtp://127.0.0.1:{box.port}")) as session:
        for begin in range(0, count, 50):
            some = hostile_papers(titles[begin : begin + 50])
            composed = letters(edition(some)).compose(mailing(), subscriber(), NOW)
            assert composed is not None
            assert session.hand_over(composed.sender, composed.to, composed.content).handling is Handling.SENT
            assert box.letters[-1] == composed.content
            whole(replace(composed, content=box.letters[-1]), HEADERS)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_hostile_text_in_a_header_stays_one(count: int) -> None:
    """Whatever stands in a header, it is one header, and reads as one line of the same letters."""
    for title in hostile(count):
        block = headers([("From", named(title, "a@example.org")), ("Subject", words(title)), ("X-End", "1")])
        found = read(block)

        assert found.keys() == ["From", "Subject", "X-End"]
        assert found["From"].addresses[0].addr_spec == "a@example.org"
        assert not any(letter in str(found["Subject"]) for letter in "\r\n\u2028\x00")
        assert str(found["Subject"]) == cleaned(title)
        assert decoded(block, "From") in ((f'"{quoted(title)}"', "a@example.org"), (cleaned(title), "a@example.org"))
        assert encoded_lines(block) <= 76


def cleaned(title: str) -> str:
    """Return what is read of a text in a header: 200 letters in one line, and nothing that would be an encoded word."""
    words = re.split(r"\s+", "".join(letter if letter.isprintable() else " " for letter in title).strip())
    return " ".join(words)[:200].replace("=?", "= ?")


def quoted(title: str) -> str:
    """Return a text as it stands between quotes."""
    return cleaned(title).replace("\\", "\\\\").replace('"', '\\"')


def decoded(content: bytes, name: str) -> tuple[str, str]:
    """Return the name in a header and what stands between angle brackets, as RFC 2047 says.

    The newer reader of Python puts blanks between encoded words of a name in some releases.
    """
    raw = email.message_from_bytes(content, policy=email.policy.compat32)[name]
    label, _, rest = raw.rpartition("<")
    return str(make_header(decode_header(label.strip()))), rest.removesuffix(">")


def encoded_lines(content: bytes) -> int:
    """Return how many letters the longest line of the headers has in which there is an encoded word."""
    return max((len(line) for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n") if b"=?" in line), default=0)


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_a_line_with_encoded_words_is_a_short_one(language: str) -> None:
    """Subject, From and List-Id keep to RFC 2047, section 2, and are read as they were meant."""
    terms = replace(TERMS, name=f"{'毎日の視覚ダイジェスト' * 3} Täglich", sender=f"{'d' * 60}@{'long.' * 20}example.org")
    composer = letters(edition([paper(1)]), terms=terms)
    reader = subscriber(frequency=Frequency.WEEKLY, language=language)
    made = composer.compose(mailing(frequency=Frequency.WEEKLY), reader, NOW, [DAY])
    assert made is not None
    found = read(made.content)

    assert 0 < encoded_lines(made.content) <= 76
    assert found["Subject"] == f"cs.CV, week to {short_date(DAY, language)}: 1 paper"
    assert found["From"].addresses[0].addr_spec == terms.sender
    assert decoded(made.content, "From") == (terms.name, terms.sender)
    assert decoded(made.content, "List-Id") == (terms.name, "cs.cv.list.example.org")
    asked = composer.confirmation(waiting(), reader.choice, NOW, NOW + timedelta(days=3))
    assert 0 < encoded_lines(asked.content) <= 76


def test_a_name_that_looks_like_a_mark_is_a_name() -> None:
    """What a list is called is told as it is, whatever the templates mark their gaps with."""
    for name in ("50%%off%%", "%%papers%%", "%%subject%%", "<b>%%date%%</b>"):
        letter = daily(paper(1), terms=replace(TERMS, name=name)).content

        assert Elements(html_of(letter)).text.count(name) == 2
        assert text_of(letter).startswith(f"{name}\n")


def test_without_a_site_it_leads_to_arxiv() -> None:
    """And says so: nothing there is called this digest."""
    letter = daily(paper(1), terms=replace(TERMS, site="")).content
    html = Elements(html_of(letter))

    for shown in (html.text, text_of(letter)):
        assert "on the web" not in shown.casefold()
        assert "The papers on arXiv" in shown
    assert "See the papers on arXiv" in html.text
    assert "https://arxiv.org/catchup/cs.CV/2026-11-20" in text_of(letter)
    assert "Read it on the web" in html_of(daily(paper(1)).content)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Subject", "a\r\nBcc: x@example.org"),
        ("Subject", "a\nBcc: x@example.org"),
        ("Subject", "a\r\n\r\nb"),
        ("A: b\r\nC", "d"),
        ("Subject", "x" * 1000),
        ("Subject", "é"),
        ("Subject", f"=?utf-8?b?{'YWFh' * 16}?="),
        ("To", "a\r\n\r\n"),
    ],
)
def test_other_headers_than_meant_are_refused(name: str, value: str) -> None:
    """What would be read as something else never becomes a letter."""
    with pytest.raises(MailError, match="headers"):
        headers([(name, value)])


@pytest.mark.parametrize("length", [76, 77, 120, 400, 900])
def test_a_long_address_to_unsubscribe_is_whole(length: int) -> None:
    """It stands unbroken on one line of the wire, and is what every parser reads."""
    forms = f"https://digest.example.org/{'a' * (length - 27 - 12 - 32 - 1)}/"
    letter = daily(paper(1), terms=replace(TERMS, forms=forms)).content
    line = next(line for line in letter.split(b"\r\n") if line.startswith(b"List-Unsubscribe: "))
    url = line.decode().removeprefix("List-Unsubscribe: <").removesuffix(">")

    assert len(url) == length
    assert url.startswith(f"{forms}unsubscribe/")
    assert read(letter)["List-Unsubscribe"] == f"<{url}>"
    assert mailparser.parse_from_bytes(letter).headers["List-Unsubscribe"] == f"<{url}>"
    assert read(letter)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_an_address_that_no_line_can_hold_is_refused() -> None:
    """A letter whose header would have to be broken is none."""
    with pytest.raises(MailError):
        daily(paper(1), terms=replace(TERMS, forms=f"https://digest.example.org/{'a' * 980}/"))


@pytest.mark.parametrize(
    "to", ["a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "a b@example.org", "a@bücher.example", ""]
)
def test_no_letter_to_what_is_no_address(to: str) -> None:
    """An address that is none, or more than one, is not written to."""
    with pytest.raises(MailError):
        letters(edition([paper(1)])).compose(mailing(), subscriber(address=to), NOW)


def test_who_it_is_from_and_what_it_belongs_to() -> None:
    """Names of the headers are read as they were meant, also where they are beyond ASCII."""
    terms = replace(TERMS, name='Täglich "cs.CV", 毎日', domain="List.Example.org")
    made = daily(paper(1), terms=terms)
    found = read(made.content)

    assert found["From"].addresses[0].display_name == terms.name
    assert found["From"].addresses[0].addr_spec == "digest@example.org"
    assert str(found["List-Id"]).endswith(" <cs.cv.list.example.org>")
    assert found["Date"].datetime == NOW
    assert found["Message-ID"] == made.message_id == "<cs.cv.2026-11-20.daily.s12@list.example.org>"
    assert made.sender.startswith("bounce+12.")
    assert made.sender.endswith("@list.example.org")
    assert (found["Precedence"], found["Auto-Submitted"]) == ("bulk", "auto-generated")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=200), st.integers(0, 90))
@settings(max_examples=60)
def test_what_is_encoded_is_read_again(text: str, before: int) -> None:
    """A piece that goes on and one that ends are what they were, in lines of 76 letters at most, wherever they are joined."""
    text = f"{'x' * before}{text}"
    encoded = soft(text) + soft(text) + hard(text)

    assert quopri.decodestring(encoded).decode() == f"{text}{text}{text}\r\n"
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert b"=_" not in encoded


@pytest.mark.parametrize("end", ["x", " ", "\t", "=", "\N{LATIN SMALL LETTER E WITH ACUTE}", ".", "x\n", " \n"])
def test_pieces_join_at_every_length(end: str) -> None:
    """Wherever a line is full, an escape stays whole, and no line is too long."""
    for length in range(160):
        text = f"{'a' * length}{end}"
        encoded = soft(text) + hard("x")

        assert quopri.decodestring(encoded).decode() == f"{text}x\n".replace("\n", "\r\n")
        assert max(map(len, encoded.split(b"\r\n"))) <= 76


def test_no_line_begins_as_a_message_in_a_file_does() -> None:
    """A line with ``From`` at its beginning is escaped: what keeps letters in one file would change it, and break its signature."""
    for length in range(60, 90):
        for write in (hard, soft):
            text = f"From {'a' * length}\nFrom here\n>From\nFrom{' ' * length}x"
            encoded = write(text)

            assert not re.search(rb"^From ", encoded, re.MULTILINE)
            assert b"=46rom here" in encoded
            assert quopri.decodestring(encoded).decode().rstrip() == text.replace("\n", "\r\n")
            assert max(map(len, encoded.split(b"\r\n"))) <= 76


# -- safe -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["daily", "hostile", "sample", "weekly"])
def test_nothing_is_loaded_from_anywhere(name: str) -> None:
    """A letter is elements of text and links to the web; nothing in it is fetched when it is opened, and nothing runs."""
    html = html_of(made(name))
    found = Elements(html).found
    known = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "table",
        "tbody",
        "tr",
        "td",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "a",
        "span",
        "b",
        "br",
    }

    assert {tag.removeprefix("/") for tag, _ in found} <= known
    assert {name for _, attributes in found for name in attributes} <= {
        "lang", "charset", "name", "content", "class", "role", "width", "cellpadding", "cellspacing", "border", "align", "style", "href",
        "dir",
    }  # fmt: skip
    assert "url(" not in html.lower()
    assert "@import" not in html.lower()
    assert all(re.match(r"(?:https?|mailto):", attributes["href"] or "") for tag, attributes in found if tag == "a")
    assert html.lower().count("<style") == 1
    assert Elements(html).found[0] == ("html", {"lang": "en"})


def test_hostile_papers_have_the_skeleton_of_harmless_ones() -> None:
    """Whatever authors write adds no element and takes none away."""
    titles = [found for title in hostile(150, seed=3) if "://" not in title and (found := plain(title))]

    def skeleton(titles: list[str]) -> list[tuple[str, str | None]]:
        papers = [replace(one, comments="", title=title) for title, one in zip(titles, hostile_papers(titles), strict=True)]
        found = letters(edition(papers)).compose(mailing(), subscriber(), NOW)
        assert found is not None
        return [(tag, attributes.get("class")) for tag, attributes in Elements(html_of(found.content)).found]

    assert skeleton(titles[:30]) == skeleton(["Harmless words"] * 30)


def test_hostile_texts_are_read_as_they_are() -> None:
    """What an author wrote stands in the letter as text, letter by letter."""
    for title in (
        "<script>alert(1)</script>",
        "&lt;b&gt; &amp;",
        "</title></style>",
        "%%unsubscribe%%",
        "=3D=20",
        "{{ 7 * 7 }}",
        "--=_cvdigest--",
    ):
        letter = daily(paper(1, title=title)).content

        assert title in Elements(html_of(letter)).text
        assert title in text_of(letter)


# -- how much ---------------------------------------------------------------------------------------------------------


_MORE = re.compile(r'<p class="more"[^>]*>([\d,]+) more on')


def told(content: bytes, total: int, slack: int = BUDGET) -> None:
    """See that a letter keeps the budget, tells as much as there is room for, and says how much it leaves out, date by date.

    Of papers that are all alike, what is free is less than *slack* if one is told by its title alone.
    """
    html, text = html_of(content), text_of(content)
    assert len(html_on_the_wire(content)) <= BUDGET
    full, brief = len(re.findall(r'<p class="links"', html)), len(re.findall(r'<p class="brief"', html))
    more = [int(found.replace(",", "")) for found in _MORE.findall(html)]
    assert full + brief + sum(more) == total
    assert not (full and more), "an abstract took the room of a title"
    for day in html.split('<h2 class="date"'):
        ends = [day.rfind('<p class="links"'), day.find('<p class="brief"')]
        assert -1 in ends or ends == sorted(ends)
    if brief:
        assert len(html_on_the_wire(content)) > BUDGET - slack, "there was room for more"
    assert len(_NUMBERED.findall(text)) == full + brief
    assert [int(found) for found in re.findall(r"^(\d+) more on", text, re.MULTILINE)] == more


@pytest.mark.parametrize("count", [1, 60, pytest.param(320, marks=pytest.mark.slow), pytest.param(2000, marks=pytest.mark.slow)])
def test_a_letter_keeps_its_budget(count: int) -> None:
    """Abstracts as long as they fit, then titles, then how many more there are."""
    sized = [paper(number, abstract=f"The abstract of {number}. {'As long as most of them. ' * 40}") for number in range(1, count + 1)]

    told(daily(*sized).content, count, 5_000)


_WEEK = [DAY - timedelta(days=4 - number) for number in range(5)]


@pytest.mark.parametrize("sizes", [[20, 180, 60, 120, 150], pytest.param([150] * 5, marks=pytest.mark.slow)])
def test_each_date_of_a_week_shows_something(sizes: list[int]) -> None:
    """Where a week has no room for all titles, a date that needs less than its share is whole, and the others show alike much.

    Under each stands how many more there are, and where.
    """
    week = [
        edition([paper(1000 * place + number) for number in range(size)], day)
        for place, (day, size) in enumerate(zip(_WEEK, sizes, strict=True))
    ]
    made = letters(*week).compose(mailing(frequency=Frequency.WEEKLY), subscriber(), NOW, _WEEK)
    assert made is not None
    told(made.content, sum(sizes), 8_000)
    html, text = html_of(made.content), text_of(made.content)
    days = html.split('<h2 class="date"')[1:]
    shown = [day.count('<p class="brief"') for day in days]

    assert len(days) == len(_WEEK)
    assert [count for count, size in zip(shown, sizes, strict=True) if size < 50] == [size for size in sizes if size < 50]
    some = [count for count, size in zip(shown, sizes, strict=True) if count < size]
    assert max(some) - min(some) <= 3
    for day, date, count, size in zip(days, _WEEK, shown, sizes, strict=True):
        page = f"https://example.org/papers/days/{date}.html"
        assert re.match(rf'[^>]*><a href="{page}"[^>]*>{long_date(date, "en")}</a> \({size}\)', day)
        assert (f'<a href="{page}" style="color: #0f5c69;">the web</a>' in day) == (count < size)
        assert (f"{size - count} more on the web:\n  {page}\n" in text) == (count < size)
        assert f"{long_date(date, 'en')} ({size})\n{'=' * COLUMNS}\n  {page}\n" in text
        assert re.search(rf'<b class="day"[^>]*><a href="{page}"[^>]*>{short_date(date, "en")}</a>', html)


def test_days_of_a_week_without_a_site_lead_to_arxiv() -> None:
    """No heading is a link where there is no page; what there is no room for is at arXiv, date by date."""
    week = [edition([paper(1000 * place + number) for number in range(250)], day) for place, day in enumerate(_DAYS)]
    made = letters(*week, terms=replace(TERMS, site="")).compose(mailing(frequency=Frequency.WEEKLY), subscriber(), NOW, _DAYS)
    assert made is not None
    told(made.content, 500, 8_000)

    assert not re.search(r'<h2 class="date"[^>]*><a', html_of(made.content))
    for day in _DAYS:
        assert re.search(rf"^\d+ more on arXiv:\n  https://arxiv\.org/catchup/cs\.CV/{day}$", text_of(made.content), re.MULTILINE)


def test_titles_that_have_no_room_are_counted() -> None:
    """Where not even the titles fit, the letter says how many more there are, and where."""
    letter = daily(*[paper(number, title=f"{number} {'視' * 390}") for number in range(1, 61)]).content

    told(letter, 60)
    assert re.search(r"^\d+ more on the web:\n  https://example\.org/papers/days/2026-11-20\.html$", text_of(letter), re.MULTILINE)
    assert len(html_on_the_wire(letter)) > BUDGET - 6_000


@pytest.mark.parametrize("length", [10_000, pytest.param(180_000, marks=pytest.mark.slow)])
def test_a_monstrous_paper_takes_no_more_than_its_share(length: int) -> None:
    """Five megabytes of abstract, 10,000 authors and a title of a megabyte are cut where nobody reads any more."""
    abstract = "An abstract that never ends. " * length
    monster = paper(1, abstract=abstract, authors=("Ada Example",) * 10_000, title="Title " * length, comments="c" * 100_000)
    letter = daily(monster, *[paper(number) for number in range(2, 6)]).content

    told(letter, 5)
    assert "and 9,990 others" in Elements(html_of(letter)).text
    assert "the rest of the abstract" in Elements(html_of(letter)).text


_pool = cache(
    lambda size: [paper(number, abstract=chr(0x61 if number % 3 else 0x6DF1) * (size * number % 4000)) for number in range(1, 49)]
)


@given(st.integers(1, 24), st.sampled_from([1, 997]), st.integers(0, 20), st.booleans())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_letters_of_all_sizes_keep_the_budget(count: int, size: int, most: int, weekly: bool) -> None:
    """Whatever a choice finds, of however long papers, on however many days."""
    composer = _composer(size)
    frequency = Frequency.WEEKLY if weekly else Frequency.DAILY
    found = composer.compose(mailing(frequency=frequency), subscriber(count, most=most or count), NOW, _DAYS if weekly else ())

    assert found is not None
    told(found.content, min(most or count, 48 if weekly else 24))


_DAYS = [DAY - timedelta(days=1), DAY]


@cache
def _composer(size: int) -> Letters:
    papers = _pool(size)
    return letters(edition([replace(one, id=f"2610{one.id[4:]}") for one in papers], _DAYS[0]), edition(papers))


# -- signed -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Callable[..., bytes]]:
    """Give the file of a private key, and what answers for the name server that has the public one."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - for a test, and made in no time
    path = tmp_path_factory.mktemp("keys") / "dkim.pem"
    path.touch(0o600)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return path, lambda name, **_rest: record if name == b"digest2026._domainkey.list.example.org." else b""


@pytest.fixture(scope="module")
def signed(pair: tuple[Path, Callable[..., bytes]]) -> bytes:
    """Give a signed letter."""
    found = letters(edition([paper(1)]), signer=signer(pair[0], "digest2026", "list.example.org")).compose(mailing(), subscriber(), NOW)
    assert found is not None
    return found.content


@pytest.fixture(scope="module")
def signed_confirmation(pair: tuple[Path, Callable[..., bytes]]) -> bytes:
    """Give a signed letter that asks to confirm."""
    composer = letters(edition([paper(1)]), signer=signer(pair[0], "digest2026", "list.example.org"))
    return composer.confirmation(waiting(), Choice(), NOW, NOW + timedelta(days=3)).content


def test_a_signed_letter_verifies(signed: bytes, pair: tuple[Path, Callable[..., bytes]]) -> None:
    """Whoever asks the name server finds that it is ours, and that all is covered that should be."""
    assert dkim.verify(signed, dnsfunc=pair[1])
    assert read(signed).keys() == ["DKIM-Signature", *HEADERS]
    covered = re.sub(r"\s", "", re.findall(r"h=([^;]+);", str(read(signed)["DKIM-Signature"]))[0]).split(":")
    assert sorted(covered) == sorted(name.lower() for name in (*COVERED, *COVERED, *ABSENT))
    assert set(HEADERS) | set(CONFIRMING) == set(COVERED)
    assert not mailparser.parse_from_bytes(signed).has_defects


@pytest.mark.parametrize(
    "change",
    [
        *[(f"\r\n{name}: ".encode(), f"\r\n{name}: x".encode()) for name in COVERED if name in HEADERS],
        (b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click", b""),
        (b"Seeing", b"Hearing"),
    ],
    ids=lambda change: change[1].decode().strip()[:40],
)
def test_a_changed_letter_does_not(signed: bytes, pair: tuple[Path, Callable[..., bytes]], change: tuple[bytes, bytes]) -> None:
    """Not one of the headers that say what it is and how to end it can be changed, added or taken away."""
    changed = signed.replace(*change, 1)

    assert changed != signed
    assert not dkim.verify(changed, dnsfunc=pair[1])


_OTHERS = [
    "Reply-To", "Cc", "Sender", "Content-Transfer-Encoding", "List-Post", "Precedence", "Auto-Submitted", "From", "To", "Subject", "Date",
    "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
]  # fmt: skip


@pytest.mark.parametrize("name", _OTHERS)
def test_no_header_can_be_added(signed: bytes, signed_confirmation: bytes, pair: tuple[Path, Callable[..., bytes]], name: str) -> None:
    """One more of a name, before all others or behind them, breaks the signature: mail programs differ in which of two they believe."""
    for letter in (signed, signed_confirmation):
        head, _, body = letter.partition(b"\r\n\r\n")
        added = f"{name}: text/html".encode()

        assert dkim.verify(letter, dnsfunc=pair[1])
        assert not dkim.verify(added + b"\r\n" + letter, dnsfunc=pair[1])
        assert not dkim.verify(head + b"\r\n" + added + b"\r\n\r\n" + body, dnsfunc=pair[1])


def test_a_key_that_others_can_read_is_refused(pair: tuple[Path, Callable[..., bytes]], tmp_path: Path) -> None:
    """As are one that is none, and one that is not there."""
    copied = Path(shutil.copy(pair[0], tmp_path))
    copied.chmod(0o640)
    with pytest.raises(SettingsError, match="others than its owner"):
        signer(copied, "digest2026", "list.example.org")
    copied.chmod(0o600)
    assert "PRIVATE" not in repr(signer(copied, "digest2026", "list.example.org"))
    for content in (b"", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", b"not a key", bytes(100)):
        copied.write_bytes(content)
        with pytest.raises(SettingsError, match="holds no"):
            signer(copied, "digest2026", "list.example.org")
    with pytest.raises(SettingsError, match="cannot be read"):
        signer(tmp_path / "none", "digest2026", "list.example.org")


def test_a_letter_needs_both_or_neither(pair: tuple[Path, Callable[..., bytes]]) -> None:
    """A key without a name for it, or a name without a key, is a mistake and no reason to send letters without a signature."""
    archive = Held("cs.CV", resources.taxonomy(), [edition([paper(1)])])
    given = Settings(
        mail_list="list.example.org", mail_url="https://digest.example.org/", dkim_key_file=pair[0], dkim_selector="digest2026"
    )
    for half in (replace(given, dkim_selector=""), replace(given, dkim_key_file=None)):
        with pytest.raises(SettingsError, match="only one"):
            building.letters(half, archive, KEY)
    found = building.letters(given, archive, KEY).compose(mailing(), subscriber(), NOW)
    assert found is not None
    assert dkim.verify(found.content, dnsfunc=pair[1])
    assert read(found.content)["From"] == '"cs.CV digest" <digest@list.example.org>'
    with pytest.raises(MailError, match="domain of the list"):
        building.letters(Settings(), archive, KEY)


def test_people_unsubscribe_over_https() -> None:
    """Also where the forms stand under the address of the site; a test on this machine may do without."""
    archive = Held("cs.CV", resources.taxonomy(), [edition([paper(1)])])
    plain_site = Settings(mail_list="list.example.org", site_url="http://example.org/papers/")
    with pytest.raises(SettingsError, match="over https://"):
        building.letters(plain_site, archive, KEY)

    for secure in (replace(plain_site, mail_url="https://digest.example.org/"), replace(plain_site, site_url="http://127.0.0.1:8000/")):
        found = building.letters(secure, archive, KEY).compose(mailing(), subscriber(), NOW)
        assert found is not None
        assert str(read(found.content)["List-Unsubscribe"]).startswith(f"<{secure.forms_url}unsubscribe/")


def test_a_key_of_ed25519_signs_where_it_can(tmp_path: Path) -> None:
    """With the package that it needs, a letter verifies; without it, the package is named."""
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(base64.b64encode(bytes(range(32))))
    try:
        known = importlib.import_module("nacl.signing")
    except ImportError:
        with pytest.raises(SettingsError, match="pynacl"):
            signer(path, "ed", "list.example.org")
        return
    public = base64.b64encode(bytes(known.SigningKey(bytes(range(32))).verify_key))
    found = letters(edition([paper(1)]), signer=signer(path, "ed", "list.example.org")).compose(mailing(), subscriber(), NOW)
    assert found is not None
    assert dkim.verify(found.content, dnsfunc=lambda _name, **_rest: b"v=DKIM1; k=ed25519; p=" + public)


# -- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_is_the_same_wherever_it_is_composed() -> None:
    """In another time zone, in another locale and with other hashes, every byte is the same."""
    program = "import hashlib; from tests.test_letters import made; print(hashlib.sha256(made('weekly') + made('hostile')).hexdigest())"
    elsewhere = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", program], env=elsewhere, capture_output=True, text=True, check=True, timeout=60)

    assert said.stdout.strip() == hashlib.sha256(made("weekly") + made("hostile")).hexdigest()


# -- as others see it -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["daily", "sample", "weekly", "confirmation"])
def test_it_looks_like_no_spam(name: str) -> None:
    """SpamAssassin, asking nobody, gives it less than one point."""
    program = shutil.which("spamassassin")
    if program is None:
        pytest.skip("no spamassassin on the path (Debian: apt-get install spamassassin)")
    said = subprocess.run([program, "-L", "-t"], input=made(name), capture_output=True, check=True, timeout=120).stdout.decode(
        "utf-8", "replace"
    )
    points = re.search(r"\((-?[\d.]+) points, ", said)

    assert points is not None, said[-2000:]
    assert float(points[1]) < 1.0, said[-2000:]


def requests(page: Page) -> list[str]:
    """Return the addresses that a page asks for from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    return asked


@pytest.mark.slow
def test_it_fits_a_telephone_and_asks_nobody() -> None:
    """A browser shows it in 390 columns without scrolling sideways, light or dark, and loads nothing."""
    with judges.browser() as browser:
        for name in ("daily", "hostile", "weekly"):
            grounds = set()
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
                asked = requests(page)
                page.set_content(html_of(made(name)))

                assert asked == []
                assert page.evaluate("document.documentElement.scrollWidth") <= 390
                assert not page.locator(".preheader").is_visible()
                grounds.add(page.locator(".sheet").evaluate("element => getComputedStyle(element).backgroundColor"))
                page.close()
            assert len(grounds) == 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_day_and_by_night(scheme: Literal["light", "dark"]) -> None:
    """axe-core finds nothing wrong with letters, their colours above all, on a bright and on a dark screen."""
    with judges.browser() as browser:
        for name in ("daily", "weekly", "sample"):
            page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
            page.set_content(html_of(made(name)))
            found = [str(one) for one in judges.axe(page) if not one.message.startswith(_PAGE)]
            page.close()

            assert found == []


_PAGE = ("region:", "landmark-one-main:")
"""Rules of whole pages: a letter has no navigation to be parted from."""


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """Give a data folder with two dates of invented papers."""
    return two_dates(tmp_path_factory.mktemp("data"), template)


def test_a_letter_can_be_looked_at(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the letter that would be sent, to a file or to standard output, and no key is made for it."""
    common = ["mail", "preview", "--to", "me@example.org", "--data", str(data), "--quiet"]
    assert main([*common, "--date", str(NEWEST)]) == 0
    printed = capsys.readouterr().out
    assert main([*common, "--weekly", "--word", "depth", "--language", "fr", "--output", str(tmp_path / "letter.eml")]) == 0
    written = (tmp_path / "letter.eml").read_bytes()

    assert read(printed.encode()).keys() == read(written).keys() == HEADERS
    assert read(printed.encode())["Subject"] == f"cs.CV, {short_date(NEWEST, 'en')}: 3 papers"
    assert read(written)["Subject"] == f"cs.CV, week to {short_date(NEWEST, 'fr')}: 8 papers"
    assert {path.name for path in data.iterdir() if "key" in path.name} == set()


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--to", "nobody"], 2, "no mail address"),
        (["--to", "me@example.org", "--date", "2020-01-02"], 2, "there is no digest of 2020-01-02"),
        (["--to", "me@example.org", "--most", "many"], 2, "a number from 0"),
        (["--to", "me@example.org", "--topic", "nonsense"], 2, "no topic"),
        (["--to", "me@example.org", "--word", "nowhere"], 1, "no letter would be sent"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    data: Path, capsys: pytest.CaptureFixture[str], options: list[str], status: int, said: str
) -> None:
    """Every mistake has its sentence."""
    assert main(["mail", "preview", "--data", str(data), *options]) == status
    assert said in capsys.readouterr().err
