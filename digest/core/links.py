"""What the authors say beside the abstract: links to code, project pages, videos and data, and the venue.

Links are recognised by the host they lead to, else by the word before them. A venue is taken from the comments only where
they say that the paper is accepted there: "ECCV 2026 submission" and "under review at CVPR" name no venue.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.core.domain import Paper
from digest.core.text import URL, trim_url

_URL = re.compile(URL)
_HOSTS = (
    ("video", re.compile(r"(?:^|\.)(?:youtube\.com|youtu\.be|vimeo\.com|bilibili\.com)$")),
    ("project", re.compile(r"\.(?:github|gitlab)\.io$|^sites\.google\.com$")),
    ("code", re.compile(r"(?:^|\.)(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|gitee\.com|anonymous\.4open\.science)$")),
    ("data", re.compile(r"(?:^|\.)(?:zenodo\.org|figshare\.com|kaggle\.com|dataverse\.org)$")),
)
_WORDS = (
    ("video", re.compile(r"\bvideos?\b|\bdemos?\b", re.IGNORECASE)),
    ("project", re.compile(r"\bproject|\bweb ?(?:page|site)|\bhome ?page", re.IGNORECASE)),
    ("code", re.compile(r"\bcodes?\b|\brepositor|\bgithub|\bimplementation|\bsource", re.IGNORECASE)),
    ("data", re.compile(r"\bdata ?sets?\b|\bdata\b|\bbenchmark", re.IGNORECASE)),
)
_CONTEXT = 60


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads: `kind` is one of arxiv, pdf, code, project, video, data and other."""

    kind: str
    url: str


def links(paper: Paper) -> tuple[Link, ...]:
    """Return the links of *paper*: arXiv's own two, then those in its comments and its abstract, each address once."""
    own = (Link("arxiv", f"https://arxiv.org/abs/{paper.id}"), Link("pdf", f"https://arxiv.org/pdf/{paper.id}"))
    found = {link.url: link for link in own}
    for text in (paper.comments, paper.abstract):
        if "://" not in text:
            continue
        end = 0
        for match in _URL.finditer(text):
            url = trim_url(match[0])
            before = text[max(end, match.start() - _CONTEXT) : match.start()]
            end = match.end()
            if is_address(url):
                found.setdefault(url.rstrip("/"), Link(_kind(url, before), url))
    return tuple(found.values())


def is_address(url: str) -> bool:
    """Return whether *url* leads to a host, and to the one that it seems to lead to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # "https://[", say, or a port that is no number
        return False
    # "https://github.com@example.org" leads elsewhere than it seems to.
    return "." in host and all(host.split(".")) and port != 0 and "@" not in parts.netloc


def _kind(url: str, before: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    if host in ("huggingface.co", "hf.co"):
        return "data" if parts.path.startswith("/datasets/") else "project" if parts.path.startswith("/spaces/") else "code"
    for kind, pattern in _HOSTS:
        if pattern.search(host):
            return kind
    # The word nearest to the link decides: "Code and data: ..., project page: https://..."
    spoken = [(match.end(), kind) for kind, pattern in _WORDS for match in pattern.finditer(before)]
    return max(spoken)[1] if spoken else "other"


_VENUES = (
    r"CVPRW?|ICCVW?|ECCVW?|WACV|BMVC|ACCV|3DV|NeurIPS|NIPS|ICML|ICLR|AAAI|IJCAI|MICCAI|MIDL|ISBI|IPMI|ICRA|IROS|CoRL|RSS|"
    r"ACM\s?MM|ACM Multimedia|SIGGRAPH(?:\s+Asia)?|ICIP|ICASSP|ICPR|ICDAR|ICME|FG|IJCB|ICMR|KDD|WWW|ACL|EMNLP|NAACL|COLM|TMLR|"
    r"T-?PAMI|IJCV|TIP|TOG|TVCG|TCSVT|TMM|TMI|RA-?L|UAI|AISTATS|CHI|UIST|INTERSPEECH|ICONIP|IGARSS|ITSC|IV"
)
_WORKSHOPS = ("CVPRW", "ICCVW", "ECCVW")
_NAMES = {
    "European Conference on Computer Vision": "ECCV",
    "International Conference on Computer Vision": "ICCV",
    "Conference on Computer Vision and Pattern Recognition": "CVPR",
    "Winter Conference on Applications of Computer Vision": "WACV",
    "British Machine Vision Conference": "BMVC",
    "International Conference on Machine Learning": "ICML",
    "International Conference on Learning Representations": "ICLR",
    "Robotics and Automation Letters": "RA-L",
    "Transactions on Machine Learning Research": "TMLR",
    "Transactions on Pattern Analysis and Machine Intelligence": "TPAMI",
    "International Journal of Computer Vision": "IJCV",
    "Transactions on Image Processing": "TIP",
}
_SPELLED_OUT = re.compile("|".join(_NAMES), re.IGNORECASE)
_CANONICAL = {name.casefold(): short for name, short in _NAMES.items()}
_ACCEPTED = re.compile(
    r"\bac+\w{0,3}p\w{0,2}ted\b|\bearly accept\b|\bto appear|\bpublished (?:at|in|by)|\bcamera[- ]ready|\boral\b|\bspotlight\b"
    r"|\bhighlight\b|\bposter\b|\bpresented at|\bbest (?:student )?paper|\bconference paper|\bin proceedings|\bin press",
    re.IGNORECASE,
)
_NOT_ACCEPTED = re.compile(
    r"\bsubmi(?:tted|ssion)|\bunder (?:double[- ]blind )?review|\bin review|\brejected|\bnot (?:yet )?accepted|\bwithdrawn", re.IGNORECASE
)
_VENUE = re.compile(
    rf"(?<![\w-])(?P<name>{_VENUES})(?![A-Za-z])"
    r"[\s,'\u2019()-]*(?P<year>(?:19|20)\d\d(?!\d)|\d\d(?!\d))?"
)
_OTHER_VENUE = re.compile(r"(?<![\w-])(?P<name>[A-Z][A-Za-z0-9]{0,15}[A-Z][A-Za-z0-9]{0,15}?)[\s'\u2019-]*(?P<year>20\d\d)(?!\d)")
"""Any other acronym with a year, in a sentence that speaks of acceptance: "Accepted to SMC 2026"."""
_SENTENCE = re.compile(r"[.;]\s|\n")


def venue(comments: str) -> str:
    """Return where *comments* say that the paper is accepted ("ECCV 2026", "CVPR 2026 Workshop"), or an empty string."""
    if not comments or not _ACCEPTED.search(comments):
        return ""
    short = _SPELLED_OUT.sub(lambda match: _CANONICAL[match[0].casefold()], _URL.sub("", comments))
    for sentence in _SENTENCE.split(short):
        if not _ACCEPTED.search(sentence) or _NOT_ACCEPTED.search(sentence):
            continue
        if found := _VENUE.search(sentence) or _OTHER_VENUE.search(sentence):
            name = " ".join(found["name"].split())
            year = found["year"] or next(iter(re.findall(r"\b20\d\d\b", sentence)), "")
            year = f"20{year}" if len(year) == len("26") else year
            workshop = name in _WORKSHOPS or re.search(r"\bworkshops?\b", sentence, re.IGNORECASE)
            return " ".join(filter(None, (name, year, "Workshop" if workshop else "")))
    return ""
