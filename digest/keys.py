"""The secret key that links in letters are derived from (see `digest.core.tokens`): out of the settings, or made once and kept.

Whoever knows it can end anybody's subscription, and whoever loses it makes void all links in letters that were sent. So the file is
for its owner alone, and one that is damaged is never written over.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from digest.core.tokens import KEY_BYTES
from digest.errors import SettingsError
from digest.files import flush_folder, new_aside
from digest.settings import Settings, secret

FILE = "links.key"
_WRITTEN = re.compile(r"[0-9a-f]{64}\n?")
_LARGEST = 1024
_ELSEWHERE = "set mail_key_file to a file that this program can read"


def links_key(settings: Settings, folder: Path, environment: Mapping[str, str], *, make: bool = True) -> bytes:
    """Return the key: that of the setting ``mail_key`` or ``mail_key_file``, else the one in *folder*, which is made if there is none.

    Of several processes that find none, one makes it, and all return that one. Unless *make*, nothing is written, and where there is
    none one is returned that is good for no link.

    Raises:
        SettingsError: it cannot be read or made, is damaged, or others than its owner can read or change it.

    """
    if given := secret(settings, "mail_key", environment):
        return hashlib.sha256(b"cvdigest/links/" + given.encode()).digest()
    path = folder / FILE
    try:
        if not path.exists():
            if not make:
                return secrets.token_bytes(KEY_BYTES)
            _make(path)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LARGEST).decode("ascii", "replace")
    except OSError as exc:
        msg = f"the key of the links in letters cannot be read or made: {path}: {exc.strerror}"
        raise SettingsError(msg, advice=_ELSEWHERE) from exc
    if os.name == "posix" and mode & 0o077:
        msg = f"others than its owner can read or change {path}, the key of the links in letters"
        advice = f"chmod 600 {path}, or remove it if somebody may have read it: a new one makes all links void that were sent"
        raise SettingsError(msg, advice=advice)
    if not _WRITTEN.fullmatch(text):
        msg = f"{path} is damaged: it is to hold the key of the links in letters, 64 hexadecimal digits"
        raise SettingsError(msg, advice="bring a backup back, or remove it: a new one makes all links void that were sent")
    return bytes.fromhex(text)


def _make(path: Path) -> None:
    """Make a new key at *path*, whole and for its owner alone from the first instant, unless another process does so first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = new_aside(str(path.parent), path.name)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if os.name == "posix":
                os.fchmod(handle, 0o600)
            file.write(f"{secrets.token_hex(KEY_BYTES)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(aside, path)  # unlike a renaming, it never takes the place of what another process has made meanwhile
    finally:
        aside.unlink(missing_ok=True)
    flush_folder(path.parent)
