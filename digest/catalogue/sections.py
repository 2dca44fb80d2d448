"""What the heading of a curated list means: a path of headings in, a shelf of the catalogue out.

The rules are data (``models/sections.toml`` says how they are written). In short:

* Each heading is made plain: letters folded, full width made half, signs made blanks, years and filling words left out.
* Within one heading the first rule that fits decides. A heading that joins parts with semicolons means a topic only if
  each of its parts means that topic.
* Along a path the innermost heading that says something decides: 'Object Detection > 3D目标检测' is 3D detection. A heading
  that says nothing ('Other', 'Oral', or no rule knows it) leaves the word to the one around it.
* A rule that *keeps* its topic or its shelf lets the headings below refine it, and nothing more: 'Face > Image restoration'
  stays with faces.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from digest.catalogue.taxonomy import Taxonomy
from digest.errors import SettingsError

_HAN = r"\u3400-\u9fff\uf900-\ufaff"
_SEAM = re.compile(rf"(?<=[{_HAN}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{_HAN}])")
_YEAR = re.compile(r"(?<![a-z0-9])(?:19|20)\d\d(?![a-z0-9])")
_NUMBERS = re.compile(r"^(?:\d+ )+|(?: \d+)+$")
_PARTS = re.compile(r"[;\uff1b]")
_KEYS = {"words", "topic", "subtopic", "within", "weak", "keeps"}
NONE = "none"
"""The topic of a rule for headings that mean none."""


class Keeps(StrEnum):
    """How much of what a rule says holds for every heading below."""

    NOTHING = "nothing"
    TOPIC = "topic"
    SHELF = "shelf"


@dataclass(frozen=True, slots=True)
class Rule:
    """Words of a heading, and what they mean."""

    number: int
    """Where the rule stands among the rules, from 1."""
    words: tuple[str, ...]
    topic: str | None
    """None says that such a heading means no topic."""
    subtopic: str | None = None
    within: tuple[str, ...] = ()
    """Words one of which an enclosing heading must have."""
    weak: bool = False
    """Whether it decides only where no heading around it has."""
    keeps: Keeps = Keeps.NOTHING


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a section belongs, and why."""

    topic: str
    subtopic: str | None
    rule: Rule
    """The rule that decided."""
    heading: str
    """The heading that it decided by, as it was written."""


@dataclass(frozen=True, slots=True)
class _Plain:
    """How headings and words are made plain, so that they can be compared."""

    same: Mapping[str, str]
    """What is written in several ways, and the one way it is read in."""
    ignored: re.Pattern[str] = _YEAR

    def word(self, text: str) -> str:
        """Return a word of a rule made plain."""
        folded = unicodedata.normalize("NFKC", text).casefold()
        for written, read in self.same.items():
            folded = folded.replace(written, read)
        return " ".join(_SEAM.sub(" ", "".join(char if char.isalnum() else " " for char in folded)).split())

    def heading(self, text: str) -> str:
        """Return a heading made plain, without what says nothing: years, filling words, the number that it stands under."""
        return _NUMBERS.sub("", " ".join(self.ignored.sub(" ", self.word(text)).split()))

    def pattern(self, word: str) -> str:
        """Return the pattern that finds a word of a rule in a plain heading: whole words of Latin letters, any run of Han."""
        plain = self.word(word)
        latin_start, latin_end = plain[:1].isascii(), plain[-1:].isascii()
        if word.endswith("*"):
            end = "[a-z0-9]*"
        else:
            end = ("(?:e?s)?" if latin_end else "") + ("$" if word.startswith("=") else r"(?![a-z0-9])" if latin_end else "")
        start = "^" if word.startswith("=") else r"(?<![a-z0-9])" if latin_start else ""
        return start + re.escape(plain) + end


class _Words:
    """The words of a rule, compiled once."""

    def __init__(self, words: Sequence[str], plain: _Plain) -> None:
        self._any = re.compile("|".join(plain.pattern(word) for word in words if "+" not in word) or r"(?!)")
        self._all = [[re.compile(plain.pattern(part.strip())) for part in word.split("+")] for word in words if "+" in word]

    def fit(self, heading: str) -> bool:
        """Say whether a plain heading has one of the words."""
        return bool(self._any.search(heading)) or any(all(part.search(heading) for part in parts) for parts in self._all)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rules make of one heading."""

    parts: tuple[tuple[Rule, ...], ...]
    """For each part between semicolons, the rules that fit, first one first."""
    encloses: frozenset[int]
    """The numbers of the rules that may be used below this heading."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The rules, ready to be asked."""

    rules: tuple[Rule, ...]
    _plain: _Plain = field(repr=False)
    _words: tuple[_Words, ...] = field(repr=False)
    _within: Mapping[int, _Words] = field(repr=False)
    _known: dict[str, _Known] = field(default_factory=dict, compare=False, repr=False)

    def shelf(self, path: Sequence[str]) -> Shelf | None:
        """Return where the section under *path* (headings, the outermost first) belongs, or None if they mean no topic."""
        decided: Shelf | None = None
        held: Shelf | None = None
        allowed: set[int] = set()
        for heading in path:
            known = self._look(heading)
            said = _say(heading, known, allowed)
            allowed |= known.encloses
            if said is None or (said.rule.weak and decided is not None):
                continue
            if held is not None and (held.rule.keeps is Keeps.SHELF or held.topic != said.topic):
                continue
            decided = said
            if said.rule.keeps is not Keeps.NOTHING:
                held = said
        return decided

    def _look(self, heading: str) -> _Known:
        """Return what the rules make of a heading; each distinct one is looked at once."""
        if (known := self._known.get(heading)) is None:
            parts = [part for written in _PARTS.split(heading) if (part := self._plain.heading(written))]
            fitting = tuple(tuple(rule for rule, words in zip(self.rules, self._words, strict=True) if words.fit(part)) for part in parts)
            whole = self._plain.heading(heading)
            known = _Known(fitting, frozenset(number for number, words in self._within.items() if words.fit(whole)))
            self._known[heading] = known
        return known


def parse(text: str, taxonomy: Taxonomy, *, source: str = "sections.toml") -> Sections:
    """Read rules written in TOML; *source* is the name that errors give it.

    Raises:
        SettingsError: the text is malformed, a rule names a topic or a subtopic that *taxonomy* does not have, or the same
            word stands in two rules.

    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        msg = f"{source} is not TOML: {exc}"
        raise SettingsError(msg) from exc
    items = table.get("rule")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        msg = f"{source} holds no rules"
        raise SettingsError(msg)
    rules = tuple(_rule(number, item, taxonomy, source) for number, item in enumerate(items, 1))
    plain = _Plain(_same(table.get("same", {}), source))
    _unique(rules, plain, source)
    ignored = [plain.pattern(word) for word in _strings(table.get("ignore", []), f"{source}: ignore")]
    plain = _Plain(plain.same, re.compile("|".join([_YEAR.pattern, *ignored])))
    if unseen := [word for rule in rules for word in (*rule.words, *rule.within) if plain.ignored.search(plain.word(word))]:
        msg = f"{source}: {unseen[0]!r} holds a word that is ignored, so that no heading ever has it"
        raise SettingsError(msg)
    return Sections(
        rules,
        plain,
        tuple(_Words(rule.words, plain) for rule in rules),
        {rule.number: _Words(rule.within, plain) for rule in rules if rule.within},
    )


def _say(heading: str, known: _Known, allowed: set[int]) -> Shelf | None:
    """Return what one heading says by itself, where the headings around it allow the rules *allowed*."""
    first: Shelf | None = None
    for fitting in known.parts:
        rule = next((rule for rule in fitting if not rule.within or rule.number in allowed), None)
        if rule is None or rule.topic is None or (first is not None and first.topic != rule.topic):
            return None
        first = first or Shelf(rule.topic, rule.subtopic, rule, heading)
    return first


def _rule(number: int, item: Mapping[str, object], taxonomy: Taxonomy, source: str) -> Rule:
    """Return one rule, checked."""
    where = f"{source}: rule {number}"
    words = _strings(item.get("words"), f"{where}: words")
    if not words:
        msg = f"{where} has no words"
        raise SettingsError(msg)
    where = f"{where} ({words[0]})"
    if unknown := set(item) - _KEYS:
        msg = f"{where} has a key that is not known: {min(unknown)}"
        raise SettingsError(msg)
    topic, subtopic, keeps = item.get("topic"), item.get("subtopic"), item.get("keeps", Keeps.NOTHING)
    if topic != NONE and not (isinstance(topic, str) and topic in taxonomy.names()):
        msg = f"{where} names the topic {topic!r}, which the taxonomy does not have"
        raise SettingsError(msg)
    if subtopic is not None and (topic, subtopic) not in taxonomy.shelves():
        msg = f"{where} names the subtopic {subtopic!r}, which the topic {topic!r} does not have"
        raise SettingsError(msg)
    if keeps not in tuple(Keeps):
        msg = f"{where} keeps {keeps!r}, which is none of {', '.join(Keeps)}"
        raise SettingsError(msg)
    if not isinstance(weak := item.get("weak", False), bool):
        msg = f"{where} is weak or not: true or false, not {weak!r}"
        raise SettingsError(msg)
    within = _strings(item.get("within", []), f"{where}: within")
    return Rule(
        number,
        words,
        None if topic == NONE else str(topic),
        None if subtopic is None else str(subtopic),
        within,
        weak,
        Keeps(str(keeps)),
    )


def _strings(value: object, where: str) -> tuple[str, ...]:
    """Return a list of words, each of which holds a letter or a digit."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        msg = f"{where} is not a list of strings"
        raise SettingsError(msg)
    if empty := [word for word in value if not all(any(map(str.isalnum, part)) for part in word.split("+"))]:
        msg = f"{where} holds a word without a letter: {empty[0]!r}"
        raise SettingsError(msg)
    return tuple(value)


def _same(value: object, source: str) -> Mapping[str, str]:
    """Return the table of ways of writing, with its keys made as small as the headings are."""
    if not isinstance(value, dict) or not all(isinstance(read, str) and written for written, read in value.items()):
        msg = f"{source}: same is not a table of strings"
        raise SettingsError(msg)
    return {unicodedata.normalize("NFKC", written).casefold(): read for written, read in value.items()}


def _unique(rules: Iterable[Rule], plain: _Plain, source: str) -> None:
    """Raise if a word stands twice under the same condition: the second could never decide."""
    seen: dict[tuple[object, ...], int] = {}
    for rule in rules:
        within = tuple(sorted(plain.pattern(word) for word in rule.within))
        for word in rule.words:
            key = (within, *sorted(plain.pattern(part.strip()) for part in word.split("+")))
            if key in seen:
                msg = f"{source}: rule {rule.number} repeats {word!r} of rule {seen[key]}"
                raise SettingsError(msg)
            seen[key] = rule.number
