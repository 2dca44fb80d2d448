"""An address is one address, or is refused."""

import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import DigestError
from digest.recipients import LONGEST, mailbox_of, recipient

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9.-]{1,253}")


@pytest.mark.parametrize(
    ("text", "address", "canonical"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        (" ada@example.org  ", "ada@example.org", "ada@example.org"),
        ("Ada@Example.ORG", "Ada@example.org", "ada@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org", "ada+papers@example.org"),
        ("o'neil_a.b-c@lab.example.org", "o'neil_a.b-c@lab.example.org", "o'neil_a.b-c@lab.example.org"),
        ("ada@m\u00fcnchen.example.org", "ada@xn--mnchen-3ya.example.org", "ada@xn--mnchen-3ya.example.org"),
        ("Ada@XN--MNCHEN-3YA.example.org", "Ada@xn--mnchen-3ya.example.org", "ada@xn--mnchen-3ya.example.org"),
        ("ada@mu\u0308nchen.example.org", "ada@xn--mnchen-3ya.example.org", "ada@xn--mnchen-3ya.example.org"),
        ("ada@example\u3002org", "ada@example.org", "ada@example.org"),
        ("ada@\uff45xample.org", "ada@example.org", "ada@example.org"),
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
    ],
)
def test_one_address(text: str, address: str, canonical: str) -> None:
    """It is written to as it was given, and known again however it is written."""
    found = recipient(text)

    assert (found.address, found.canonical) == (address, canonical)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a@example.org, b@example.org",
        "a@example.org,b@example.org",
        "a@example.org;b@example.org",
        "a@example.org b@example.org",
        "a@b@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\n",
        "ada@example.org\r",
        "ada\r\n@example.org",
        "ada@example.org\x00",
        "ada@example.org\u2028Bcc: eve@example.org",
        "ada@example.org\u0085",
        "\tada@example.org",
        "<ada@example.org>",
        "Ada Example <ada@example.org>",
        "ada@example.org (Ada)",
        "ada(comment)@example.org",
        "ada@(comment)example.org",
        '"a b"@example.org',
        '"ada"@example.org',
        r"a\ b@example.org",
        "-ada@example.org",
        "-oQ/tmp/x@example.org",
        "ada.@example.org",
        ".ada@example.org",
        "a..da@example.org",
        "ada@example.org.",
        "ada@.example.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@ex_ample.org",
        "ada@example",
        "ada@localhost",
        "ada@printer.local",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@127.0.0.1",
        "ada\uff20example.org",
        "ada\ufe6bexample.org",
        "ada@eve\uff20example.org",
        "ada@example.org\uff0ceve@example.org",
        "\u00e4da@example.org",
        "ad\u0430@example.org",
        "ada\u200b@example.org",
        "ada@exam\u200bple\u202e.org",
        "ada@\udcff.org",
        "=?utf-8?q?ada?=@example.org",
        "=?UTF-8?Q?=0A?=@example.org",
        "ada@=?utf-8?q?example?=.org",
        "mailto:ada@example.org",
        "ada%eve.example@example.org@",
        "ada%eve.example@example.org",
        "eve.example!ada@example.org",
        "eve.example!ada@m\u00fcnchen.example.org",
        f"{'a' * 65}@example.org",
        f"ada@{'a' * 64}.org",
        f"ada@{'a.' * 130}org",
        f"{'a' * 64}@{'b' * 60}.{'b' * 60}.{'b' * 60}.{'b' * 60}.example",
        "ada@" + "\u00fc" * 300 + ".org",
        "a" * 1_000_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Neither two addresses, nor a line more, nor a name, a comment, a quoted word, an option, another sign for the @."""
    with pytest.raises(ValueError, match=r"is no mail address|cannot be written to|type an address") as caught:
        recipient(text)

    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_what_may_be_read_is_what_mail_allows() -> None:
    """320 letters are 64, an @ and 255; no address is longer."""
    with pytest.raises(ValueError, match="too long"):
        recipient(f"{'a' * LONGEST}@example.org")


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ada+papers@example.org", "ada@example.org"),
        ("ada+a+b@example.org", "ada@example.org"),
        ("a.da@example.org", "a.da@example.org"),
        ("a.d.a+x.y@gmail.com", "ada@gmail.com"),
        ("+ada@example.org", "+ada@example.org"),
    ],
)
def test_one_mailbox(canonical: str, expected: str) -> None:
    """Addresses that one person reads are known to be one person's."""
    assert mailbox_of(canonical) == expected


def test_without_the_library_no_address_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "email_validator", None)

    with pytest.raises(DigestError, match=r"pip install 'cvdigest\[mail\]'"):
        recipient("ada@example.org")


_TEXT = st.text(st.sampled_from("aZ9.+-_'\"<>(),;:@ \\\r\n\t\u00e4\u00df\u0130\u3002\uff20\uff0e\u200d=?[]xn"), max_size=30)


@settings(max_examples=40, deadline=None)
@given(st.one_of(_TEXT, st.builds("{}@{}".format, _TEXT, _TEXT), st.builds("{}@{}.org".format, _TEXT, _TEXT), st.text(max_size=40)))
@example("a@\u0130.org")
@example("a@stra\u00dfe.org")
@example("a@\u00aa.org")
def test_whatever_is_given(text: str) -> None:
    """What is not refused has one shape, and is its own canonical form once it is one."""
    try:
        found = recipient(text)
    except ValueError:
        return

    assert _ADDRESS.fullmatch(found.address)
    assert not found.address.startswith("-")
    assert recipient(found.address) == found
    assert recipient(found.canonical).address == found.canonical == recipient(found.canonical).canonical
    assert recipient(found.address.swapcase()).canonical == found.canonical
