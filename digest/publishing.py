"""A site written to a folder: after a new day only what is different then, and of that only what has other bytes.

    manifest from before | what is different | noted as begun | pages | front pages | gone ones removed | manifest

`site.json` tells what the folder holds. It is written before anything else, with all that is going to change marked as not
finished, and last of all: a build that was broken off is completed by the next one, and what nobody links to any more is removed.
"""

import errno
import json
import multiprocessing
import os
import re
import signal
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from digest.core.site import CALENDAR, INDEX, Issue, day_path, index_path, month_of, paper_path, topic_path
from digest.errors import DigestError, PublishError
from digest.failpoints import reach
from digest.files import is_part, new_aside, sweep, write_whole
from digest.site import Job, Site

MANIFEST = "site.json"
FORMAT = 1
_LARGEST = 256 * 2**20
_ALONE = 1000
"""Pages of papers up to which no other process is started: that takes as long as some hundred."""
_FAREWELL = 5.0
_NAMED = 3
_NAMES = re.compile(r"(?:(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?: |$))*", re.ASCII)
"""Identifiers of arXiv's form; to ask of each in turn whether it is one took longer than to read the rest."""
_ADVICE = "choose another folder with --site, or leave the site out with --no-site"
_REMOVE = "remove it, and publish again"
_ROOM = "make room for it; the next cvdigest publish goes on where this one stopped"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_OURS = frozenset({"assets", "days", "feeds", "papers", "search", "topics"})
_FILE = re.compile(
    rf"(?:{'|'.join(sorted(_OURS))})(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+|[a-z0-9]+\.html|_headers|robots\.txt|feeds\.opml|\.nojekyll",
    re.ASCII,
)
"""What a file of ours may be called: a manifest that names another one is none, for what it names is removed one day."""
_NO_MATTER = frozenset({".git", ".DS_Store", "lost+found"})
"""What a folder may hold that is taken over: a host's repository is made first, and systems leave marks."""


@dataclass(slots=True)
class Report:
    """What became of the files of a site."""

    written: int = 0
    unchanged: int = 0
    """Made again, and found to have the same bytes."""
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What a folder holds of a date."""

    issue: str
    """Which edition; empty if it was not finished."""
    papers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds."""

    category: str
    key: str = ""
    """Of all that pages are made with; empty if it was not finished."""
    dates: Mapping[date, Kept] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    """All that are about no single date, paper or month."""
    url: str = ""
    """The address that the pages were made for; empty if that is not known."""


# -- the folder ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Folder:
    """The folder that a site is written to."""

    root: Path
    report: Report = field(default_factory=Report)
    _safe: set[str] = field(default_factory=set)
    """Folders that are known to be there, and to be no links."""

    def put(self, path: str, body: bytes) -> None:
        """Let the file at a path have these bytes: written aside first, and left alone if it has them.

        Raises:
            PublishError: it cannot be written, something else stands there, or a folder on its way is a symbolic link.

        """
        try:
            self._put(path, body)
        except OSError as exc:
            raise _refused(self.root, exc, self.root / path) from exc

    def _put(self, path: str, body: bytes) -> None:
        # Names are strings here: to make a `Path` of each takes longer than to make the file.
        folder, _, name = path.rpartition("/")
        root = str(self.root)
        if folder and folder not in self._safe:
            self._enter(self.root / folder)
            self._safe.add(folder)
        place = f"{root}{os.sep}{path}"
        if _has(place, body):
            self.report.unchanged += 1
            return
        handle, aside = new_aside(root, name)  # all in one folder, where they are soon found if this process is killed
        try:
            try:
                left = memoryview(body)
                while left:
                    left = left[os.write(handle, left) :]
            finally:
                os.close(handle)
            reach(f"site-{path.partition('/')[0].removesuffix('.html')}")
            os.replace(aside, place)  # noqa: PTH105 - see above
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(aside)  # noqa: PTH108
            raise
        self.report.written += 1

    def remove(self, path: str) -> None:
        """Take a file away, if it is there, and the folders that are empty then.

        Raises:
            PublishError: it cannot be removed, or a folder on its way is a symbolic link.

        """
        place = self.root / path
        self._enter(place.parent, make=False)
        try:
            place.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as exc:
            raise _refused(self.root, exc, place) from exc
        self.report.removed += 1
        for folder in place.parents[: len(Path(path).parents) - 1]:
            with suppress(OSError):
                folder.rmdir()
                self._safe.discard(folder.relative_to(self.root).as_posix())

    def begin(self) -> None:
        """Make the folder, and remove what a process that was killed left half-written.

        Raises:
            PublishError: it cannot be made.

        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            sweep(self.root, deep=False)
        except OSError as exc:
            raise _refused(self.root, exc) from exc

    def note(self, found: "Manifest", point: str) -> None:
        """Write the manifest, flushed to the disk; the failpoint *point* is reached before it is renamed.

        Raises:
            PublishError: it cannot be written.

        """
        try:
            write_whole(self.root / MANIFEST, _text(found), point=point)
        except OSError as exc:
            raise _refused(self.root, exc, self.root / MANIFEST) from exc

    def _enter(self, folder: Path, *, make: bool = True) -> None:
        """See that a folder below ours is there, and that no link leads out of it on the way."""
        if folder == self.root:
            return
        self._enter(folder.parent, make=make)
        if folder.is_symlink():
            msg = f"{folder} is a symbolic link, which is not followed"
            raise PublishError(msg, advice=_REMOVE)
        if make:
            if folder.exists() and not folder.is_dir():
                msg = f"{folder} is no folder, and pages belong into it"
                raise PublishError(msg, advice=_REMOVE)
            folder.mkdir(exist_ok=True)


def _has(place: str, body: bytes) -> bool:
    """Say whether a file has these bytes; a link has none."""
    try:
        handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        if os.fstat(handle).st_size != len(body):
            return False
        with suppress(OSError):  # it is a folder, say
            return os.read(handle, len(body) + 1) == body
        return False
    finally:
        os.close(handle)


# -- the manifest --------------------------------------------------------------------------------------------------------


def manifest(root: Path) -> Manifest | None:
    """Return what a folder is said to hold; None if nothing can be known of it."""
    try:
        with (root / MANIFEST).open("rb") as file:
            found = json.loads(file.read(_LARGEST))
        if found["format"] != FORMAT:
            return None
        dates = {date.fromisoformat(day): Kept(str(issue), tuple(papers.split())) for day, (issue, papers) in found["dates"].items()}
        files, told = frozenset(found["files"]), (found["category"], found["key"], found.get("url", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    # What it names may be removed one day, and it lies where others can write.
    strange = not all(_NAMES.fullmatch(" ".join(kept.papers)) for kept in dates.values())
    if strange or not all(isinstance(one, str) for one in (*told, *files)) or not all(map(_FILE.fullmatch, files)):
        return None
    category, key, url = told
    return Manifest(category, key, dates, files, url)


def _text(found: Manifest) -> bytes:
    dates = {str(day): [kept.issue, " ".join(kept.papers)] for day, kept in sorted(found.dates.items(), reverse=True)}
    told = {"format": FORMAT, "category": found.category, "key": found.key, "url": found.url, "files": sorted(found.files), "dates": dates}
    return (json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("],", "],\n") + "\n").encode()


# -- what is different -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done."""

    job: Job
    changed: bool
    """Whether the archive, or what pages are made with, is another one than before."""
    front: bool
    """Whether the front pages are made."""
    gone: tuple[str, ...]
    """Pages of dates and papers that are not wanted any more."""
    begun: Manifest
    """What the folder holds while it is done ..."""
    done: Manifest
    """... and then."""


def _plan(site: Site, before: Manifest, key: str, there: frozenset[str], *, again: bool) -> _Plan:
    """Return what is to be done where a folder holds what stood there *before*, as far as those files are *there*."""
    tags = {issue.date: _tag(issue) for issue in site.issues()}
    fresh = again or before.key != key
    changed = {day for day in {*tags, *before.dates} if fresh or day not in before.dates or before.dates[day].issue != tags.get(day)}
    listed = site.archive.contents(changed & tags.keys())
    now = {day: Kept(tag, listed.get(day, ()) if day in changed else before.dates[day].papers) for day, tag in tags.items()}
    touched = {
        day: tuple(dict.fromkeys(name for some in (now, before.dates) if day in some for name in some[day].papers)) for day in changed
    }
    names = dict.fromkeys(name for day in sorted(touched, reverse=True) for name in touched[day])
    newest = {name: day for day in sorted(now) for name in now[day].papers}
    papers: dict[date, set[str]] = {}
    for name, day in newest.items():
        if name in names or paper_path(name) not in there:
            papers.setdefault(day, set()).add(name)
    months, months_before = site.months(), {month_of(day) for day, kept in before.dates.items() if kept.issue}
    topics = {month_of(day) for day in changed}
    words = topics | {month for month in months if index_path(month) not in there}
    # A month that comes or goes is named by those beside it.
    for month in topics - (set(months) & months_before):
        topics |= {*_beside(sorted(months), month)}
    topics |= {
        month for month in months for topic, sub in site.shelves() if topic_path(topic.slug, sub.slug if sub else "", month) not in there
    }
    days = {day for one in changed for day in (one, *_beside(sorted(tags), one))} | {day for day in tags if day_path(day) not in there}
    job = Job(
        {day: papers[day] for day in sorted(papers, reverse=True)},
        sorted(days & tags.keys(), reverse=True),
        [month for month in months if month in topics],
        [month for month in months if month in words],
    )
    done = Manifest(site.archive.category, key, now, before.files, site.frame.url)
    begun = Manifest(
        site.archive.category,
        "" if fresh else key,
        {**before.dates, **now, **{day: Kept("", some) for day, some in touched.items()}},
        before.files | site.names(),
        before.url,
    )
    gone = (
        *(day_path(day) for day in before.dates if day not in tags),
        *(index_path(month) for month in {month_of(day) for day in before.dates} - set(months)),
        *(paper_path(name) for name in names if name not in newest),
    )
    anew = fresh or bool(changed)
    return _Plan(job, anew, anew or not before.files <= there, gone, begun, done)


def _tag(issue: Issue) -> str:
    return f"{issue.sha256} {issue.number} {issue.made or ''}"


def _beside(some: list[Any], one: Any) -> list[Any]:  # noqa: ANN401 - dates or months
    """Return what stands before and after *one* in a sorted list, whether it is in there or not."""
    before, after = bisect_left(some, one), bisect_right(some, one)
    return [*some[max(0, before - 1) : before], *some[after : after + 1]]


def _topics_gone(site: Site, before: Manifest, files: Collection[str]) -> Iterator[str]:
    """Yield the pages of months of topics that are not wanted any more: the month has gone, or the topic has."""
    months_before, months = {month_of(day) for day in before.dates}, set(site.months())
    for path in before.files:
        topic, name, _ = path.rpartition(INDEX)
        if topic.startswith("topics/") and name:
            lost = months_before if path not in files else months_before - months
            yield from (f"{topic}{month}.html" for month in sorted(lost))


# -- the work ------------------------------------------------------------------------------------------------------------


def publish(site: Site, root: Path, key: str, *, again: bool = False, helper: Callable[[], Site] | None = None) -> Report:
    """Bring the folder *root* up to date; *key* tells all that pages are made with but the archive. Files that are lost come back.

    With *again*, every page is made, and written if it is not what stands there. A large site is made by two processes if there
    is a *helper*, which makes the same site in the other one.

    Raises:
        PublishError: the folder cannot be written, or holds something else; what was written stays, and the next one goes on.
        StoreError: the archive cannot be read.

    """
    folder = Folder(root)
    folder.begin()
    before = _before(site, root)
    plan = _plan(site, before, key, _there(root), again=again)
    if plan.changed:
        folder.note(plan.begun, "site-begun")
    files = set()
    with _making(site, folder, plan.job, helper) as made:
        if not plan.front:
            made()
            folder.put(CALENDAR, site.calendar().body)  # what is known of a date that was not made is another thing with each attempt
            return folder.report
        for path, content in site.front(_counts(plan.done)):
            if path == INDEX:
                made()
            folder.put(path, content.body)
            files.add(path)
    for path in (*plan.gone, *_topics_gone(site, before, files), *(before.files - files)):
        folder.remove(path)
    if hasattr(os, "sync"):
        os.sync()  # once, and not for each of some thousand files: the manifest must not tell of what a loss of power takes away
    folder.note(replace(plan.done, files=frozenset(files)), "site-done")
    return folder.report


def _there(root: Path) -> frozenset[str]:
    """Return the paths of all files at the root and in the folders that pages are in; a link is none, and none is followed."""

    def within(folder: str, before: str) -> Iterator[str]:
        with suppress(OSError), os.scandir(folder) as entries:  # what cannot be looked into is written again, which says why it cannot
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield before + entry.name
                elif entry.is_dir(follow_symlinks=False) and (before or entry.name in _OURS):
                    yield from within(entry.path, f"{before}{entry.name}/")

    return frozenset(within(str(root), ""))


def _refused(root: Path, problem: OSError, place: Path | None = None) -> PublishError:
    if place is not None and place.is_dir() and not place.is_symlink():
        return PublishError(f"{place} is a folder, and a file belongs there", advice=_REMOVE)
    if problem.errno in _NO_ROOM:
        where = f"{place} cannot be written" if place else f"the site below {root} cannot be written"
        return PublishError(f"{where}: {problem.strerror}", advice=_ROOM)
    return PublishError(f"the site below {root} cannot be written: {problem.strerror or problem}", advice=_ADVICE)


def _before(site: Site, root: Path) -> Manifest:
    """Return what the folder holds.

    Raises:
        PublishError: what it holds is not ours, or of another category.

    """
    if strangers := _strangers(root):
        told = ", ".join(strangers[:_NAMED]) + (" and more" if len(strangers) > _NAMED else "")
        msg = f"{root} holds what this program has not made: {told}"
        raise PublishError(msg, advice="empty it, choose another folder with --site, or leave the site out with --no-site")
    found = manifest(root) or Manifest(site.archive.category)
    if found.category != site.archive.category:
        msg = f"{root} holds the site of {found.category}"
        raise PublishError(msg, advice=_ADVICE)
    return found


def _strangers(root: Path) -> list[str]:
    """Return the names in a folder that is neither ours nor empty; it may be reached by a symbolic link itself."""
    try:
        if (root / MANIFEST).exists():
            with (root / MANIFEST).open("rb") as file:
                told = json.loads(file.read(_LARGEST))
            return [MANIFEST] if isinstance(told, dict) and "format" not in told else []
    except (OSError, ValueError, RecursionError):
        return []  # one of ours that is damaged
    try:
        return sorted(one.name for one in root.iterdir() if one.name not in _NO_MATTER and not is_part(one.name))
    except OSError as exc:
        raise _refused(root, exc) from exc


def _counts(found: Manifest) -> dict[str, int]:
    """Return how many papers are listed in each month."""
    names: dict[str, set[str]] = {}
    for day, kept in found.dates.items():
        names.setdefault(month_of(day), set()).update(kept.papers)
    return {month: len(some) for month, some in names.items()}


@contextmanager
def _making(site: Site, folder: Folder, job: Job, helper: Callable[[], Site] | None) -> Iterator[Callable[[], None]]:
    """Write the pages of the archive; yield what waits for those that another process writes.

    What can be written before is done meanwhile: all but the first page of the site, by which people come to the others.
    """
    if helper is None or sum(map(len, job.papers.values())) <= _ALONE:
        _put(folder, site, job)
        yield lambda: None
        return
    ours, theirs = _halves(job)
    with _Helper(helper, folder.root, theirs) as other:

        def wait() -> None:
            found = other.answer()
            folder.report.written += found.written
            folder.report.unchanged += found.unchanged

        _put(folder, site, ours)
        yield wait


def _put(folder: Folder, site: Site, job: Job, alive: Callable[[], bool] = lambda: True) -> None:
    for path, content in site.pages(job):
        if not alive():
            return
        folder.put(path, content.body)


def _halves(job: Job) -> tuple[Job, Job]:
    """Return two jobs of the same size: the newer months, and the older ones."""
    total, done, cut = sum(map(len, job.papers.values())), 0, date.min
    for day, names in job.papers.items():
        done += len(names)
        if done > total / 2:
            cut = day
            break
    newer = {day: names for day, names in job.papers.items() if day >= cut}
    older = {day: names for day, names in job.papers.items() if day < cut}

    def part(some: Iterable[str], *, new: bool) -> list[str]:
        return [month for month in some if (month >= month_of(cut)) is new]

    return (
        Job(newer, [day for day in job.days if day >= cut], part(job.topics, new=True), part(job.words, new=True)),
        Job(older, [day for day in job.days if day < cut], part(job.topics, new=False), part(job.words, new=False)),
    )


class _Helper:
    """Another process that does half of a job."""

    def __init__(self, make: Callable[[], Site], root: Path, job: Job) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of NumPy half
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_help, args=(theirs, make, str(root), job), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join(_FAREWELL)

    def answer(self) -> Report:
        """Wait for its end.

        Raises:
            PublishError: it could not do its half, and says why.

        """
        try:
            told = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as exc:
            self._process.join(_FAREWELL)
            msg = f"a process that helped has ended too early (exit status {self._process.exitcode})"
            raise PublishError(msg, advice="publish again") from exc
        self._process.join(_FAREWELL)
        if "error" in told:
            raise PublishError(told["error"], advice=told["advice"])
        return Report(**told)


def _help(pipe: Connection, make: Callable[[], Site], root: str, job: Job) -> None:
    """Do half of a job, and tell what became of it; end if nobody waits for it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all at once, and the other one sees to this one
    parent = multiprocessing.parent_process()
    folder = Folder(Path(root))
    told: dict[str, Any]
    try:
        _put(folder, make(), job, lambda: parent is None or parent.is_alive())
        told = asdict(folder.report)
    except DigestError as exc:
        told = {"error": exc.message, "advice": exc.advice}
    with suppress(OSError):
        pipe.send_bytes(json.dumps(told).encode())
