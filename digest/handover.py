"""A connection to a mail server that stays open for many letters, and what became of each of them.

    sender | recipient | DATA | body | final dot | answer

SMTP cannot tell a letter that is lost from one that has arrived when the connection ends after the final dot (RFC 1047). So
the dot is sent apart from the body: what ends before it has not been accepted, and what ends after it is uncertain.
"""

import re
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from digest.addresses import MailServer
from digest.core.subscription import Handling
from digest.errors import MailError
from digest.smtp import UNTOLD, Step, Wire, explained, said

_GO_ON = 354
_CLOSING = 421
_FAREWELL = 5.0
"""Seconds that a server may take to say good-bye."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter."""

    handling: Handling
    """``sent``, ``refused``, ``deferred`` or ``uncertain``."""
    answer: str
    """What the server said, or what happened instead."""
    fatal: bool = False
    """Whether nobody's letter would have been taken: it says nothing about this one."""
    again: bool = False
    """Whether the connection is gone."""


@dataclass(slots=True)
class Session:
    """A connection to one server; for one thread. It is opened by the first letter, or by `open`."""

    place: MailServer
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    read: float = 60.0
    """Seconds of silence that are borne before the final dot."""
    total: float = 180.0
    """Seconds that it may take to open it, and to send a letter up to the final dot."""
    final: float = 600.0
    """Seconds that the answer to the final dot may take: whoever gives up earlier sends letters twice (RFC 5321, 4.5.3.2.6)."""
    _wire: Wire | None = field(default=None, init=False, repr=False)
    _step: Step = field(default=Step.NAME, init=False)
    _used: bool = field(default=False, init=False)
    """Whether it has taken a letter since it was opened."""
    _begun: bool = field(default=False, init=False)
    """Whether the server was told of a letter that it has not taken."""

    @property
    def step(self) -> Step:
        """How far the last letter has come, or how far it came to be opened."""
        return self._wire.step if self._wire is not None else self._step

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._wire is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def open(self) -> Wire:
        """Connect, agree on TLS, and log in, unless that is done.

        Raises:
            MailError: one of these failed; `step` says which.

        """
        if self._wire is not None:
            return self._wire
        wire = Wire(self.place, self.read, self.context)
        self._used = self._begun = False
        try:
            wire.within(self.total, wire.begin)
        except Exception as exc:  # noqa: BLE001 - what it means is said in our words
            self._step = wire.step
            wire.close()
            raise explained(exc, self.place, self.read) from None  # what smtplib raises may quote what was sent to log in
        self._wire = wire
        return wire

    def close(self) -> None:
        """Say good-bye, if there is somebody to say it to."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._step = wire.step
            wire.read = min(wire.read, _FAREWELL)
            wire.deadline = time.monotonic() + _FAREWELL
            with suppress(*UNTOLD):
                wire.quit()
            wire.close()

    def hand_over(self, sender: str, to: str, content: bytes) -> Outcome:
        """Hand over one letter for one recipient, whose address and the sender's are plain ones.

        *content* is headers and body as they go over the wire, before dots are doubled.

        A server that ends a connection after some letters is called again at once.
        """
        stale = self._used
        outcome = self._try(sender, to, content)
        if stale and outcome.again and self._step is Step.SENDER and outcome.handling is Handling.DEFERRED:
            outcome = self._try(sender, to, content)
        return outcome

    def _try(self, sender: str, to: str, content: bytes) -> Outcome:
        try:
            wire = self.open()
        except MailError as exc:
            return Outcome(Handling.DEFERRED, str(exc), fatal=True, again=True)
        wire.deadline = time.monotonic() + self.total
        wire.step = Step.SENDER
        try:
            refused = self._begin(wire, sender, to)
            if refused is not None:
                return refused
            wire.send(wired(content))
            if wire.heard():  # the dot would come too late
                return self._lost(replace(self._refused(*wire.getreply(), fatal=False), again=True))
        except UNTOLD as exc:
            return self._lost(Outcome(Handling.DEFERRED, self._told(exc), fatal=wire.step is not Step.LETTER, again=True))
        return self._finish(wire)

    def _begin(self, wire: Wire, sender: str, to: str) -> Outcome | None:
        """Tell sender and recipient, and ask to send the body; return what became of the letter if that is not wanted.

        A server that lets us is told all of it at once (RFC 2920).
        """
        asked = [(Step.SENDER, f"MAIL FROM:<{sender}>"), (Step.RECIPIENT, f"RCPT TO:<{to}>"), (Step.LETTER, "DATA")]
        if self._begun:
            asked.insert(0, (Step.SENDER, "RSET"))
        together = wire.has_extn("pipelining")
        if together:
            wire.tell(*(command for _, command in asked))
        self._begun = True
        for place, (step, command) in enumerate(asked, 1):
            wire.step = step
            if not together:
                wire.tell(command)
            code, text = wire.getreply()
            if code != _GO_ON if step is Step.LETTER else not _fine(code):
                refused = self._refused(code, text, fatal=step is not Step.RECIPIENT)
                return self._overtaken(wire, refused, len(asked) - place) if together and not refused.again else refused
        return None

    def _overtaken(self, wire: Wire, refused: Outcome, answers: int) -> Outcome:
        """Hear what the server says to what it was asked before the refusal was known."""
        code = 0
        try:
            for _ in range(answers):
                code, _text = wire.getreply()
        except UNTOLD:
            code = _GO_ON
        # It waits for a letter all the same, and would have to be sent an empty one.
        return self._lost(replace(refused, again=True)) if code == _GO_ON else refused

    def _finish(self, wire: Wire) -> Outcome:
        """Send the final dot, and return what became of the letter."""
        wire.deadline = time.monotonic() + self.read
        try:
            wire.send(b".\r\n")
        except UNTOLD as exc:  # not even a part of it that would count as one
            return self._lost(Outcome(Handling.DEFERRED, self._told(exc), again=True))
        wire.deadline, wire.read = time.monotonic() + self.final, self.final
        try:
            code, text = wire.getreply()
        except UNTOLD as exc:
            return self._lost(Outcome(Handling.UNCERTAIN, f"after the final dot: {self._told(exc)}", again=True))
        finally:
            wire.read = self.read
        if _fine(code):
            self._used, self._begun = True, False
            return Outcome(Handling.SENT, said(self.place, code, text))
        if code // 100 not in {4, 5}:
            return self._lost(Outcome(Handling.UNCERTAIN, f"after the final dot: {said(self.place, code, text)}", again=True))
        return self._refused(code, text, fatal=False)

    def _refused(self, code: int, text: bytes, *, fatal: bool) -> Outcome:
        """Return what an answer means that is no yes; all but 5xx is worth another try."""
        answer = said(self.place, code, text)
        if code == _CLOSING or code // 100 not in {4, 5}:
            return self._lost(Outcome(Handling.DEFERRED, answer, fatal=True, again=True))
        return Outcome(Handling.REFUSED if code // 100 == 5 else Handling.DEFERRED, answer, fatal)  # noqa: PLR2004 - 5xx

    def _lost(self, outcome: Outcome) -> Outcome:
        """Give the connection up, without a word."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._step = wire.step
            wire.close()
        return outcome

    def _told(self, error: BaseException) -> str:
        return explained(error, self.place, self.read).message


def wired(content: bytes) -> bytes:
    """Return a letter as it goes over the wire: lines end with CRLF, also the last one, and dots at their beginnings are doubled."""
    if not content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n"):
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\n.", b"\n..")


def _fine(code: int) -> bool:
    return code // 100 == 2  # noqa: PLR2004 - 2xx
