"""What can break in, a finding about each out. A check never raises and never changes anything that stays.

Each check returns findings: ``ok``, ``warning`` (it works, and may stop working) or ``failed`` (no digest, or no alert, until it
is mended), each with what to do.
"""

import json
import os
import re
import shutil
import tempfile
import zoneinfo
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from digest import heartbeat as heartbeats
from digest.arxiv.client import Answer
from digest.classify import model
from digest.errors import DigestError, ForbiddenError
from digest.files import host as our_host

OK, WARNING, FAILED = "ok", "warning", "failed"
_RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""Moved on with each release: whose clock is earlier has a clock that is wrong."""
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
_MIB = 2**20
_FULL, _NEARLY_FULL = 100 * _MIB, 1024 * _MIB
_NO_NAMES, _FEW_NAMES = 1000, 10_000
_OLD_ZONES = 3
_APART = timedelta(minutes=10)
_FAR_APART = timedelta(hours=1)
_SILENT = timedelta(minutes=5)
_LARGEST_HEARTBEAT = 2**20
_SAFE_PYTHON = {(3, 11): 10, (3, 12): 5}
"""The first release of each with the fixes of the standard library that letters rely on (CVE-2024-6923)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    grade: str
    """`OK`, `WARNING` or `FAILED`."""
    how: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.grade:<7}  {self.what:<12}  {self.how}{'; ' + self.advice if self.advice else ''}"


Check = Callable[[], list[Finding]]


def ended(what: str, check: Check) -> list[Finding]:
    """Return what a check finds; one that breaks is itself a finding."""
    try:
        return check()
    except Exception as exc:  # noqa: BLE001 - the other checks are to be made all the same
        return [Finding(what, FAILED, f"could not be looked at ({type(exc).__name__}: {exc})", "report this")]


# -- the machine -----------------------------------------------------------------------------------------------------------


def python(version: tuple[int, int, int]) -> list[Finding]:
    """Look at the release of Python."""
    told = ".".join(map(str, version))
    least = _SAFE_PYTHON.get(version[:2], 0)
    if version[2] < least:
        wanted = f"{version[0]}.{version[1]}.{least}"
        return [Finding("python", WARNING, f"{told} lacks security fixes in its standard library", f"use {wanted} or newer")]
    return [Finding("python", OK, told)]


def zones(now: datetime) -> list[Finding]:
    """Look at the time zone data, of which the evening in Ithaca depends."""
    what, advice = "time zones", "install the package tzdata again, or that of the system"
    try:
        ithaca = zoneinfo.ZoneInfo("America/New_York")
    except (OSError, ValueError, KeyError) as exc:
        return [Finding(what, FAILED, f"there is no data for America/New_York ({type(exc).__name__})", advice)]
    hours = [datetime(now.year, month, 15, tzinfo=ithaca).utcoffset() for month in (1, 7)]
    if hours != [timedelta(hours=-5), timedelta(hours=-4)]:
        return [Finding(what, FAILED, "America/New_York is not five hours behind UTC in winter and four in summer", advice)]
    version = zone_version()
    year = re.match(r"\d{4}", version)
    if year and int(year[0]) < now.year - _OLD_ZONES:
        return [Finding(what, WARNING, f"the data is of {version}", advice)]
    return [Finding(what, OK, f"America/New_York is known; the data is of {version or 'no known year'}")]


def zone_version() -> str:
    """Return the version of the time zone data in use, "" if it cannot be told: the system's comes before Python's package."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / "America" / "New_York").is_file():
            for name in ("+VERSION", "tzdata.zi"):
                with suppress(OSError), (folder / name).open("rb") as file:
                    if found := re.search(rb"\d{4}[a-z]{0,2}", file.readline(100)):
                        return found[0].decode()
            return ""
    with suppress(ImportError):
        import tzdata

        return str(tzdata.IANA_VERSION)
    return ""


def clock(now: datetime) -> list[Finding]:
    """Look at the clock by itself; `arxiv` compares it with that of arXiv's server."""
    told = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if not _RELEASED <= now < _LAST:
        return [Finding("clock", FAILED, f"{told} cannot be, for this program is of {_RELEASED:%B %Y}", "set the clock of this machine")]
    return [Finding("clock", OK, told)]


# -- the disk --------------------------------------------------------------------------------------------------------------


def disk(what: str, folder: Path) -> list[Finding]:
    """Look whether there is room below *folder*, or where it would be made, for what is to be written, and for its name."""
    place = _there(folder)
    try:
        free = shutil.disk_usage(place).free
    except OSError as exc:
        return [Finding(f"{what} disk", FAILED, f"{place} cannot be looked at: {exc.strerror or exc}")]
    return [room(what, place, free, _names_left(place))]


def room(what: str, place: Path, free: int, names: int | None) -> Finding:
    """Return the finding for so many free bytes and so many names left (None: they are not counted)."""
    told = f"{free / 2**30:,.1f} GiB are free at {place}" if free >= 2**30 else f"{free / _MIB:,.0f} MiB are free at {place}"
    if free < _FULL:
        return Finding(f"{what} disk", FAILED, told, "make room")
    if names is not None and names < _NO_NAMES:
        return Finding(f"{what} disk", FAILED, f"{told}, but for {names} files only", "remove files that nobody needs")
    if free < _NEARLY_FULL or (names is not None and names < _FEW_NAMES):
        return Finding(f"{what} disk", WARNING, told + (f", for {names} files" if names is not None else ""), "make room soon")
    return Finding(f"{what} disk", OK, told)


def _names_left(place: Path) -> int | None:
    if not hasattr(os, "statvfs"):
        return None
    with suppress(OSError):
        found = os.statvfs(place)
        return found.f_favail if found.f_files else None
    return None


def writable(what: str, folder: Path) -> list[Finding]:
    """Write a file below *folder* and remove it, with every folder that had to be made for it."""
    advice = f"choose another one with --{what}"
    made: list[Path] = []
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"This can be removed.\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        return [Finding(f"{what} folder", FAILED, f"{folder} cannot be written: {exc.strerror or exc}", advice)]
    finally:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
    return [Finding(f"{what} folder", OK, f"{folder} can be written")]


def _there(folder: Path) -> Path:
    """Return *folder*, or the nearest one above it that exists."""
    absolute = folder.absolute()
    return next((path for path in (absolute, *absolute.parents) if path.is_dir()), absolute)


# -- what the program keeps ------------------------------------------------------------------------------------------------


def database(look: Callable[[], str]) -> list[Finding]:
    """Look at the database by *look*, which opens it and says what is in it."""
    try:
        return [Finding("database", OK, look())]
    except DigestError as exc:
        return [Finding("database", FAILED, exc.message, exc.advice)]


def judge(folder: Path) -> list[Finding]:
    """Load the model; its files are held against their checksums."""
    try:
        found = model.load(folder)
    except DigestError as exc:
        return [Finding("model", FAILED, exc.message, exc.advice or "install the program again, or choose another one with --model")]
    return [Finding("model", OK, f"{found.info.name} in {folder}")]


def heartbeat(data: Path, now: datetime | None) -> list[Finding]:
    """Look whether the daemons whose heartbeats are in the data folder are alive; *now* is None where the program's clock stands still."""
    paths = sorted(data.glob(heartbeats.FILES))
    return [_heartbeat(path, now) for path in paths] or [Finding("daemon", OK, "none is known here")]


def _heartbeat(path: Path, now: datetime | None) -> Finding:
    what, advice = "daemon", "start it again, or remove that file if there is to be none"
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(_LARGEST_HEARTBEAT))
        at = datetime.fromisoformat(facts["at"])
        pid, host, role = int(facts["pid"]), str(facts["host"]), str(facts["role"])
        age = (now or at) - (at if at.tzinfo else at.replace(tzinfo=UTC))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        return Finding(what, WARNING, f"{path} cannot be understood ({type(exc).__name__})", "remove it")
    told = f"{path.stem.partition('-')[2]}: {role}, process {pid} on {host}"
    if role == heartbeats.STOPPED:
        return Finding(what, OK, f"{told}, was stopped at {at:%Y-%m-%d %H:%M} UTC")
    if host == our_host() and not _alive(pid):
        return Finding(what, FAILED, f"{told}, has ended; {path} is what it left", advice)
    if age > _SILENT:
        return Finding(what, FAILED, f"{told}, was last heard {_spoken(age)} ago ({path})", advice)
    return Finding(what, OK, f"{told}, was heard {_spoken(abs(age))} ago")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:  # it is there, and another user's
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _spoken(span: timedelta) -> str:
    minutes = span / timedelta(minutes=1)
    return f"{minutes * 60:.0f} s" if minutes < 1 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"  # noqa: PLR2004 - minutes, then hours


# -- the network -----------------------------------------------------------------------------------------------------------


def arxiv(get: Callable[[str], Answer], url: str, now: datetime | None) -> list[Finding]:
    """Ask arXiv for one page, at its pace; compare its clock with *now*, None where the program's clock stands still."""
    try:
        answer = get(url)
    except ForbiddenError as exc:
        return [Finding("arXiv", FAILED, exc.message, exc.advice)]
    except DigestError as exc:
        return [Finding("arXiv", FAILED, exc.message, exc.advice or "is this machine online?")]
    good = 200
    if answer.status != good:
        return [
            Finding("arXiv", FAILED, f"it answered {answer.status} for {url}", "see the category, and whether arXiv says that it is down")
        ]
    found = [Finding("arXiv", OK, f"it answered for {url}")]
    return found if now is None else [*found, *drift(answer.headers, now)]


def drift(headers: Mapping[str, str], now: datetime) -> list[Finding]:
    """Hold the clock against the ``Date`` of an answer."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return []
    apart = now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    told = f"it is {_spoken(abs(apart))} {'ahead of' if apart > timedelta(0) else 'behind'} arXiv's"
    if abs(apart) > _FAR_APART:
        return [Finding("clock", FAILED, told, "set the clock of this machine")]
    if abs(apart) > _APART:
        return [Finding("clock", WARNING, told, "set the clock of this machine, best by NTP")]
    return []


def facts(findings: list[Finding]) -> dict[str, Any]:
    """Return findings as what JSON can hold."""
    return {
        "ok": all(finding.grade != FAILED for finding in findings),
        "checks": [{"what": each.what, "grade": each.grade, "how": each.how, "advice": each.advice} for each in findings],
    }
