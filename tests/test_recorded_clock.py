"""A fortnight of the recorded arXiv in under a minute: the schedule makes 9 to 20 November 2026 with a clock that runs faster."""

import json
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest import heartbeat, publish, resources
from digest.core.domain import State
from digest.days import Days
from digest.heartbeat import Heartbeat
from digest.store.database import Database, address
from tests import replayed
from tests.reference import clean_environment
from tests.servers import eventually

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 20)
LISTED = {9: 71, 10: 263, 11: 94, 12: 85, 13: 104, 17: 301, 18: 118, 20: 104}
"""New papers and cross-lists of each date with an announcement."""
FASTER = 20_000


def done(beat: Heartbeat | None) -> bool:
    """Say whether the last date was looked at after it was settled, and none of the fortnight is open."""
    if beat is None or beat.at < datetime(2026, 11, 20, 3, tzinfo=UTC):
        return False
    return all(day > LAST for day, _ in beat.open)


@pytest.mark.slow
def test_a_fortnight(tmp_path: Path) -> None:
    """Eight editions with the right papers; 16 and 19 November without an announcement; nobody is asked about the weekend."""
    data, out = tmp_path / "data", tmp_path / "out"
    with replayed.replay("nov2026") as arxiv, (tmp_path / "err").open("wb") as err:
        options = [f"--out={out}", f"--data={data}", f"--arxiv-url={arxiv.url}", "--now=2026-11-09T01:00Z", f"--speed={FASTER}"]
        command = [sys.executable, "-m", "digest", "schedule", *options, "--quiet"]
        with subprocess.Popen(command, cwd=tmp_path, env=clean_environment(tmp_path), stderr=err) as process:
            try:
                assert eventually(lambda: done(heartbeat.read(data, "cs.CV")), 240), (tmp_path / "err").read_text("utf-8")
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()
        asked = list(arxiv.asked)

    days = Days("cs.CV", out, Database(address("", data)).open(), resources.calendar(), pytest.fail)
    found = {note.date.day: note for note in days.all_known(FIRST, LAST, datetime(2026, 11, 20, 12, tzinfo=UTC))}
    assert {day: note.listed for day, note in found.items() if note.state is State.PUBLISHED} == LISTED
    assert {day: note.service for day, note in found.items() if note.state is State.NONE and note.service != "calendar"} == dict.fromkeys(
        (16, 19), "catchup"
    )
    editions = [json.loads(publish.page_path(out, date(2026, 11, day), "cs.CV").with_suffix(".json").read_bytes()) for day in LISTED]
    assert [len(edition["entries"]) for edition in editions] == list(LISTED.values())
    assert [edition["edition"] for edition in editions] == [1] * len(LISTED)
    assert len(list(out.rglob("*.md"))) == len(LISTED) + 1
    caught_up = {path.removeprefix("/catchup/cs.CV/")[:10] for path in asked if path.startswith("/catchup/")}
    assert caught_up == {f"2026-11-{day:02}" for day in (*range(9, 14), *range(16, 20))}  # the last is made of the newest page
    assert [found[day].attempts for day in (14, 15)] == [0, 0]
