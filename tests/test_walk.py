"""A person's whole way, with a real browser and a real mailbox: subscribe, confirm, read, choose otherwise, end it."""

import email
import email.policy
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from digest import cli
from tests import browsing, servers, weeks
from tests.postbox import Postbox, postbox
from tests.reference import ROOT, clean_environment
from tests.weeks import Program

pytestmark = pytest.mark.slow
ADDRESS = "ada@example.org"


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Return the program towards a server that plays arXiv; its mail goes to a server of the test."""
    with servers.arxiv() as arxiv:
        weeks.play(arxiv)
        yield weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def served(program: Program, home: str) -> Iterator[None]:
    """Serve what the program has made, with the forms, in a process of its own."""
    port = home.rpartition(":")[2].strip("/")
    settings = {"CVDIGEST_SUBSCRIBE": "yes", "CVDIGEST_MAIL_LIST": "list.example.org", "CVDIGEST_MAIL_URL": home}
    environment = clean_environment(program.folder / "config", CVDIGEST_NOW="2026-11-12T12:00Z", **settings)
    command = [sys.executable, "-m", "digest", "serve", "--port", port, "--data", str(program.folder / "data"), "--log", "text"]
    with (program.folder / "served.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == home, (program.folder / "served.log").read_text("utf-8")
            yield
            child.terminate()
            assert child.wait(30) == 0
        finally:
            child.kill()
            child.communicate()


def letters(box: Postbox) -> list[EmailMessage]:
    """Return what arrived since the last look."""
    found = [email.message_from_bytes(one, policy=email.policy.default) for one in box.letters]
    assert all(isinstance(one, EmailMessage) for one in found)
    del box.letters[:]
    return [one for one in found if isinstance(one, EmailMessage)]


def text(letter: EmailMessage) -> str:
    """Return the plain text of a letter."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link(letter: EmailMessage, purpose: str) -> str:
    """Return the address in a letter that is good for something."""
    (found,) = set(re.findall(rf"\S+/{purpose}/\S+", text(letter)))
    return str(found)


def made_and_sent(program: Program, day: int, box: Postbox) -> list[EmailMessage]:
    """Make the digest of a date of November 2026, and send what is due at its noon; return what arrived."""
    program.now = f"2026-11-{day}T06:00Z"
    assert program("run", "--date", f"2026-11-{day}").status == 0
    return sent(program, day, box)


def sent(program: Program, day: int, box: Postbox) -> list[EmailMessage]:
    """Send what is due at noon."""
    program.now = f"2026-11-{day}T12:30Z"
    arguments = [one for one in program.options("send") if one not in ("--out", str(program.folder / "out"))]
    assert cli.main(["send", *arguments]) == 0
    return letters(box)


def test_a_person_s_walk(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is one that a person takes; what the mailbox gets is what was chosen, and nothing after the click."""
    home = f"http://127.0.0.1:{free_port()}/"
    with postbox("none", login=False) as box, browsing.launched() as browser:
        for name, value in (
            ("MAIL_SERVER", f"smtp://127.0.0.1:{box.port}"), ("MAIL_FROM", "digest@list.example.org"), ("MAIL_LIST", "list.example.org"),
            ("MAIL_URL", home),
        ):  # fmt: skip
            monkeypatch.setenv(f"CVDIGEST_{name}", value)
        assert made_and_sent(program, 12, box) == []
        with served(program, home), browsing.reading(browser, home, scripts=False, width=390) as reader:
            page = reader.page()
            page.get_by_role("link", name="Subscribe").click()
            page.get_by_label("Your mail address").fill(ADDRESS)
            page.get_by_label("One each day").check()
            page.get_by_role("button", name="Subscribe").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")

            (asking,) = sent(program, 12, box)
            assert asking["To"] == ADDRESS
            assert made_and_sent(program, 13, box) == []  # nobody has confirmed
            page.goto(link(asking, "confirm"))
            assert (page.get_by_text("Nothing is sent").count(), made_and_sent(program, 13, box)) == (1, [])
            page.get_by_role("button", name="Confirm").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed")

            (daily,) = made_and_sent(program, 17, box)
            assert "Detecting Objects on Day 17" in text(daily)
            assert "Gardens of Day 17" in text(daily)
            assert made_and_sent(program, 17, box) == []
            page.goto(link(daily, "manage"))
            page.get_by_label("Never with one of these").fill("radiance field")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("status")).to_contain_text("kept")

            (other,) = made_and_sent(program, 18, box)
            assert "Detecting Objects on Day 18" in text(other)
            assert "Gardens of Day 18" not in text(other)
            click = one_click(other)
            assert click == (200, set())
            assert made_and_sent(program, 20, box) == []
            page.goto(link(other, "unsubscribe"))
            expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
            look_again(page, link(other, "manage"))
            assert sent(program, 20, box) == []
    log = (program.folder / "served.log").read_text("utf-8")
    assert ADDRESS not in log
    assert link(daily, "manage").rpartition("/")[2] not in log


def one_click(letter: EmailMessage) -> tuple[int, set[str]]:
    """Unsubscribe as a mail program does; return the status, and what of the answer it must not have."""
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = str(letter["List-Unsubscribe"]).strip("<>")
    asked = Request(url, data=b"List-Unsubscribe=One-Click", method="POST")
    with urlopen(asked, timeout=30) as answer:
        return answer.status, {"Set-Cookie", "Location"} & set(answer.headers.keys())


def look_again(page: Page, manage: str) -> None:
    """Change one's mind: nobody is subscribed by the link in a letter from before, without one that asks."""
    page.get_by_role("link", name="Subscribe again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Subscribe")
    page.goto(manage)
    page.get_by_role("button", name="Subscribe again").click()
    expect(page.get_by_role("status")).to_contain_text("asks to confirm")
    expect(page.get_by_text("No letters go to")).to_be_visible()
