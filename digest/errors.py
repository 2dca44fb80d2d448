"""Everything that can go wrong, on one page.

    DigestError                     1  something failed
    ├── UsageError                  2  the command line asks for what cannot be
    │   ├── SettingsError           2  a settings file or the environment is malformed
    │   └── ListError               2  a curated list is no text, or too large
    ├── SourceError                 1  arXiv answered, and its answer cannot be used
    │   ├── LayoutError             1  the answer is not a listing page
    │   ├── QueryError              1  one of arXiv's services says that it cannot answer this question
    │   ├── OutOfReachError         1  no service of arXiv answers for so old a date
    │   ├── NotYetError            75  come back later
    │   │   ├── StaleError         75  the page is that of another date
    │   │   └── IncompleteError    75  the answer is cut, or its counts do not fit
    │   └── UnreachableError       69  arXiv cannot be reached, or does not serve us now
    │       └── ForbiddenError     69  arXiv refuses us (403): stop asking
    ├── ModelError                  1  the model is missing or damaged
    ├── PublishError                1  a page cannot be written
    ├── MailError                   1  a letter cannot be handed over
    ├── HookError                   1  a web-hook does not take what it is told
    ├── ClockError                  1  the clock of this machine is wrong
    └── StoreError                  1  the database cannot be used
        ├── DamagedError            1  it is damaged: bring a backup back
        └── SchemaError             1  it is of another release's schema

The number is the exit status (75 and 69 are EX_TEMPFAIL and EX_UNAVAILABLE of sysexits.h). Each leaf is a different thing
to *do*. The classes live apart from everything else, so that no import can loop.
"""

from datetime import date


class DigestError(Exception):
    """The root of the tree: one clear line, and what to do about it."""

    exit_status = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        """Say what is wrong in *message* and what to do in *advice*, each without a final full stop."""
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        """Return the message and the advice as one line."""
        return f"{self.message}; {self.advice}" if self.advice else self.message


class UsageError(DigestError):
    """The command line asks for something that cannot be: a malformed date, an unknown category."""

    exit_status = 2


class SettingsError(UsageError):
    """A settings file or an environment variable is malformed; the message names the file and the line."""

    culprit = ""
    """The key in the file, or the variable; empty where the file as a whole cannot be read."""


class ListError(UsageError):
    """A curated list is no text in UTF-8, or larger than any list is; the message names the file and the place."""


class SourceError(DigestError):
    """arXiv answered, and the answer cannot be used.

    ``body`` holds the bytes that did arrive, so that they can be kept for study.
    """

    def __init__(self, message: str, *, advice: str = "", body: bytes = b"") -> None:
        """Say what is wrong, and hand over what there is in *body*."""
        super().__init__(message, advice=advice)
        self.body = body


class LayoutError(SourceError):
    """The answer is not a listing page as this program knows it: an error page with status 200, a new layout."""


class QueryError(SourceError):
    """One of arXiv's services understood that it was asked, and says why it cannot answer: ask something else."""


class OutOfReachError(SourceError):
    """No service of arXiv answers for the date any more (`/catchup` reaches 90 days back)."""


class NotYetError(SourceError):
    """The date has no announcement yet: try again later."""

    exit_status = 75


class StaleError(NotYetError):
    """The page states another date than the one that was asked for: ``stated``."""

    stated: date | None = None


class IncompleteError(NotYetError):
    """The answer is cut, or states more entries than it shows."""


class UnreachableError(SourceError):
    """arXiv cannot be reached, or answers that it cannot serve us now."""

    exit_status = 69


class ForbiddenError(UnreachableError):
    """arXiv refuses us with 403; asking on would be treated as an attack (arXiv's robots help page)."""


class ModelError(DigestError):
    """The model is missing, damaged or foreign; a digest can still be made, with every paper unclassified."""


class PublishError(DigestError):
    """A page cannot be written where it was asked for."""


class ClockError(DigestError):
    """The clock of this machine is wrong, and every date would be: nothing is made until it is set."""


class StoreError(DigestError):
    """The database cannot be used: locked, full, not to be reached, not to be written."""


class DamagedError(StoreError):
    """The database is damaged. It is never written over by an empty one: a backup is to be brought back."""


class SchemaError(StoreError):
    """The database was made by a newer release, or cannot be brought up to date."""


class MailError(DigestError):
    """A letter cannot be handed over to the mail server, or not safely."""


class HookError(DigestError):
    """A web-hook does not take what it is told."""
