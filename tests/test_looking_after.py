"""``cvdigest subscribers``: who gets letters, as whoever runs this copy deals with them."""

import codecs
import csv
import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.cli import main
from digest.core.roster import Person, Refused, read
from digest.core.subscription import Choice, Frequency, Handling, Purpose, Standing, Subscriber
from digest.core.tokens import digest_of, token
from digest.recipients import recipient
from digest.store import outbox, schema, subscribers
from digest.store.database import Database, address
from digest.subscribers import Became, Imported, Register
from digest.subscriptions import Subscriptions
from tests import stores

KEY = bytes(range(32))
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
ADA = recipient("ada@example.org")
CHOSEN = Choice(shelves=("3d",), authors=("B. Example",), frequency=Frequency.WEEKLY)


@pytest.fixture(params=stores.KINDS)
def register(request: pytest.FixtureRequest) -> Iterator[Register]:
    """Look after the subscribers of an empty database, of both kinds."""
    with stores.lent(request) as found:
        yield Register(found, KEY)


@pytest.fixture
def here(file: Database) -> Register:
    """Look after the subscribers of an empty database of SQLite."""
    return Register(file, KEY)


def people(register: Register) -> dict[str, str]:
    """Return the standing of everybody."""
    return {one.address: one.standing.value for one in register.listed()}


def one(register: Register, who: str = "ada@example.org") -> Subscriber:
    """Return somebody."""
    return next(found for found in register.listed() if found.address == who)


def letters(register: Register) -> list[str]:
    """Return whom letters are queued for."""
    everybody = list(register.listed())
    with register.database.read() as connection:
        return [row.recipient for person in everybody for row in outbox.of_subscriber(connection, person.key)]


def take(register: Register, *lines: str, now: datetime = NOW, vouched: bool = True, dry: bool = False) -> Imported:
    """Import a file of these lines."""
    return register.take(read([f"{line}\n" for line in lines], frozenset({"3d", "video"}), now), now, vouched=vouched, dry=dry)


# -- one person ------------------------------------------------------------------------------------------------------------


def test_somebody_is_asked(register: Register) -> None:
    """Each time; the link in the letter is theirs, and confirms what that letter says. One that waits is dropped."""
    first = register.add(ADA, Choice(), NOW)
    second = register.add(ADA, CHOSEN, NOW + timedelta(hours=1))
    person = one(register)
    link = token(KEY, Purpose.CONFIRM, person.key, person.nonce)
    confirmed = Subscriptions(register.database, KEY).confirm(link, NOW + timedelta(hours=2))

    assert (first[0], second[0]) == (Became.ASKED, Became.ASKED)
    assert letters(register) == [f"confirm/{person.key}/2026-11-20", f"confirm/{person.key}/2026-11-20.2"]
    with register.database.read() as connection:
        assert [row.handling for row in outbox.of_subscriber(connection, person.key)] == [Handling.DROPPED, Handling.NEW]
    assert confirmed is not None
    assert confirmed.choice == CHOSEN


def test_somebody_is_brought_back_at_once(register: Register) -> None:
    """Who was removed by mistake is asked the same day, and by the letter that is due then."""
    register.add(ADA, Choice(), NOW)
    register.remove(ADA, NOW + timedelta(hours=1))

    assert register.add(ADA, CHOSEN, NOW + timedelta(hours=2))[0] is Became.ASKED
    with register.database.write() as connection:
        (row,) = outbox.claim(connection, "elsewhere:1:one", NOW + timedelta(hours=2), 10)
    assert (row.asked, row.date) == ("2026-11-20.2", NOW.date())


@pytest.mark.parametrize("asked", [False, True])
def test_somebody_is_vouched_for(register: Register, *, asked: bool) -> None:
    """Then nobody is asked, the links in letters to them are good, and a second time changes the choice."""
    if asked:
        register.add(ADA, Choice(), NOW)
    assert register.add(ADA, Choice(), NOW, vouched=True) == (Became.CONFIRMED, "")
    assert register.add(ADA, CHOSEN, NOW, vouched=True) == (Became.CONFIRMED, "")
    person = one(register)
    service = Subscriptions(register.database, KEY)
    found = [
        service.known(token(KEY, purpose, person.key, person.nonce), purpose, NOW) for purpose in (Purpose.MANAGE, Purpose.UNSUBSCRIBE)
    ]

    assert [who.key if who else None for who in found] == [person.key, person.key]
    assert (person.standing, person.choice, person.confirmed) == (Standing.CONFIRMED, CHOSEN, NOW)


def test_who_has_unsubscribed_decides(register: Register) -> None:
    """They are not brought back by anybody's word, but may be asked; who was erased is not even asked."""
    register.add(ADA, Choice(), NOW, vouched=True)
    assert register.remove(ADA, NOW)
    refused = register.add(ADA, Choice(), NOW, vouched=True)
    asked = register.add(ADA, Choice(), NOW)

    assert refused[0] is Became.REFUSED
    assert "has unsubscribed" in refused[1]
    assert asked[0] is Became.ASKED
    assert people(register) == {"ada@example.org": "ended"}
    Subscriptions(register.database, KEY).erase("ada@example.org", NOW)
    assert [register.add(ADA, Choice(), NOW, vouched=vouched)[0] for vouched in (False, True)] == [Became.REFUSED, Became.REFUSED]
    assert people(register) == {}


def test_nobody_is_removed(here: Register) -> None:
    """It is said that there was nobody."""
    assert not here.remove(ADA, NOW)


# -- many ------------------------------------------------------------------------------------------------------------------


def test_a_file(register: Register) -> None:
    """New people come in with their choices, and good links; who is there stays as they are."""
    register.add(ADA, CHOSEN, NOW, vouched=True)
    report = take(register, "address,topics,hour", "ada@example.org,video,1", "ben@example.org,3d;video,7", "x,,", "cy@example.org,4d,")
    ben = one(register, "ben@example.org")
    unsubscribe = token(KEY, Purpose.UNSUBSCRIBE, ben.key, ben.nonce)

    assert report.counts == {Became.CONFIRMED: 1, Became.KNOWN: 1, Became.REFUSED: 2}
    assert [found.line for found in report.refused] == [4, 5]
    assert one(register).choice == CHOSEN
    assert ben.choice == Choice(shelves=("3d", "video"), hour=7)
    assert Subscriptions(register.database, KEY).end(unsubscribe, NOW) is not None
    assert letters(register) == []


def test_a_file_of_people_to_be_asked(register: Register) -> None:
    """Each gets a letter, whose link is good for three days."""
    report = take(register, "ada@example.org", "ben@example.org", vouched=False)
    found = one(register)
    with register.database.read() as connection:
        sha256 = digest_of(token(KEY, Purpose.CONFIRM, found.key, found.nonce))
        good = [subscribers.by_token(connection, sha256, Purpose.CONFIRM, NOW + timedelta(days=days)) is not None for days in (2, 4)]

    assert report.counts == {Became.ASKED: 2, Became.REFUSED: 0}
    assert good == [True, False]
    assert sorted(letters(register)) == sorted(f"confirm/{person.key}/2026-11-20" for person in register.listed())


def test_nobody_comes_back_by_a_file(register: Register) -> None:
    """Neither who has unsubscribed or was stopped, here or in the file, nor who was erased; and an end in a file is an end."""
    for who in ("ada", "ben", "cy"):
        register.add(recipient(f"{who}@example.org"), Choice(), NOW, vouched=True)
    register.remove(ADA, NOW)
    Subscriptions(register.database, KEY).erase("ben@example.org", NOW)
    lines = [
        "ada@example.org,confirmed",
        "BEN@example.org,confirmed",
        "cy@example.org,ended",
        "dee@example.org,ended",
        "eve@example.org,stopped",
    ]
    report = take(register, "address,standing", *lines, "flo@example.org,pending")

    assert people(register) == {
        "ada@example.org": "ended", "cy@example.org": "ended", "dee@example.org": "ended", "eve@example.org": "stopped",
        "flo@example.org": "pending",
    }  # fmt: skip
    assert [(found.line, found.why.partition(" ")[2]) for found in report.refused] == [
        (2, "has unsubscribed"),
        (3, "was erased, and is never written to again"),
    ]


def test_all_or_nothing(here: Register) -> None:
    """A file that breaks off in the middle leaves nothing behind, and a dry run does neither."""

    def breaks() -> Iterator[Person | Refused]:
        yield Person(1, ADA, Choice())
        msg = "the file ends here"
        raise OSError(msg)

    with pytest.raises(OSError, match="ends here"):
        here.take(breaks(), NOW, vouched=True)
    report = take(here, "ada@example.org", "nobody", dry=True)

    assert report.counts == {Became.CONFIRMED: 1, Became.REFUSED: 1}
    assert people(here) == {}


@pytest.mark.slow
def test_a_hundred_thousand(here: Register) -> None:
    """They come in within two minutes of work, and go out again as they are."""
    lines = [
        "address,topics,authors,zone,hour",
        *(f"r{number}@example.org,3d;video,A. Example {number % 9},UTC,{number % 24}" for number in range(100_000)),
    ]
    began = time.process_time()
    report = take(here, *lines)

    assert report.counts == {Became.CONFIRMED: 100_000, Became.REFUSED: 0}
    assert time.process_time() - began < 120
    assert sum(1 for _ in here.listed()) == 100_000


@pytest.mark.slow
def test_others_write_meanwhile(file: Database) -> None:
    """A long import lets others write between, and one that broke off is made whole by another."""
    register = Register(file, KEY)
    lines = [f"r{number}@example.org" for number in range(6_000)]
    take(register, *lines[:1_000])
    waits = list[float]()
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(take, register, *lines, "nobody")
        while not importing.done():
            begun = time.perf_counter()
            with file.write() as connection:
                connection.execute(sa.delete(schema.bounces))
            waits.append(time.perf_counter() - begun)
            wait([importing], 0.05)
        report = importing.result()

    assert report.counts == {Became.KNOWN: 1_000, Became.CONFIRMED: 5_000, Became.REFUSED: 1}
    assert max(waits) < 3
    assert len(waits) > 3


# -- the commands ----------------------------------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command on a data folder, and returns its status and what it printed."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(template, data / "cvdigest.db")

    def command(*arguments: str, folder: Path = data) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["subscribers", *arguments, "--data", str(folder)])
        return status, *capsys.readouterr()

    return command


def test_from_adding_to_removing(run: Run) -> None:
    """What is chosen on the command line is kept, listed, and ended."""
    options = [
        "--topic",
        "3d",
        "--include",
        "event camera",
        "--exclude",
        "medical",
        "--author",
        "Ada Example",
        "--kinds",
        "new,cross",
        "--weekly",
    ]
    more = ["--most", "20", "--sure", "--language", "de", "--zone", "Europe/Berlin", "--hour", "7", "--confirmed"]
    added = run("add", "Ada@Example.org", *options, *more)
    listed = json.loads(run("list", "--json")[1])
    asked = run("add", "ben@example.org")
    more_than_listed = run("add", "ben@example.org", "--kinds", "new,replaced")
    assert "the digest lists new, cross, and not replaced; set include" in more_than_listed[2]
    assert "set include" not in asked[2]
    assert run("erase", "cy@example.org")[1].startswith("nothing was known of cy@example.org; it will never be written to")
    table = run("list", "--standing", "pending")[1]
    removed, unknown = run("remove", "ada@example.org"), run("remove", "eve@example.org")

    assert added[:2] == (0, "Ada@example.org gets letters from now on\n")
    assert "mail_list" in added[2]
    del listed["subscribers"][0]["made"], listed["subscribers"][0]["confirmed"]
    assert listed == {
        "counts": {"pending": 0, "confirmed": 1, "stopped": 0, "ended": 0},
        "subscribers": [
            {
                "address": "Ada@example.org", "standing": "confirmed", "topics": ["3d"], "include": ["event camera"],
                "exclude": ["medical"], "authors": ["Ada Example"], "kinds": ["new", "cross"], "frequency": "weekly", "most": 20,
                "sure": True, "language": "de", "zone": "Europe/Berlin", "hour": 7,
            },
        ],
    }  # fmt: skip
    assert "asks to confirm" in asked[1]
    assert "ben@example.org" in table
    assert "Ada@" not in table
    assert "1 pending, 1 confirmed, 0 stopped, 0 ended" in table
    assert (removed[0], unknown[0]) == (0, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "ada"],
        ["add", "ada@example.org, ben@example.org"],
        ["add", "ada@example.org", "--topic", "4d"],
        ["add", "ada@example.org", "--hour", "25"],
        ["add", "ada@example.org", "--zone", "Mars/Olympus"],
        ["add", "ada@example.org", "--kinds", "old"],
        ["list", "--standing", "asleep"],
        ["export", "--format", "xml"],
        ["export", "ada@example.org", "--format", "csv"],
        ["import", "nothing-is-there.csv"],
        ["bounces"],
    ],
)
def test_wrong_use(run: Run, arguments: list[str]) -> None:
    """It is told what is wrong, in one line."""
    status, out, err = run(*arguments)

    assert (status, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_everybody_goes_to_another_machine(run: Run, tmp_path: Path, template: Path, form: str) -> None:
    """What is exported is imported, and exported again it is the same."""
    rows = [
        "address,topics,include,standing",
        'ada@example.org,3d;video,"=cmd;a, b",',
        "+ben@example.org,,,ended",
        "cy@example.org,,,stopped",
    ]
    (tmp_path / "people.csv").write_text("\n".join(rows), "utf-8")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(template, other / "cvdigest.db")
    assert run("import", str(tmp_path / "people.csv"), "--confirmed")[0] == 0
    first = run("export", "--format", form, "--output", str(tmp_path / "first"))
    assert run("import", str(tmp_path / "first"), "--confirmed", folder=other)[:2] == (0, "1 confirmed, 2 ended\n")
    again = run("export", "--format", form, folder=other)[1]

    assert first[0] == 0
    assert again == (tmp_path / "first").read_bytes().decode()
    assert not [cell for row in csv.reader(again.splitlines()) for cell in row if form == "csv" and cell[:1] in "=+" and cell]


def test_nobody_else_reads_what_is_exported(run: Run, tmp_path: Path) -> None:
    """A file of addresses is for its owner alone, also where one that others could read stood there, with the same in it or not."""
    run("add", "ada@example.org", "--confirmed")
    path = tmp_path / "people"
    for before in (None, b"", b"same"):
        if before is not None:
            path.chmod(0o644)
        if before == b"":
            path.write_bytes(before)
        assert run("export", "--output", str(path))[0] == 0
        assert (path.stat().st_mode & 0o777, b"ada@example.org" in path.read_bytes()) == (0o600, True)
    assert run("export", "ada@example.org", "--output", str(tmp_path / "ada"))[0] == 0
    assert (tmp_path / "ada").stat().st_mode & 0o777 == 0o600


def test_a_look_makes_nothing(run: Run, tmp_path: Path) -> None:
    """Where there is no database it is said so; where there is one, no key is made."""
    for command in (["list"], ["export"], ["export", "ada@example.org"]):
        status, out, err = run(*command, folder=tmp_path / "nothing")
        assert (status, out) == (1, "")
        assert f"there is no database in {tmp_path / 'nothing'} yet" in err
        assert run(*command)[0] == (1 if "ada@example.org" in command else 0)

    assert not (tmp_path / "nothing").exists()
    assert [path.name for path in (tmp_path / "data").iterdir() if path.suffix != ".db"] == []


def test_who_is_asked_has_not_confirmed(here: Register) -> None:
    """Whatever a file says of another machine."""
    take(here, "address,standing,confirmed", "ada@example.org,confirmed,2026-11-01", "ben@example.org,ended,2026-11-01", vouched=False)

    assert (one(here).standing, one(here).confirmed) == (Standing.PENDING, None)
    assert one(here, "ben@example.org").confirmed == datetime(2026, 11, 1, tzinfo=UTC)


def test_one_damaged_choice(run: Run, tmp_path: Path) -> None:
    """It is told, and keeps nobody from looking after that person and all others."""
    for who in ("ada", "ben"):
        run("add", f"{who}@example.org", "--confirmed", "--topic", "3d")
    with closing(Database(address("", tmp_path / "data")).open()) as database, database.write() as connection:
        connection.execute(sa.text("UPDATE subscribers SET choice = '{' WHERE id = 1"))

    status, out, _ = run("list")
    assert (status, "no choice" in out.splitlines()[0], "3d" in out.splitlines()[1]) == (0, True, True)
    assert "no choice" in run("export", "ada@example.org")[1]
    status, out, err = run("export")
    assert (status, len(out.splitlines()), "ada@example.org" in err, "ben@" in err) == (1, 3, True, False)
    assert run("remove", "ada@example.org")[0] == run("erase", "ada@example.org")[0] == 0
    assert run("list")[1].splitlines()[0].startswith("ben@example.org")


def test_a_list_tells_what_was_chosen(run: Run) -> None:
    """All of it, each person on a line."""
    run("add", "a@example.org", "--confirmed")
    words = ["--include", "event camera", "--exclude", "nerf", "--author", "A. Example", "--kinds", "new,cross", "--most", "5", "--sure"]
    times = ["--weekly", "--language", "de", "--zone", "Europe/Berlin", "--hour", "7"]
    run("add", "ada@example.org", "--confirmed", "--topic", "3d", *words, *times)

    first, second, counts = run("list")[1].splitlines()
    assert first == "a@example.org    confirmed  daily   06:00 UTC  all topics"
    assert second == (
        'ada@example.org  confirmed  weekly  07:00 Europe/Berlin  3d; new, cross; with "event camera"; without "nerf"; by "A. Example"; '
        "5 papers at most; only sure ones; dates in de"
    )
    assert counts == "0 pending, 2 confirmed, 0 stopped, 0 ended"


def test_a_report_of_what_was_refused(run: Run, tmp_path: Path) -> None:
    """By its line; also of standard input, as JSON, and where nothing is kept."""
    (tmp_path / "people").write_text("ada@example.org\nnobody\n", "utf-8")
    table = run("import", str(tmp_path / "people"), "--dry-run")
    document = json.loads(run("import", str(tmp_path / "people"), "--json")[1])

    assert (table[0], table[1].splitlines()[-1]) == (1, "a dry run: 1 asked, 1 refused")
    assert table[1].startswith("line 2: 'nobody' is no mail address")
    assert document["counts"]["asked"] == 1
    assert [found["line"] for found in document["refused"]] == [2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_files_of_other_machines(run: Run, tmp_path: Path, encoding: str, end: str) -> None:
    """However lines end and letters are written, the numbers of lines are right."""
    text = end.join(["address;authors", "ada@example.org;Jos\u00e9 Example", "", "nobody;"])
    (tmp_path / "people").write_bytes(codecs.BOM_UTF16_BE * (encoding == "utf-16-be") + text.encode(encoding))
    status, out, _ = run("import", str(tmp_path / "people"), "--confirmed", "--dry-run")

    assert status == 1
    assert out.startswith("line 4: 'nobody' is no mail address")
    assert out.endswith("a dry run: 1 confirmed, 1 refused\n")


@pytest.mark.parametrize(("content", "said"), [(b"\xff\xfea\x00", "no text in UTF-8"), (b"a" * 200_000, "too long")])
def test_files_that_are_none(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    """They are refused as a whole, before anything is kept."""
    (tmp_path / "people").write_bytes(b"ada@example.org\n" + content)
    status, _, err = run("import", str(tmp_path / "people"), "--confirmed")

    assert status == 2
    assert said in err
    assert json.loads(run("list", "--json")[1])["subscribers"] == []


def test_one_person_is_told_all_that_is_kept(run: Run) -> None:
    """As JSON; of nobody, it is said that nothing is kept."""
    run("add", "ada@example.org", "--topic", "3d")
    status, out, _ = run("export", "ada@example.org")
    found = json.loads(out)

    assert status == 0
    assert (found["address"], found["standing"], found["choice"]) == ("ada@example.org", "pending", {"shelves": ["3d"]})
    assert [letter["handling"] for letter in found["letters"]] == [Handling.NEW.value]
    assert "nonce" not in out
    assert run("export", "ben@example.org")[0] == 1


def test_nothing_is_left_of_who_is_erased(run: Run, tmp_path: Path) -> None:
    """Neither in a table, nor anywhere else in the files of the database; but that there is never to be a letter."""
    data = tmp_path / "data"
    with closing(Database(address("", data)).open()) as database:
        for number in range(12):
            choice = Choice(authors=(f"Somebody Number{number}",))
            Register(database, KEY).add(recipient(f"someone.{number}@example.org"), choice, NOW, vouched=bool(number % 2))
    before = b"".join(path.read_bytes() for path in sorted(data.iterdir()))
    with closing(Database(address("", data)).open()) as database, database.write() as connection:
        key = next(one.key for one in subscribers.listed(connection) if one.address == "someone.7@example.org")
        subscribers.score(connection, key, 2.0, NOW.date())
    older = data / "backups" / "cvdigest-20261101T000000Z.db"
    older.parent.mkdir()
    older.touch()
    erased = run("erase", "Someone.7@example.org")
    assert str(older) in erased[2]
    older.unlink()
    older.parent.rmdir()
    assert (data / "cvdigest.db").stat().st_mode & 0o077 == 0
    after = b"".join(path.read_bytes() for path in sorted(data.iterdir()))

    assert erased[0] == 0
    assert b"someone.7@" in before
    assert not [word for word in (b"someone.7@", b"Someone.7@", b"Number7\x22") if word in after]
    assert b"someone.8@" in after
    assert json.loads(run("export", "someone.7@example.org")[1]) == {
        "address": "Someone.7@example.org".replace("S", "s", 1),
        "erased": True,
    }
    assert run("add", "someone.7@example.org", "--confirmed")[0] == 1


def test_letters_that_came_back(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted in the maildir that is set."""
    for name in ("cur", "new", "tmp"):
        (tmp_path / "bounces" / name).mkdir(parents=True)
    (tmp_path / "bounces" / "new" / "1").write_bytes(b"From: x@example.org\n\nHello\n")
    monkeypatch.setenv("CVDIGEST_BOUNCES", str(tmp_path / "bounces"))

    assert run("bounces")[:2] == (0, "messages read: 1, letters that came back: 0\n")
    assert run("bounces")[:2] == (0, "messages read: 0, letters that came back: 0\n")


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is what another program writes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ada@example.org\n"), "utf-8"))

    assert run("import", "-", "--confirmed")[:2] == (0, "1 confirmed\n")
