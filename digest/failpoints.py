"""Points at which a test lets the program fail: it is killed there, raises an error, or stands still.

``CVDIGEST_FAILPOINT=prepared:kill`` kills the process (SIGKILL) when it reaches the point ``prepared``; ``raise`` raises, and
``stall`` waits until it is killed. Without the variable nothing happens. No user needs this; it is how the program shows
that a restart is all that is ever needed.
"""

import os
import signal
import threading

VARIABLE = "CVDIGEST_FAILPOINT"
POINTS = (
    "fetched",
    "answer-kept",
    "prepare-begin",
    "prepare-papers",
    "prepare-edition",
    "prepared",
    "write-page-before-rename",
    "written-page",
    "write-json-before-rename",
    "written-json",
    "write-index-before-rename",
    "written-index",
    "publish-begin",
    "publish-commit",
    "published",
)
"""In the order in which one date passes them."""
OF_LETTERS = ("queued",)
"""Passed after ``prepare-edition`` where people are told of an edition."""
OF_BACKUPS = ("backup-copied", "backup-named", "restore-copied", "restore-moved")
"""In the order in which a backup passes them, and one that is brought back."""

OF_SITE = ("site-begun", "site-papers", "site-search", "site-topics", "site-days", "site-feeds", "site-calendar", "site-index", "site-done")
"""In the order in which a site that is brought up to date passes them; most are files, before they are renamed."""


def reach(point: str) -> None:
    """Say that the program is at *point*.

    Raises:
        OSError: the variable says so.

    """
    name, _, action = os.environ.get(VARIABLE, "").partition(":")
    if name != point:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stall":
        threading.Event().wait()
    elif action == "raise":
        msg = f"the test lets {point} fail"
        raise OSError(msg)
