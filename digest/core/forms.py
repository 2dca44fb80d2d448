"""The form by which people choose what they are told: what they filled in, read within bounds, and the choice that it is.

Nothing in it is believed: `chosen` says in a sentence what is wrong, and the form is shown again as it was filled in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest.core.subscription import MOST_PAPERS, MOST_SHELVES, Choice, choice_of, names_of

ADDRESS, FORM = "address", "form"
"""What the fields of the address and of the ticket are called."""
_LONGEST_LIST, _LONGEST = 6000, 320
"""Letters of a list, and of any other field."""
_NUMBER = re.compile(r"[0-9]{1,4}")
KINDS = {"new": "New papers", "cross": "Cross-lists from other categories", "replaced": "New versions of older papers"}
"""What people call kinds, and how a form names them."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was filled in."""

    address: str = ""
    shelves: frozenset[str] = frozenset()
    include: str = ""
    """Words and phrases, one a line or with commas between them; those to leave out alike."""
    exclude: str = ""
    authors: str = ""
    """Names, one a line or with semicolons between them: some put a comma into a name."""
    kinds: frozenset[str] = frozenset({"new"})
    frequency: str = "daily"
    most: str = ""
    sure: bool = False
    language: str = "en"
    zone: str = "UTC"
    hour: str = "6"


def filled(choice: Choice) -> Filled:
    """Return the form that makes a choice."""
    return Filled(
        "", frozenset(choice.shelves), "\n".join(choice.include), "\n".join(choice.exclude), "\n".join(choice.authors),
        frozenset(names_of(choice.kinds)), choice.frequency.value, str(choice.most or ""), choice.sure, choice.language, choice.zone,
        str(choice.hour),
    )  # fmt: skip


def read(fields: Mapping[str, Sequence[str]]) -> Filled:
    """Return a form by the fields that were sent; what is longer than anything that fits is cut short."""

    def one(name: str, longest: int = _LONGEST) -> str:
        return (fields.get(name) or ("",))[-1][:longest]

    def several(name: str) -> frozenset[str]:
        return frozenset(value[:_LONGEST] for value in list(fields.get(name, ()))[: MOST_SHELVES + 1])

    return Filled(
        one(ADDRESS, 2 * _LONGEST), several("shelf"), one("include", _LONGEST_LIST), one("exclude", _LONGEST_LIST),
        one("authors", _LONGEST_LIST), several("kind"), one("frequency"), one("most"), one("sure") == "yes", one("language"), one("zone"),
        one("hour"),
    )  # fmt: skip


def offered(kinds: Iterable[str], own: Iterable[str] = ()) -> tuple[str, ...]:
    """Return which of `KINDS` a form offers: those that digests hold, and those that somebody chose before."""
    there = {*kinds, *own}
    return tuple(name for name in KINDS if name in there)


def chosen(form: Filled, shelves: Sequence[str], kinds: Iterable[str] = KINDS) -> Choice:
    """Return the choice that a form makes; *shelves* are the topics and subtopics that there are, *kinds* what was `offered`.

    A subtopic is left out if its topic is chosen, which holds it.

    Raises:
        ValueError: it makes none; the message is for whoever filled it in.

    """
    known = frozenset(shelves)
    if strange := sorted(form.shelves - known):
        msg = f"There is no topic {strange[0][:40]!r}."
        raise ValueError(msg)
    whole = {one for one in form.shelves if "/" not in one}
    told = [one for one in shelves if one in form.shelves and ("/" not in one or one.partition("/")[0] not in whole)]
    if strange := sorted(form.kinds.difference(kinds)):
        msg = f"Kinds are {', '.join(kinds)}; {strange[0][:40]!r} is none."
        raise ValueError(msg)
    if not form.kinds:
        msg = "Choose at least one kind of papers."
        raise ValueError(msg)
    try:
        return choice_of({
            "shelves": told, "include": _parts(form.include, ",\n"), "exclude": _parts(form.exclude, ",\n"),
            "authors": _parts(form.authors, ";\n"), "kinds": sorted(form.kinds), "frequency": form.frequency,
            "most": _number(form.most or "0", f"Papers in a letter: a number from 0 to {MOST_PAPERS:,}, where 0 means all."),
            "sure": form.sure, "language": form.language, "zone": form.zone.strip(), "hour": _number(form.hour, "The hour: 0 to 23."),
        }, known)  # fmt: skip
    except ValueError as problem:
        text = str(problem)
        msg = f"{text[:1].upper()}{text[1:].removesuffix('.')}."
        raise ValueError(msg) from problem


def _parts(text: str, between: str) -> list[str]:
    return [part.strip() for part in re.split(f"[{between}]", text) if part.strip()]


def _number(text: str, wrong: str) -> int:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(wrong)
    return int(text)
