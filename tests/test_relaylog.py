"""Who can make the relay's log say that a letter of ours was taken, and when it is asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.relaylog import RelayLog
from digest.store import outbox
from digest.store.database import Database
from tests import postbox
from tests.sendings import envelope, identify, world

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
NAME = "<cs.cv.2026-11-20.daily.s12@digest.example.org>"
OURS = "bounce+12.abcdefghijklmnop@digest.example.org"
LOG = """\
2026-11-20T05:00:00+00:00 relay postfix/smtpd[5]: AAAAA1: client=client.example[192.0.2.9]
2026-11-20T06:00:01+00:00 relay postfix/cleanup[7]: AAAAA1: message-id={0}
2026-11-20T06:00:01+00:00 relay postfix/qmgr[9]: AAAAA1: from=<{1}>, size=1, nrcpt=1 (queue active)
"""


@pytest.mark.parametrize(
    ("sender", "taken"),
    [
        (OURS, True),
        ("Bounce+12.ABCDEFGHIJKLMNOP@example.org", True),  # a relay may write it, and its domain, in its own way
        ("stranger@example.net", False),
        ("bounce+12.aaaaaaaaaaaaaaaa@digest.example.org", False),
        ("", False),
        ("bounce+12", False),
    ],
)
def test_a_letter_that_a_stranger_named_like_ours(tmp_path: Path, sender: str, taken: bool) -> None:
    """Only the letter that comes back to where ours does is ours; who that is not known of is believed."""
    path = tmp_path / "mail.log"
    path.write_text(LOG.format(NAME, sender))
    later = NOW + timedelta(minutes=5)

    said = RelayLog(path).ask({NAME: NOW}, later, {NAME: OURS})
    assert (said.taken, said.not_taken) == ((frozenset([NAME]), frozenset()) if taken else (frozenset(), frozenset([NAME])))
    assert RelayLog(path).ask({NAME: NOW}, later).taken == {NAME}


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20T06:00:00+00:00 relay systemd-journald[1]: Suppressed 4242 messages from postfix@-.service",
        "2026-11-20T06:00:00+00:00 relay rsyslogd: postfix[9]: 512 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
    ],
)
def test_a_log_that_lost_lines_does_not_say_what_was_not_taken(tmp_path: Path, line: str) -> None:
    """What it shows was taken all the same."""
    path = tmp_path / "mail.log"
    path.write_text(LOG.format(NAME, OURS) + line + "\n")
    other = NAME.replace("s12", "s13")

    said = RelayLog(path).ask({NAME: NOW, other: NOW}, NOW + timedelta(minutes=5))
    assert (said.taken, said.not_taken) == (frozenset([NAME]), frozenset())


def test_a_forged_line_before_ours(tmp_path: Path) -> None:
    """It does not hide that the relay has the letter."""
    path = tmp_path / "mail.log"
    path.write_text(LOG.format(NAME, "stranger@example.net") + LOG.replace("AAAAA1", "AAAAA2").format(NAME, OURS))

    assert RelayLog(path).ask({NAME: NOW}, NOW + timedelta(minutes=5), {NAME: OURS}).taken == {NAME}


def test_a_sender_believes_only_its_own_envelope(file: Database, tmp_path: Path) -> None:
    """What a stranger sent under the name of a letter that the relay does not have is no reason not to send it."""
    here, log = world(file, 1), tmp_path / "mail.log"
    with postbox.relay("before", times=1, log=log) as box:
        here.sending(box.port, log=log, final=0.5).run()
        with file.read() as connection:
            (row,) = outbox.uncertain(connection)
        with log.open("a") as lines:
            lines.write(LOG.format(identify(row), f"x{envelope(row)}"))
        here.now += timedelta(seconds=3)
        here.sending(box.port, log=log).run()

    assert here.counts() == {"sent": 1}
    assert box.identifiers() == [identify(row)]


def test_a_clock_that_was_set_back(file: Database, tmp_path: Path) -> None:
    """The log is asked at once: nobody waits until the clock has come again to where it was."""
    here, log = world(file, 1), tmp_path / "mail.log"
    with postbox.relay("after", times=1, log=log) as box:
        here.sending(box.port, log=log, final=0.5).run()
        here.now -= timedelta(hours=3)

        assert here.sending(box.port, log=log).resolve() == 0
    assert here.counts() == {"sent": 1}
