"""``cvdigest send`` and ``cvdigest mail test``: from the settings to the wire."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from digest import app, resources
from digest.cli import main
from digest.core.subscription import Choice, Frequency, Standing
from digest.core.tokens import verp
from digest.keys import links_key
from digest.settings import read
from digest.store import outbox, subscribers
from digest.store.database import Database, address
from tests import invented_site as invented
from tests import postbox
from tests import returned as samples
from tests.reference import ROOT, clean_environment
from tests.stores import DAY

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with a few dates, and with letters for three people: one daily, one weekly, one who has to confirm."""
    database = invented.copied(template, tmp_path)
    invented.filled(database)
    with database.write() as connection:
        outbox.queue(connection, "cs.CV", DAY - timedelta(days=2), NOW, calendar=resources.calendar())  # before anybody is there
        for name, frequency, standing in (
            ("day", Frequency.DAILY, Standing.CONFIRMED),
            ("week", Frequency.WEEKLY, Standing.CONFIRMED),
            ("asked", Frequency.DAILY, Standing.PENDING),
        ):
            address = f"{name}@example.org"
            joined = datetime(2026, 11, 1, tzinfo=UTC)
            one = subscribers.add(connection, address, address, Choice(frequency=frequency, hour=3), standing, name, joined)
        outbox.ask(connection, one.key, NOW)
        outbox.queue(connection, "cs.CV", DAY, NOW, calendar=resources.calendar())
    database.close()
    for name, value in {"MAIL_LIST": "digest.example.org", "SITE_URL": "https://example.org/", "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"CVDIGEST_{name}", value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def send(port: int, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Run the command against the server at a port."""
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", f"smtp://127.0.0.1:{port}")
    return main(["send", "--now", NOW.isoformat(), *options])


def test_one_damaged_choice(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose choice cannot be understood gets no letter, and all others get theirs."""
    with closing(sqlite3.connect(folder / "cvdigest.db")) as connection, connection:
        connection.execute("UPDATE subscribers SET choice = '{' WHERE nonce = 'day'")
        connection.execute("UPDATE subscribers SET choice = '{}', zone = 'Mars/Olympus' WHERE nonce = 'week'")
    with postbox.postbox("none", login=False) as box:
        assert send(box.port, monkeypatch, "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["sent"], told["deferred"]) == (2, 1)


@pytest.mark.usefixtures("folder")
def test_from_the_queue_to_the_wire(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A letter a day, one a week, and one that asks to confirm; each once, and what was done is told."""
    with postbox.postbox("none", login=False) as box:
        assert send(box.port, monkeypatch, "--workers", "2", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert send(box.port, monkeypatch) == 0

    assert {name: told[name] for name in ("sent", "refused", "uncertain", "trouble")} == {
        "sent": 3,
        "refused": 0,
        "uncertain": 0,
        "trouble": "",
    }
    assert capsys.readouterr().out.startswith("0 sent")
    names = {
        "<cs.cv.2026-11-20.daily.s1@digest.example.org>",
        "<cs.cv.2026-11-20.weekly.s2@digest.example.org>",
        "<confirm.s3.2026-11-20@digest.example.org>",
    }
    letters = {postbox.identifier(letter): letter for letter in box.letters}
    assert set(letters) == names
    assert {sender.rpartition("@")[2] for sender in box.senders} == {"digest.example.org"}
    assert b"Older Splatting" in letters["<cs.cv.2026-11-20.weekly.s2@digest.example.org>"]
    assert b"List-Unsubscribe" not in letters["<confirm.s3.2026-11-20@digest.example.org>"]


@pytest.mark.usefixtures("folder")
def test_letters_lead_to_what_serves_the_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other site is known, its pages are those that letters are read on."""
    monkeypatch.delenv("CVDIGEST_SITE_URL")
    for name, value in {"MAIL_URL": "https://forms.example.org/", "SUBSCRIBE": "yes"}.items():
        monkeypatch.setenv(f"CVDIGEST_{name}", value)
    with postbox.postbox("none", login=False) as box:
        assert send(box.port, monkeypatch) == 0

    letters = {postbox.identifier(letter): letter for letter in box.letters}
    assert b"https://forms.example.org/days/2026-11-20.html" in letters["<cs.cv.2026-11-20.daily.s1@digest.example.org>"]


@pytest.mark.usefixtures("folder")
def test_what_is_uncertain_is_listed_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its address and its Message-ID, by which it can be looked for in a log."""
    with postbox.relay("after", times=1) as box:
        assert send(box.port, monkeypatch) == 0
        capsys.readouterr()
        assert send(box.port, monkeypatch, "--uncertain", "--json") == 0

    (row,) = json.loads(capsys.readouterr().out)
    assert row["message_id"] in box.identifiers()
    assert row["address"] in box.recipients
    assert "dropped the connection" in row["answer"]


def test_what_a_dead_sender_left_is_listed_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a run that sends."""
    with closing(Database(address("", folder))) as database, database.write() as connection:
        (row, *_) = outbox.claim(connection, "elsewhere:1:one", NOW - timedelta(hours=2), 1)
        assert outbox.begin(connection, row.key, "elsewhere:1:one", NOW - timedelta(hours=2))
    assert send(9, monkeypatch, "--uncertain") == 0

    told = capsys.readouterr().out
    assert "asked@example.org  <confirm.s3.2026-11-20@digest.example.org>" in told
    assert "its sender ended" in told


@pytest.mark.usefixtures("folder")
def test_status_tells_how_many_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """And when the next one is due."""
    assert main(["status", "--now", NOW.isoformat()]) == 0
    assert "letters: 3 wait, 0 put off, 0 uncertain; the next is due now\n" in capsys.readouterr().out


@pytest.mark.parametrize(("decision", "copies"), [("sent", 1), ("again", 2)])
@pytest.mark.usefixtures("folder")
def test_what_is_held_is_decided_by_hand(
    decision: str, copies: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told with the command that decides, once; after that it is uncertain no more."""
    monkeypatch.setenv("CVDIGEST_UNCERTAIN", "hold")
    with postbox.relay("after", times=1) as box:
        assert send(box.port, monkeypatch) == 0
        (name,) = re.findall(r"--resolve '(<\S+>)'", capsys.readouterr().err)
        assert send(box.port, monkeypatch, "--resolve", name.strip("<>"), decision) == 0
        assert send(box.port, monkeypatch) == 0
        assert send(box.port, monkeypatch, "--resolve", name, decision) == 1
        assert "is not uncertain" in capsys.readouterr().err
        assert send(box.port, monkeypatch, "--resolve", name, "perhaps") == 2

    assert box.identifiers().count(name) == copies


@pytest.mark.usefixtures("folder")
def test_a_server_that_is_down_fails_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 1, it is told why, and nothing is lost."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert send(port, monkeypatch) == 1
    told = capsys.readouterr().err
    assert "cannot be reached" in told
    assert "does a mail server listen there?" in told
    with postbox.relay() as box:
        assert send(box.port, monkeypatch) == 0

    assert len(box.letters) == 3


@pytest.mark.parametrize(("missing", "said"), [("MAIL_LIST", "mail_list is not set"), ("MAIL_SERVER", "no mail server is set")])
@pytest.mark.usefixtures("folder")
def test_what_has_to_be_set(missing: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a list or a server nothing can be sent, which is told."""
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", "smtp://127.0.0.1:1")
    monkeypatch.delenv(f"CVDIGEST_{missing}")

    assert main(["send"]) == 2
    assert said in capsys.readouterr().err


def test_a_number_of_workers_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused as wrong use."""
    assert main(["send", "--workers", "0"]) == 2
    assert "--workers" in capsys.readouterr().err


# -- mail test -------------------------------------------------------------------------------------------------------------


def try_mail(url: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the test of the mail server."""
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", url)
    monkeypatch.setenv("CVDIGEST_MAIL_FROM", "digest@example.org")
    return main(["mail", "test", "--to", "you@example.org"])


def test_each_step_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them go well, and one letter arrives."""
    with postbox.postbox("none", login=False) as box:
        assert try_mail(f"smtp://127.0.0.1:{box.port}", monkeypatch) == 0

    lines = capsys.readouterr().out.splitlines()
    steps = [line.split()[0] for line in lines]
    assert lines[0] == "signature        none: dkim-selector is not set, letters go unsigned"
    assert steps == ["signature", "name", "connection", "TLS", "log-in", "sender", "recipient", "letter"]
    assert len(box.letters) == 1


def test_the_signature_is_tried_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The letter is signed as others would be; a key that is no good, and a sender of another domain, are told of."""
    key = tmp_path / "dkim.pem"
    key.write_text("no key")
    key.chmod(0o600)
    for name, value in {"MAIL_LIST": "digest.example.net", "DKIM_SELECTOR": "cv1", "DKIM_KEY_FILE": str(key)}.items():
        monkeypatch.setenv(f"CVDIGEST_{name}", value)
    with postbox.postbox("none", login=False) as box:
        url = f"smtp://127.0.0.1:{box.port}"
        assert try_mail(url, monkeypatch) == 2
        assert "holds no private key" in capsys.readouterr().err
        assert not box.letters
        pair = rsa.generate_private_key(65537, 1024)  # noqa: S505 - for a test, and made in no time
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()  # as openssl genrsa writes it
        key.write_bytes(pair.private_bytes(serialization.Encoding.PEM, *form))
        assert try_mail(url, monkeypatch) == 0
        told = capsys.readouterr()
        assert told.out.startswith("signature        ok: d=digest.example.net, s=cv1\n")
        assert "letters come from digest@example.org and are signed for digest.example.net" in told.err
        monkeypatch.setenv("CVDIGEST_MAIL_LIST", "digest.example.org")
        assert try_mail(url, monkeypatch) == 0
        assert "are signed for" not in capsys.readouterr().err

    assert [b"DKIM-Signature: " in letter for letter in box.letters] == [True, True]


@pytest.mark.parametrize(
    ("where", "step"),
    [("refuse_sender", "sender"), ("refuse", "recipient"), ("refuse_letter", "letter"), ("", "connection"), ("name", "name resolution")],
)
def test_the_step_that_fails_is_named(where: str, step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And what the server said; the exit status is 1."""
    with postbox.postbox("none", login=False) as box:
        if where.startswith("refuse"):
            setattr(box, where, "550 5.7.1 not here")
        port = box.port
        url = "smtps://nobody.invalid" if where == "name" else f"smtp://127.0.0.1:{port}"
        if where:
            assert try_mail(url, monkeypatch) == 1
    if not where:
        assert try_mail(url, monkeypatch) == 1

    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith(f"{step:<16} FAILED")
    assert f"{step} failed" in told.err
    assert ("not here" in told.err) == where.startswith("refuse")


# -- the schedule ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_schedule_sends_what_is_due(folder: Path) -> None:
    """It counts letters that came back, hands others over by itself, and ends well when it is told to."""
    for name in ("new", "cur", "tmp"):
        (folder / "bounces" / name).mkdir(parents=True)
    key = links_key(read({"data": str(folder)}, {}, ()), folder, {})
    for number in range(2):
        returned = samples.postfix(verp(key, "digest.example.org", 1)) + str(number).encode()
        (folder / "bounces" / "new" / f"{number}.host").write_bytes(returned)
    with postbox.relay() as box:
        environment = clean_environment(
            folder,
            CVDIGEST_MAIL_LIST="digest.example.org",
            CVDIGEST_SITE_URL="https://example.org/",
            CVDIGEST_MAIL_SERVER=f"smtp://127.0.0.1:{box.port}",
            CVDIGEST_MAIL_FROM="digest@example.org",
            CVDIGEST_OPERATOR="you@example.org",
            CVDIGEST_BOUNCES=str(folder / "bounces"),
        )
        command = [sys.executable, "-m", "digest", "schedule", "--now", NOW.isoformat(), "--speed", "1", "--data", str(folder)]
        command += ["--arxiv-url", "http://127.0.0.1:9", "--out", str(folder / "out"), "--no-site"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert box.takes("<cs.cv.2026-11-20.weekly.s2@digest.example.org>", 60)
            finally:
                process.send_signal(signal.SIGTERM)
                said = process.communicate(timeout=60)[1]

    assert process.returncode == 0
    assert "letters: 3 sent" in said
    assert said.index("messages read: 2, letters that came back: 2") < said.index("letters: 3 sent")
    assert len(list((folder / "bounces" / "cur").iterdir())) == 2
    assert {"<cs.cv.2026-11-20.daily.s1@digest.example.org>", "<confirm.s3.2026-11-20@digest.example.org>"} <= set(box.identifiers())


@pytest.mark.usefixtures("folder")
def test_a_courier_lets_a_server_be_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each failure in a row more rounds are left out; with the first success none."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", f"smtp://127.0.0.1:{port}")
    settings = read({}, os.environ, ())
    with app.App(settings, NOW, said.append, said.append) as program:
        courier = program.courier(os.environ, lambda: NOW, threading.Event())
        rounds = [courier.round() is not None for _ in range(12)]

    assert rounds == [True, False, True, False, False, False, True, False, False, False, False, False]
    assert [line.rpartition("in ")[2] for line in said if "tried again" in line] == ["2 minutes", "4 minutes", "8 minutes"]
