"""The settings of letters to subscribers and of web-hooks: read, checked, and never said where they are secret."""

import json
from pathlib import Path

import pytest

from digest import settings
from digest.addresses import ImapServer, imap_server
from digest.core.subscription import Hook
from digest.errors import SettingsError
from digest.secrets import mask

KEY = "0123456789abcdef" * 4
HOOK = {"name": "lab", "url": "https://hooks.example.org/services/T0000/B0000/geheim", "format": "slack", "topics": ["3d", "3d/slam"]}
FILE = f"""
mail-list = "Digest.Example.org"
mail-name = "Papers"
mail-url = "https://example.org/papers"
mail-key = "{KEY}"
dkim-selector = "d2026"
dkim-key-file = "dkim.pem"
send-rate = 12.5
send-workers = 4
uncertain = "hold"
relay-log = "mail.log"
bounces = "imaps://me:geheim%21@mail.example.org/Bounced"
subscribe = true

[[hooks]]
name = "lab"
url = "{HOOK["url"]}"
format = "slack"
topics = ["3d", "3d/slam"]
"""


def of_file(tmp_path: Path, text: str) -> settings.Settings:
    """Return the settings that a file holds."""
    path = tmp_path / "cvdigest.toml"
    path.write_text(text, "utf-8")
    return settings.read({}, {}, (path,))


def test_all_of_them_are_read(tmp_path: Path) -> None:
    """Each has its value, and the hook its own."""
    found = of_file(tmp_path, FILE)

    assert (found.mail_list, found.sender_name, found.forms_url) == ("digest.example.org", "Papers", "https://example.org/papers/")
    assert (found.dkim_selector, found.dkim_key_file, found.relay_log) == ("d2026", Path("dkim.pem"), Path("mail.log"))
    assert (found.send_rate, found.send_workers, found.uncertain, found.subscribe) == (12.5, 4, "hold", True)
    assert found.hooks == (Hook("lab", str(HOOK["url"]), "slack", ("3d", "3d/slam")),)
    assert imap_server(found.bounces) == ImapServer("mail.example.org", 993, "me", "geheim!", "Bounced")


def test_defaults() -> None:
    """The sender is named after the category, and the forms stand where the site does."""
    found = settings.read({}, {"CVDIGEST_CATEGORY": "cs.RO", "CVDIGEST_SITE_URL": "https://example.org/site"}, ())

    assert (found.sender_name, found.forms_url, found.mail_list, found.hooks) == ("cs.RO digest", "https://example.org/site/", "", ())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ""),
        ({"MAIL_URL": "https://a.example.org"}, ""),
        ({"MAIL_URL": "https://a.example.org", "SUBSCRIBE": "yes"}, "https://a.example.org/"),
        ({"MAIL_URL": "https://a.example.org", "SUBSCRIBE": "yes", "SITE_URL": "https://b.example.org"}, "https://b.example.org/"),
    ],
)
def test_where_letters_lead(given: dict[str, str], expected: str) -> None:
    """To the site if its address is known, else to what serves the forms, which shows the same pages."""
    found = settings.read({}, {f"CVDIGEST_{name}": value for name, value in given.items()}, ())

    assert found.pages_url == expected


def test_secrets_are_hidden(tmp_path: Path) -> None:
    """Keys, passwords and what follows a hook's host are known to what hides them, and no `repr` shows them."""
    found = of_file(tmp_path, FILE)
    hidden = settings.secrets(found, {})

    assert "geheim" not in repr(found)
    assert KEY not in repr(found)
    for said in (f"key {KEY}", "geheim! was refused", "/services/T0000/B0000/geheim"):
        assert mask(said, hidden) != said


def test_secrets_in_files(tmp_path: Path) -> None:
    """A key and a mailbox can stand in files, which are read where they are needed."""
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n", "utf-8")
    key.chmod(0o600)
    found = settings.read({}, {"CVDIGEST_MAIL_KEY_FILE": str(key)}, ())

    assert settings.secret(found, "mail_key", {}) == KEY
    assert KEY in settings.secrets(found, {})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAIL_LIST", "geheim example.org"),
        ("MAIL_LIST", "you@example.org"),
        ("MAIL_LIST", "127.0.0.1"),
        ("MAIL_LIST", "dig\N{LATIN SMALL LETTER E WITH ACUTE}st.example.org"),
        ("MAIL_LIST", f"{'a' * 60}.{'b' * 60}.{'c' * 60}.example.org"),
        ("MAIL_NAME", "a\nb"),
        ("MAIL_NAME", "=?utf-8?q?x?="),
        ("MAIL_URL", "http://example.org/"),
        ("MAIL_URL", "https://example.org/?a=b"),
        ("MAIL_KEY", "geheim"),
        ("MAIL_KEY", f"geheim {KEY}"),
        ("DKIM_SELECTOR", "a b"),
        ("SEND_RATE", "-1"),
        ("SEND_RATE", "nan"),
        ("SEND_WORKERS", "0"),
        ("SEND_WORKERS", "65"),
        ("SEND_WORKERS", "1.5"),
        ("UNCERTAIN", "perhaps"),
        ("BOUNCES", "imap://me:geheim@mail.example.org"),
        ("BOUNCES", "imaps://mail.example.org"),
        ("BOUNCES", "https://me:geheim@mail.example.org"),
        ("BOUNCES", "imaps://me:geheim@mail.example.org/%22%0d"),
        ("SUBSCRIBE", "perhaps"),
        ("HOOKS", "{}"),
        ("HOOKS", "[1]"),
        ("HOOKS", json.dumps([{**HOOK, "name": "The lab"}])),
        ("HOOKS", json.dumps([{**HOOK, "url": "http://example.org/geheim"}])),
        ("HOOKS", json.dumps([{**HOOK, "url": ["geheim"]}])),
        ("HOOKS", json.dumps([{**HOOK, "format": "teams"}])),
        ("HOOKS", json.dumps([{**HOOK, "topics": "3d"}])),
        ("HOOKS", json.dumps([{**HOOK, "topics": ["3D vision"]}])),
        ("HOOKS", json.dumps([{**HOOK, "uri": "x"}])),
        ("HOOKS", json.dumps([HOOK, HOOK])),
    ],
)
def test_what_cannot_be_set(variable: str, value: str) -> None:
    """A mistake names the variable, and quotes nothing that may be a secret."""
    with pytest.raises(SettingsError, match=rf"^CVDIGEST_{variable}: ") as caught:
        settings.read({}, {f"CVDIGEST_{variable}": value}, ())

    assert "geheim" not in str(caught.value) or variable == "MAIL_LIST"


def test_a_mistake_in_a_hook_names_its_line(tmp_path: Path) -> None:
    """Of several tables the malformed one is named, without its address."""
    with pytest.raises(SettingsError, match=r"cvdigest\.toml:5: hooks: chat: .* https://") as caught:
        of_file(
            tmp_path, f'[[hooks]]\nname = "lab"\nurl = "{HOOK["url"]}"\n\n[[hooks]]\nname = "chat"\nurl = "http://example.org/geheim"\n'
        )
    assert "geheim" not in str(caught.value)

    with pytest.raises(SettingsError, match="hooks cannot be a dict"):
        of_file(tmp_path, '[hooks]\nurl = "geheim"\n')
