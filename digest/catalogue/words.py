"""What the words of a list mean: which name a link's role, which are a title, a heading, a venue, a mark.

Curators write in English and in Chinese, and misspell both.
"""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from digest.core.text import plain

_ENGLISH = {
    "paper": "paper pape papre paer papar papers paperurl arxiv pdf preprint abs openaccess cvf thecvf ieee acm springer eccv "
    "html publication openreview abstract",
    "code": "code codes coda github gitlab git repo repository pytorch tensorflow tf caffe mxnet matlab jittor paddle "
    "paddlepaddle keras torch "
    "implementation source huggingface hf colab",
    "project": "project projects homepage page website web webpage site proj home",
    "video": "video videos youtube demo demos bilibili talk",
    "other": "analysis explanation readings dataset datasets data slides slide ppt poster supp supplementary supplemental "
    "supplement material materials appendix blog post reading "
    "interpretation notes note summary bibtex bib cite citation model models weights leaderboard benchmark media news twitter zhihu csdn "
    "download downloads toolbox doc docs documentation tutorial",
    "": "link links url address here official unofficial the and of in for to is are will be coming soon available released "
    "release none null no yes "
    "na tba tbd page com other main full version v v1 v2 v3 v4 extended oral accepted highlight spotlight award "
    "candidate best star new train training test more "
    "click expand details arrow down icon image img "
    "www http https iccv cvpr wacv neurips iclr icml aaai",
}
_CHINESE = {
    "paper": "论文地址 论文链接 论文下载 论文 原文链接 原文 文章 摘要 下载链接 综述",
    "code": "开源代码 代码链接 代码地址 代码 源码 开源地址 开源 源代码 官方代码 项目代码 项目开源 非官方实现",
    "project": "项目主页 项目地址 项目链接 项目页面 项目网站 项目 主页 官网 网站 网页",
    "video": "视频 演示 直播 讲解视频",
    "other": "数据集 数据 解读 详细解读 论文解读 介绍 笔记 海报 补充材料 附件 幻灯片 讲解 分享 报道 博客 作者解读 "
    "粗略解读 中文解读 模型 知乎 备用 简介",
    "": "链接 地址 下载 的 和 与 暂无 无 即将 即将开源 尚未 未 公开 官方 非官方 将 待 已 即将公布 未开源 见 点击 展开 镜像 文",
}
_WORDS: Mapping[str, str] = {word: role for role, words in _ENGLISH.items() for word in words.split()}
_TERMS: Mapping[str, str] = {word: role for role, words in _CHINESE.items() for word in words.split()}
_TERM = re.compile("|".join(sorted(_TERMS, key=len, reverse=True)))
_SHORTCODE = re.compile(r":[a-z][a-z0-9_+-]{1,40}:")
_TOKEN = re.compile(r"[a-z][a-z0-9]*|[\u4e00-\u9fff]+")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN_WORD = re.compile(r"[^\W\d_\u3000-\u9fff][^\s\u3000-\u9fff]*")
_CHINESE_LETTER = re.compile(r"[\u4e00-\u9fff]")
_ADDRESS = re.compile(r"(?i:https?:?//|www\.\w|^[\w-]+(?:\.[\w-]+)+/\S)")
_ABOUT = re.compile(
    r"(?i:authors?|作者(?:单位|团队)?|单位|机构|备注|关键词|keywords?|tags?|affiliations?|topic|session|tl;?dr|团队|会议|接收|时间|date|摘要|abstract|"
    r"venue|conference|note|notes|亮点|注|小编|comments?|institutions?|institutes?|organizations?|任务|标签|来源|贡献|star(?:s)?)\s*[:\uff1a|\uff5c]"
)
LONGEST_TITLE = 400


def role(text: str) -> str | None:
    """Return the role that *text* names, "" if it says nothing at all, None if it says something else.

    The role is one of paper, code, project, video and other.
    """
    if len(text) > 80:  # noqa: PLR2004 - no role is as long as a title
        return None
    found = ""
    for token in _TOKEN.findall(_SHORTCODE.sub(" ", text.lower())):
        if token.isascii():
            meant = _meaning(token)
            if meant is None:
                return None
            found = found or meant
        else:
            rest = _TERM.sub(" ", token)
            if rest.strip():
                return None
            found = found or next((meant for term in _TERM.findall(token) if (meant := _TERMS[term])), "")
    return found


@lru_cache(maxsize=4096)
def _meaning(token: str) -> str | None:
    """Return the role that one English word names; a misspelt one ("paepr", "homapage") counts too."""
    word = token if token in _WORDS else token.rstrip("0123456789")
    if word in _WORDS:
        return _WORDS[word]
    near = difflib.get_close_matches(word, _MISSPELT, n=1, cutoff=0.79) if 5 <= len(word) <= 12 else ()  # noqa: PLR2004
    return _WORDS[near[0]] if near else None


_MISSPELT = ("paper", "homepage", "project", "github", "arxiv")


def is_about(text: str) -> bool:
    """Return whether a line tells something about a paper that stands above it: its authors, a remark."""
    return _ABOUT.match(text) is not None


_NUMBERED = re.compile(
    r"(?:(?:\d{1,4}|[\uff10-\uff19]{1,3})\s?(?:[.\u3001)\uff09\uff0e:\uff1a]|-(?=\D))(?:(?!\d)|(?=[2-6]D\b))\s*|[(\uff08]\d{1,4}[)\uff09]\s*"
    r"|\d{1,2}(?:\.\d{1,2})+(?:[.\u3001)]\s*|\s+)|[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341]{1,3}[\u3001.\uff0e]\s*|\[\d{1,4}\]\s*(?!\())"
)
_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|~~|`")
_LEADING_BRACKETS = re.compile(r"(?:\s*(?:\[[^\[\]]{0,60}\]|\u3010[^\u3010\u3011]{0,60}\u3011))+\s*(?=\S)")
_TRAILING = re.compile(r"(?:\s*[\[(\uff08|/,\uff0c;:\uff1a\u3010\uff5c\u2014\u2013<>-]+|\s*[\])\uff09\u3011](?<!\w\)))+\s*$")
_TRANSLATED = re.compile(
    r"\s*[(\uff08](?:[^()\uff08\uff09]|[(\uff08][^()\uff08\uff09]*[)\uff09])*[\u4e00-\u9fff]"
    r"(?:[^()\uff08\uff09]|[(\uff08][^()\uff08\uff09]*[)\uff09])*[)\uff09]$"
)
"""The same title in Chinese, in brackets behind the English one."""
_EMPTY_BRACKETS = re.compile(r"[\[(\uff08\u3010][\s|/,;:\uff0c\u3001&+\uff5c]*[\])\uff09\u3011]")
_PICTOGRAMS = "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff"
_PICTOGRAM = re.compile(f"[{_PICTOGRAMS}]+")
_MOJIBAKE = re.compile(
    ""
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014"
    "\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]+"
)


def mended(text: str) -> str:
    """Return *text* with UTF-8 that somebody took for Windows-1252 read as what it was."""
    return text if text.isascii() else _MOJIBAKE.sub(_mended, text)


def _mended(match: re.Match[str]) -> str:
    try:
        return b"".join(_byte(letter) for letter in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _byte(letter: str) -> bytes:
    return letter.encode("latin-1") if letter <= "\xff" else letter.encode("cp1252")


def inline(text: str) -> str:
    """Return a piece of Markdown without its emphasis and its little pictures, as one clean line."""
    text = _PICTOGRAM.sub(" ", _SHORTCODE.sub(" ", _EMPHASIS.sub("", text)))
    return plain(mended(text.replace("\\_", "_").replace("\\*", "*").replace("\\&", "&")))


def title(text: str) -> str:
    """Return what of *text* is a paper's title, without numbers, labels and brackets around it."""
    text = inline(_EMPTY_BRACKETS.sub(" ", _EMPTY_BRACKETS.sub(" ", text)))
    if match := _NUMBERED.match(text):
        text = text[match.end() :]
    if match := _LEADING_BRACKETS.match(text):
        text = text[match.end() :]
    label, colon, rest = text.partition("\uff1a" if "\uff1a" in text[:20] else ":")
    if colon and rest.strip() and role(label) in ("paper", "other"):
        text = rest
    text = text.strip(' \t"\u201c\u201d\u300a\u300b')
    if text.endswith((")", "\uff09")) and (match := _TRANSLATED.search(text)) and len(_LETTER.findall(text[: match.start()])) > 3:  # noqa: PLR2004
        text = text[: match.start()]
    while match := _TRAILING.search(text[-40:]):
        cut = len(text) - min(40, len(text)) + match.start()
        if cut >= len(text) or cut == 0:
            break
        text = text[:cut]
    return text.strip(' .\u3002"\u201c\u201d\u300a\u300b') if not text.endswith(("...", "etc.")) else text.strip()


def is_title(text: str) -> bool:
    """Return whether *text* may be a title: no address, no role of a link, and some letters."""
    if not text or len(text) > LONGEST_TITLE or _ADDRESS.search(text) or text.startswith("#"):
        return False
    return len(_LETTER.findall(text[:100])) >= 4 - 2 * bool(_CHINESE_LETTER.search(text)) and role(text) is None


def reads_as_title(text: str) -> bool:
    """Return whether *text*, which no link supports, is written like a title: several words, no sentence."""
    words = _LATIN_WORD.findall(text)
    if not is_title(text) or len(words) < 3 or len(words) > 40 or text.endswith((".", "\u3002", "!", "\uff01", ":", "\uff1a", ",")):  # noqa: PLR2004
        return False
    return len(_CHINESE_LETTER.findall(text)) <= len(text) // 4


def title_cased(text: str) -> bool:
    """Return whether most of the long words of *text* begin with a capital letter."""
    words = [word for word in _LATIN_WORD.findall(text) if len(word) > 3]  # noqa: PLR2004
    return bool(words) and sum(not word[0].islower() for word in words) >= 0.6 * len(words)


def heading(text: str) -> str:
    """Return a heading as a reader sees it, without its number."""
    text = plain(_EMPHASIS.sub("", _SHORTCODE.sub("", text.replace("\\_", "_"))))
    if match := _NUMBERED.match(text):
        text = text[match.end() :]
    return text.strip(" :\uff1a#").strip()


_VENUES = "CVPR|ICCV|ECCV|WACV|NeurIPS|NIPS|ICML|ICLR|AAAI|IJCAI|BMVC|ACCV|MICCAI|3DV|ICRA|IROS|CoRL|SIGGRAPH|TPAMI|PAMI|IJCV"
_VENUE = re.compile(rf"(?i:(?<![A-Za-z])(?P<name>{_VENUES}))[\s'\u2019_-]{{0,2}}(?P<year>20\d\d)(?!\d)")
_IN_ADDRESS = re.compile(r"(?i:thecvf\.com/content[/_](?P<name>[a-z]+)_?(?P<year>20\d\d)|ecva\.net/papers/(?P<eccv>eccv)_(?P<of>20\d\d))")
_ORAL = re.compile(r"(?i:\boral\b)|口头报告")
_CANONICAL = {name.lower(): name for name in _VENUES.split("|")} | {"nips": "NeurIPS", "pami": "TPAMI"}


def venue(text: str) -> str:
    """Return the venue that *text* names with its year, or an empty string."""
    match = _VENUE.search(text)
    return f"{_CANONICAL[match['name'].lower()]} {match['year']}" if match else ""


def venue_of(url: str) -> str:
    """Return the venue whose proceedings *url* leads into, or an empty string."""
    if "thecvf" not in url and "ecva.net" not in url:
        return ""
    match = _IN_ADDRESS.search(url)
    return f"{(match['name'] or match['eccv']).upper()} {match['year'] or match['of']}" if match else ""


def is_oral(text: str) -> bool:
    """Return whether *text* says that the paper is given as a talk."""
    return ("ral" in text or "RAL" in text or "口头" in text) and _ORAL.search(text) is not None


_PAPER_HOST = re.compile(
    r"(?:^|\.)(?:arxiv\.org|thecvf\.com|ecva\.net|openreview\.net|ieee\.org|computer\.org|acm\.org|springer\.com|doi\.org|nature\.com|sciencedirect\.com|"
    r"aaai\.org|neurips\.cc|nips\.cc|mlr\.press|aclanthology\.org|aclweb\.org|biorxiv\.org|ijcai\.org|semanticscholar\.org|bmva\.org|bmvc\d*\.org|mdpi\.com|"
    r"wiley\.com|alphaxiv\.org|eccv\d*\.eu|ssrn\.com|hal\.science)$"
)


def is_paper(url: str) -> bool:
    """Return whether *url* leads to a paper."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "arxiv.org/" in url
    if host.endswith("github.com") and "/blob/" not in parts.path:
        return False
    return _PAPER_HOST.search(host) is not None or parts.path.lower().endswith(".pdf") or "/papers/" in parts.path.lower()


_HOSTS = (
    ("video", re.compile(r"(?:^|\.)(?:youtube\.com|youtu\.be|vimeo\.com|bilibili\.com|v\.qq\.com)$")),
    ("project", re.compile(r"(?:\.(?:github|gitlab)\.io|\.netlify\.app|\.vercel\.app)$|^(?:sites\.google\.com)$")),
    ("code", re.compile(r"(?:^|\.)(?:github\.com|gitlab\.com|bitbucket\.org|gitee\.com|huggingface\.co|anonymous\.4open\.science)$")),
)


def kind(url: str) -> str:
    """Return the role that the host of *url* gives it."""
    if is_paper(url):
        return "paper"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "other"
    return next((name for name, pattern in _HOSTS if pattern.search(host)), "other")
