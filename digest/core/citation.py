"""One paper as an entry of a BibTeX file."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

from digest.core.domain import Paper
from digest.core.identifiers import age, identifier
from digest.core.text import MATH, plain

_MOST_NAMES = 100
"""More authors than these are "and others", as BibTeX calls it."""
_LITTLE_WORDS = frozenset(
    (
        "a", "about", "after", "all", "an", "and", "are", "as", "at", "be", "beyond", "by", "can", "do", "does", "for", "from",
        "how", "in", "into", "is", "it", "its", "not", "of", "on", "or", "over", "the", "this", "to", "towards", "under", "via",
        "we", "what", "when", "where", "which", "why", "with", "without", "your",
    )
)  # fmt: skip
_PART = r"[^\W\d_][\w.'\u2019-]*"
_CERTAIN = re.compile(rf"(?P<first>{_PART}(?: [^\W\d_]\.(?:-?[^\W\d_]\.)*)*) (?P<last>{_PART})")
"""A first name, perhaps initials, and one last name; where there are more words, only the author knows which are which."""
_SUFFIXES = frozenset(("jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "md"))
_GROUPS = frozenset(
    (
        "collaboration", "consortium", "team", "group", "lab", "laboratory", "institute", "university", "network", "project",
        "community", "initiative", "ai", "research", "authors",
    )
)  # fmt: skip
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", **{letter: f"\\{letter}" for letter in "#$%&_"},
}  # fmt: skip
_TEXT = re.compile(rf"(?P<math>{MATH})|(?P<special>[{re.escape(''.join(_SPECIAL))}])")
_KNOWN = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi pi varpi rho varrho sigma
    varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega digamma

    pm mp times div cdot ast star circ bullet cap cup uplus sqcap sqcup vee wedge lor land lnot neg setminus smallsetminus wr diamond
    bigtriangleup bigtriangledown triangleleft triangleright oplus ominus otimes oslash odot bigcirc dagger ddagger amalg ltimes rtimes
    boxplus boxminus boxtimes boxdot circledast circledcirc dotplus

    sum prod coprod int iint iiint oint bigcap bigcup bigsqcup bigvee bigwedge bigodot bigotimes bigoplus biguplus

    le leq ge geq leqslant geqslant lesssim gtrsim lessapprox gtrapprox ll gg lll ggg ne neq equiv sim simeq approx approxeq cong
    asymp doteq triangleq propto prec succ preceq succeq subset supset subseteq supseteq subsetneq supsetneq sqsubset sqsupset
    sqsubseteq sqsupseteq in ni owns notin perp parallel nparallel mid nmid vdash dashv models smile frown bowtie coloneqq not

    to gets leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow longleftarrow longrightarrow longleftrightarrow
    Longleftarrow Longrightarrow Longleftrightarrow uparrow downarrow updownarrow Uparrow Downarrow Updownarrow mapsto longmapsto
    hookleftarrow hookrightarrow leftharpoonup leftharpoondown rightharpoonup rightharpoondown rightleftharpoons leftrightharpoons
    nearrow searrow swarrow nwarrow leadsto rightsquigarrow twoheadrightarrow twoheadleftarrow rightrightarrows leftrightarrows
    circlearrowleft circlearrowright iff implies impliedby xleftarrow xrightarrow nrightarrow nleftarrow

    infty partial nabla forall exists nexists emptyset varnothing complement ell hbar hslash imath jmath wp Re Im aleph beth mho eth
    angle measuredangle triangle square Box blacksquare Diamond lozenge bigstar top bot flat natural sharp surd prime backprime degree
    clubsuit diamondsuit heartsuit spadesuit checkmark therefore because dots ldots cdots vdots ddots dotsc dotsb colon

    lbrace rbrace lbrack rbrack langle rangle lfloor rfloor lceil rceil vert Vert lvert rvert lVert rVert backslash ulcorner urcorner
    llcorner lrcorner left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm biggm Biggm

    hat widehat check tilde widetilde acute grave dot ddot dddot breve bar vec mathring overline underline overrightarrow
    overleftarrow overleftrightarrow underrightarrow underleftarrow overbrace underbrace overset underset stackrel

    frac dfrac tfrac cfrac sqrt binom dbinom tbinom over atop choose limits nolimits substack boxed

    mathbf mathrm mathit mathsf mathtt mathcal mathbb mathfrak mathscr mathnormal boldsymbol bm pmb rm bf it sf tt cal text textrm
    textbf textit textsf texttt textsc textup textnormal mbox emph ensuremath textsuperscript textsubscript operatorname
    mathop mathbin mathrel mathord mathopen mathclose mathpunct mathinner displaystyle textstyle scriptstyle scriptscriptstyle

    arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max min Pr sec sin sinh
    sup tan tanh bmod pmod mod

    quad qquad thinspace medspace thickspace enspace
"""
_MATHEMATICS = frozenset(_KNOWN.split())
"""The control words that mathematics in a title has need of. All others may open files and programs, or change what follows them."""
_FORMULA = re.compile(r"(?P<dollars>\$\$?)(?:[^\\^#%&$\n]|\^(?!\^)|\\(?:[A-Za-z]++|[,;:!> {}|%#&$_/-]))*+(?P=dollars)")
"""TeX that can be no comment, no notation of another letter, and no control symbol but spaces and letters that are to be seen."""
_CONTROL = re.compile(r"\\([A-Za-z]+|.)")
_DOI = re.compile(r"10\.[^\s{}\\%#~^\"]+")


def bibtex(paper: Paper, day: date) -> str:
    """Return the entry of *paper*, announced on *day*; its last line ends with a line feed.

    The year is that of the submission, else that of the identifier. Mathematics stays TeX as far as its braces are in
    pairs and all its control words are known; all else that TeX would act on is escaped.
    """
    year = _year(paper, day)
    name = identifier(paper.id) or ""
    fields = {
        "title": f"{{{_tex(paper.title)}}}",
        "author": _authors(paper.authors),
        "year": str(year),
        "eprint": name,
        "archivePrefix": "arXiv" if name else "",
        "primaryClass": paper.primary if re.fullmatch(r"[A-Za-z.-]+", paper.primary) else "",
        "doi": paper.doi if _DOI.fullmatch(paper.doi) else "",
        "url": f"https://arxiv.org/abs/{name}" if name else "",
    }
    lines = "".join(f"  {field} = {{{value}}},\n" for field, value in fields.items() if value)
    return f"@misc{{{_key(paper, year)},\n{lines}}}\n"


def _year(paper: Paper, day: date) -> int:
    if paper.submitted:
        return paper.submitted.year
    return age(paper.id)[0] // 100 if identifier(paper.id) == paper.id else day.year


def _key(paper: Paper, year: int) -> str:
    """Return the key that the entry is cited by: last name, year, and the first word of the title that says something."""
    names = plain(paper.authors[0]).split() if paper.authors else []
    while len(names) > 1 and names[-1].lower() in _SUFFIXES | _GROUPS:
        names.pop()
    words = [_ascii(word) for word in re.findall(r"[^\W_]+", _TEXT.sub(" ", plain(paper.title)))]
    word = next((word for word in words if word and word not in _LITTLE_WORDS), "")
    return f"{_ascii(names[-1])[:40] if names else ''}{year}{word[:40] or re.sub(r'[^0-9]', '', paper.id)}"


def _ascii(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("ł", "l").replace("Ł", "L"))
    return re.sub(r"[^a-z0-9]", "", letters.lower())


def _authors(names: Sequence[str]) -> str:
    shown = [_name(" ".join(plain(name).split())) for name in names[:_MOST_NAMES]]
    return " and ".join([*filter(None, shown), *(["others"] if len(names) > _MOST_NAMES else [])])


def _name(name: str) -> str:
    parts = _CERTAIN.fullmatch(name)
    if parts and parts["last"].lower() not in _SUFFIXES | _GROUPS and parts["last"][0].isupper() and parts["first"][0].isupper():
        return f"{_tex(parts['last'])}, {_tex(parts['first'])}"
    written = _tex(name)
    group = name.rpartition(" ")[2].lower() in _GROUPS
    # A comma or an "and" would part one name into two, and BibTeX would take the name of a group for that of a person.
    return f"{{{written}}}" if "," in name or group or re.search(r"\b(?:and|others)\b", name, re.IGNORECASE) else written


def _tex(text: str) -> str:
    return _TEXT.sub(_escape, plain(text))


def _escape(match: re.Match[str]) -> str:
    if match["special"]:
        return _SPECIAL[match[0]]
    return match[0] if _harmless(match[0]) else "".join(_SPECIAL.get(letter, letter) for letter in match[0])


def _harmless(math: str) -> bool:
    """Say whether a formula is one whose braces are in pairs, and that is made of known mathematics alone."""
    return bool(
        _FORMULA.fullmatch(math)
        and all(name in _MATHEMATICS for name in _CONTROL.findall(math) if name.isalpha())
        and _paired(math)  # as BibTeX counts, which knows no escaped brace
        and _paired(_CONTROL.sub("", math))  # and as TeX does
    )


def _paired(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return False
    return depth == 0
