"""Nothing secret is said: passwords, web-hooks, and what the settings name."""

import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import secrets
from digest.secrets import MASK, mask

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="*"), max_size=40)
SECRET = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4, max_size=24)
HOOK = "https://hooks.example.org/services/T0000/B0000/sEcReTsEcReT"


def small(text: str) -> str:
    """Return *text* percent-encoded with small letters, as some programs do."""
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://digest:pa55@db.example.org/cv", f"postgresql://digest:{MASK}@db.example.org/cv"),
        ("smtps://me:p%40ss%3Aword@mail.example.org:465 is down", f"smtps://me:{MASK}@mail.example.org:465 is down"),
        ("('smtp://me:p/a?s#s@mail.example.org')", f"('smtp://me:{MASK}@mail.example.org')"),
        ("https://token@example.org/x", f"https://{MASK}@example.org/x"),
        ("https://token:x-oauth-basic@example.org/x", f"https://{MASK}@example.org/x"),
        ("postgresql://:pa55@h/db,postgresql://u:pa56@h/db", f"postgresql://{MASK}@h/db,postgresql://u:{MASK}@h/db"),
        ("postgresql://h/db?user=u&password=pa55&sslmode=require", f"postgresql://h/db?user=u&password={MASK}&sslmode=require"),
        ("host=h password='pa 55' user=u", f"host=h password={MASK} user=u"),
        ("?next=postgresql%3A%2F%2Fu%3Apa55%40h", f"?next=postgresql%3A%2F%2F{MASK}%40h"),
        ("{'Authorization': 'Bearer abc'}", f"{{'Authorization': {MASK}"),
        (f"POST {HOOK}: 404", f"POST https://hooks.example.org/{MASK} 404"),
        ("https://chat.example.org/hooks/abc123?x=1 failed", f"https://chat.example.org/{MASK} failed"),
        ("https://chat.example.org/api/webhooks/1/abc", f"https://chat.example.org/{MASK}"),
    ],
)
def test_what_is_hidden_in_any_text(text: str, expected: str) -> None:
    """Of addresses and headers that hold secrets the rest stays, so that one knows what they are about."""
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://arxiv.org/list/cs.CV/new?skip=0&show=2000",
        "http://127.0.0.1:8700/@someone/page",
        "https://example.org/@someone",
        "you@example.org",
        "https://oaipmh.arxiv.org/oai?verb=ListRecords&resumptionToken=7654321|1001",
        "a token of 3 letters; the password is wrong",
        "https://github.com/someone/react-hooks",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """What is no secret is needed to understand what went wrong."""
    assert mask(text) == text


@given(
    before=TEXT,
    value=SECRET,
    after=TEXT,
    form=st.sampled_from([str, repr, json.dumps, quote, quote_plus, small]),
)
@settings(max_examples=60, deadline=None)
def test_a_value_that_was_named_is_nowhere(before: str, value: str, after: str, form: "type[str]") -> None:
    """A secret of the settings is hidden however it is quoted: as it is, percent-encoded, as Python or JSON shows it."""
    shown = form(value)
    found = mask(f"{before}{shown}{after}", (value,))

    assert value not in found
    assert MASK in found


@given(
    parts=st.lists(
        st.sampled_from(["http", "://", "a:b@", "@", "/", "%3A%2F%2F", "%40", "token=", "password='", " ", "hooks", "x"]), max_size=30
    )
)
@settings(max_examples=60, deadline=None)
def test_to_hide_twice_is_to_hide_once(parts: list[str]) -> None:
    """Text that was masked holds nothing more to hide."""
    once = mask("".join(parts))

    assert mask(once) == once


@given(user=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8), password=SECRET)
@settings(max_examples=40, deadline=None)
def test_no_password_of_an_address_stays(user: str, password: str) -> None:
    """A password that is encoded as it must be is hidden in an address that nobody named."""
    encoded = quote(password, safe="")
    found = mask(f"cannot reach postgresql+psycopg://{quote(user)}:{encoded}@db.example.org:5432/cv?x=1")

    assert found == f"cannot reach postgresql+psycopg://{quote(user)}:{MASK}@db.example.org:5432/cv?x=1"


def test_a_web_hook_is_hidden_in_all_its_parts() -> None:
    """Libraries quote the path alone, or a part of it."""
    values = secrets.of_webhook("https://push.example.org/a-topic-of-mine?key=0123456789")
    text = "Max retries exceeded with url: /a-topic-of-mine?key=0123456789 (0123456789) at push.example.org"

    assert mask(text, values) == f"Max retries exceeded with url: /{MASK} ({MASK}) at push.example.org"


def test_words_in_the_address_of_a_web_hook_are_no_secrets() -> None:
    """Of Slack's addresses it is the numbers that are secret, not the word "services"."""
    values = secrets.of_webhook(HOOK)

    assert mask("arXiv's services, the webhook, sEcReTsEcReT, /services/T0000/B0000/sEcReTsEcReT", values) == (
        f"arXiv's services, the webhook, {MASK}, /{MASK}"
    )
    assert secrets.of_webhook("https://example.org/webhook") == ()


def test_short_parts_of_a_web_hook_mangle_no_text() -> None:
    """They are hidden within the address, and not in words that happen to hold them."""
    values = secrets.of_webhook("https://chat.example.org/close/lab")

    assert mask("hook/lab: Remote end closed connection", values) == "hook/lab: Remote end closed connection"
    assert "close/lab" not in mask("cannot tell https://chat.example.org/close/lab", values)


def test_a_password_is_hidden_as_it_is_and_as_it_was_written() -> None:
    """The address has it encoded, the mail server gets it decoded."""
    values = secrets.of_login("smtps://me:p%40ss%20word@mail.example.org")

    assert mask("'p@ss word', p%40ss%20word, p%40ss+word", values) == f"'{MASK}', {MASK}, {MASK}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:p%40ss@db.example.org/digests", {"p%40ss", "p@ss"}),
        ("postgresql://me:pa/ss@db.example.org/digests", {"pa/ss"}),
        ("postgresql://me@db.example.org/digests?connect_timeout=5&password=pa+ss&sslpassword=other", {"pa+ss", "pa ss", "other"}),
        ("postgresql://me@db.example.org/digests", set()),
        ("/home/me:here@there/digests?password=a-file", set()),
    ],
)
def test_passwords_of_a_database(url: str, expected: set[str]) -> None:
    """They stand before the @ or in the query; the name of a file holds none."""
    assert set(secrets.of_database(url)) == expected


def test_a_short_value_hides_no_words() -> None:
    """A password of three letters is hidden in addresses; elsewhere it would take words to pieces."""
    assert mask("the model", ("mod",)) == "the model"


@pytest.mark.parametrize("piece", ["://", "a:@", "%3a%2f%2f", "password=", "authorization:", "x", "http://a:b@", "token-", "-"])
def test_no_text_takes_long(piece: str) -> None:
    """Text comes from anywhere; 100 kB of the worst are masked in a blink."""
    started = time.process_time()
    mask(piece * (100_000 // len(piece)), ("secret-value", "another"))

    assert time.process_time() - started < 1
