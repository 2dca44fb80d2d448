"""Links and envelopes tell whose they are, and nobody else can make them."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.subscription import Purpose
from digest.core.tokens import digest_of, shape, token, verp, verp_of
from digest.errors import SettingsError
from digest.keys import FILE, links_key
from digest.settings import Settings

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
LIST = "digest.example.org"
GIVEN = "0123456789abcdef" * 4


# -- links --------------------------------------------------------------------------------------------------------------


def test_a_token_is_short_and_the_same_each_time() -> None:
    """A link is the same in all letters, until the nonce changes."""
    found = token(KEY, Purpose.MANAGE, 12, "nonce")

    assert found == token(KEY, Purpose.MANAGE, 12, "nonce") == "KDoMondrOadIPvzfo3yMAyYGnmphtOid"
    assert len(found) == 32
    assert shape(found)


def test_a_token_is_good_for_one_thing() -> None:
    """Another key, purpose, subscriber or nonce makes another one; none is made of two that run into each other."""
    made = [
        token(key, purpose, subscriber, nonce)
        for key in (KEY, OTHER)
        for purpose in Purpose
        for subscriber in (1, 12)
        for nonce in ("2", "22", "/2", "")
    ]

    assert len(set(made)) == len(made)


def test_what_is_kept_does_not_tell_the_token() -> None:
    """The store holds a SHA-256 of it."""
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 33, "a" * 31 + "\n", "a" * 32 + "\n", "a" * 31 + "/", "\u0661" * 32, "a" * 31 + "\u212a"]
)
def test_what_cannot_be_a_token(text: str) -> None:
    """It need not be looked up; and if it is, nothing breaks."""
    assert not shape(text)
    assert len(digest_of(text)) == 64


def test_any_text_has_a_digest() -> None:
    """What comes with an address of a page may be no text at all."""
    assert len(digest_of("\udcff")) == 64


def test_a_short_key_is_no_key() -> None:
    """An empty key would make tokens that anybody can make."""
    with pytest.raises(ValueError, match="32 bytes"):
        token(b"", Purpose.CONFIRM, 1, "")


# -- envelopes ----------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 2**63 - 1))
def test_an_envelope_comes_back(subscriber: int) -> None:
    """It tells whose letter it was, however mail servers change its case, and fits into what is allowed."""
    address = verp(KEY, LIST, subscriber)

    assert re.fullmatch(r"bounce\+\d+\.[a-z2-7]{24}@digest\.example\.org", address)
    assert len(address.partition("@")[0]) <= 51
    assert verp_of(KEY, address) == verp_of(KEY, address.upper()) == subscriber
    assert verp_of(OTHER, address) is None


def test_an_envelope_that_was_changed_is_none() -> None:
    """Nobody can have another's letters stopped: each letter of it counts."""
    address = verp(KEY, LIST, 12)
    changed = {
        address[:place] + other + address[place + 1 :]
        for place in range(len(address))
        for other in "a1z.+@"
        if other != address[place].lower()
    }
    shorter = {address[:place] + address[place + 1 :] for place in range(len(address))}

    assert [one for one in changed | shorter if verp_of(KEY, one) is not None] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda address: f"<{address}>",
        lambda address: f" {address}",
        lambda address: f"{address}\n",
        lambda address: f"{address}, {address}",
        lambda address: address.replace("+12", "+012"),
        lambda address: address.replace("+12", "+\u0661\u0662"),
        lambda address: address.replace("+12", "+-12"),
        lambda address: address.replace("k", "\u212a").replace("s", "\u017f"),
        lambda address: address.replace(LIST, "example.org"),
        lambda address: address + "a" * 1_000_000,
        lambda _: "",
    ],
)
def test_an_envelope_has_one_form(change: Callable[[str], str]) -> None:
    """Only what was made is found again."""
    assert verp_of(KEY, change(verp(KEY, LIST, 12))) is None


# -- the key ------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """It is kept for its owner alone, and the next run finds it."""
    folder = tmp_path / "data"
    key = links_key(Settings(), folder, {})

    assert len(key) == 32
    assert links_key(Settings(), folder, {}) == key
    assert links_key(Settings(), tmp_path / "other", {}) != key
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


_RACER = """
import sys
from pathlib import Path
from digest.keys import links_key
from digest.settings import Settings
sys.stdin.readline()
print(links_key(Settings(), Path(sys.argv[1]), {}).hex())
"""


@pytest.mark.slow
def test_of_several_processes_one_makes_it(tmp_path: Path) -> None:
    """All of them go on with the same key."""
    started = [
        subprocess.Popen([sys.executable, "-c", _RACER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    keys = {one.communicate(timeout=60)[0].strip() for one in started}

    assert keys == {links_key(Settings(), tmp_path, {}).hex()}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_key_that_another_made_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second at the very last instant takes the first one's."""
    first = links_key(Settings(), tmp_path, {})
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path.name != FILE and real(path))

    assert links_key(Settings(), tmp_path, {}) == first
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_key_out_of_the_settings_counts(tmp_path: Path) -> None:
    """Several machines can share it, and no file is made; it is the same in a file of its own."""
    file = tmp_path / "key"
    file.write_text(f"{GIVEN}\n", "ascii")
    file.chmod(0o600)
    key = links_key(Settings(mail_key=GIVEN), tmp_path, {})

    assert len(key) == 32
    assert key not in (GIVEN.encode(), bytes.fromhex(GIVEN))
    assert links_key(Settings(mail_key_file=file), tmp_path, {}) == key
    assert not (tmp_path / FILE).exists()


@pytest.mark.skipif(os.name != "posix", reason="who may read a file is told by its mode")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It says so, and what to do; what is in it is not told."""
    key = links_key(Settings(), tmp_path, {})
    (tmp_path / FILE).chmod(mode)

    with pytest.raises(SettingsError, match=r"others than its owner can read or change .*chmod 600") as caught:
        links_key(Settings(), tmp_path, {})

    assert key.hex() not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"0" * 63, b"0" * 65, b"Z" * 64, b"\xff" * 64, b"0" * 5000])
def test_a_damaged_key_is_never_written_over(tmp_path: Path, content: bytes) -> None:
    """A new one would make all links void that were sent: that is for a person to decide."""
    links_key(Settings(), tmp_path, {})
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(SettingsError, match="damaged"):
        links_key(Settings(), tmp_path, {})

    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """One line says what stands in the way."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="mail_key_file"):
        links_key(Settings(), tmp_path / "file", {})
