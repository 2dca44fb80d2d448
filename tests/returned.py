"""Letters that came back, as mail servers write about them: all invented, each in the manner of one."""

from collections.abc import Callable

LETTER = b"""From: cs.CV digest <digest@example.org>
To: ada@example.net
Subject: cs.CV, Fri 20 Nov 2026: 24 papers
Message-ID: <cs.cv.2026-11-20.daily.s12@digest.example.org>
"""


def postfix(to: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """Return what Postfix writes."""
    return f"""Return-Path: <>
Delivered-To: {to}
Received: by mail.example.org (Postfix)
\tid 4ABCDEF; Fri, 20 Nov 2026 06:00:01 +0000 (UTC)
Date: Fri, 20 Nov 2026 06:00:01 +0000 (UTC)
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4ABCDEF.1700000000/mail.example.org"
Content-Transfer-Encoding: 8bit
Message-Id: <20261120060001.4ABCDE0@mail.example.org>

This is a MIME-encapsulated message.

--4ABCDEF.1700000000/mail.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<ada@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown

--4ABCDEF.1700000000/mail.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Postfix-Queue-ID: 4ABCDEF
Arrival-Date: Fri, 20 Nov 2026 06:00:00 +0000 (UTC)

Final-Recipient: rfc822; ada@example.net
Original-Recipient: rfc822;ada@example.net
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--4ABCDEF.1700000000/mail.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822

{LETTER.decode()}
--4ABCDEF.1700000000/mail.example.org--
""".encode()


def exim(to: str) -> bytes:
    """Return what Exim writes since its release 4.83."""
    return f"""Return-path: <>
Envelope-to: {to}
Delivery-date: Fri, 20 Nov 2026 06:00:01 +0000
Received: from Debian-exim by mail.example.org with local (Exim 4.96)
\tid 1aBcDe-000001-0A
\tfor {to};
\tFri, 20 Nov 2026 06:00:01 +0000
X-Failed-Recipients: ada@example.net
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.example.org>
To: {to}
References: <cs.cv.2026-11-20.daily.s12@digest.example.org>
Content-Type: multipart/report; report-type=delivery-status; boundary=1700000000-eximdsn-1
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1700000000-eximdsn-1
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1700000000-eximdsn-1
Content-type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Action: failed
Final-Recipient: rfc822;ada@example.net
Status: 5.0.0
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 No such user

--1700000000-eximdsn-1
Content-type: text/rfc822-headers

{LETTER.decode()}
--1700000000-eximdsn-1--
""".encode()


def old_exim(to: str) -> bytes:
    """Return what Exim wrote before: text, and one header that tells."""
    return f"""Return-path: <>
Envelope-to: {to}
X-Failed-Recipients: ada@example.net
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.example.org>
To: {to}
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.net
""".encode()


def gmail(to: str) -> bytes:
    """Return what Gmail writes."""
    return f"""Delivered-To: {to}
Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example.com>
To: {to}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <cs.cv.2026-11-20.daily.s12@digest.example.org>
Content-Type: multipart/report; boundary="000000000000abcdef"; report-type=delivery-status

--000000000000abcdef
Content-Type: multipart/related; boundary="000000000000abcde0"

--000000000000abcde0
Content-Type: multipart/alternative; boundary="000000000000abcde1"

--000000000000abcde1
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--000000000000abcde1
Content-Type: text/html; charset="UTF-8"

<html><body>Address not found</body></html>

--000000000000abcde1--
--000000000000abcde0
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--000000000000abcde0--
--000000000000abcdef
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example.com
Arrival-Date: Fri, 20 Nov 2026 06:00:00 -0000 (PST)
X-Original-Message-ID: <cs.cv.2026-11-20.daily.s12@digest.example.org>

Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
 550 5.1.1 Please try again.
Last-Attempt-Date: Fri, 20 Nov 2026 06:00:01 -0000 (PST)

--000000000000abcdef
Content-Type: message/rfc822

{LETTER.decode()}
--000000000000abcdef--
""".encode()


def exchange(to: str) -> bytes:
    """Return what Exchange writes."""
    return f"""Received: from mx.example.com (2001:db8::1) by mx2.example.com with Microsoft SMTP Server; Fri, 20 Nov 2026 06:00:01 +0000
From: <postmaster@example.com>
To: <{to}>
Date: Fri, 20 Nov 2026 06:00:01 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="8f3c0000-0000-4000-8000-000000000000"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <8f3c@example.com>
In-Reply-To: <cs.cv.2026-11-20.daily.s12@digest.example.org>
Subject: Undeliverable: cs.CV, Fri 20 Nov 2026: 24 papers
Auto-Submitted: auto-replied
MIME-Version: 1.0

--8f3c0000-0000-4000-8000-000000000000
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="8f3c0000-0000-4000-8000-000000000001"

--8f3c0000-0000-4000-8000-000000000001
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Delivery has failed to these recipients or groups:=20

--8f3c0000-0000-4000-8000-000000000001
Content-Type: text/html; charset="us-ascii"

<html><body>{"<p>A long page.</p>" * 3000}</body></html>

--8f3c0000-0000-4000-8000-000000000001--

--8f3c0000-0000-4000-8000-000000000000
Content-Type: message/delivery-status

Reporting-MTA: dns;mx.example.com
Received-From-MTA: dns;mail.example.org
Arrival-Date: Fri, 20 Nov 2026 06:00:00 +0000

Final-Recipient: rfc822;ada@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full
X-Display-Name: Ada Example

--8f3c0000-0000-4000-8000-000000000000
Content-Type: message/rfc822

{LETTER.decode()}
--8f3c0000-0000-4000-8000-000000000000--
""".replace("\n", "\r\n").encode()


def sendmail(to: str) -> bytes:
    """Return what Sendmail writes after it has tried for five days."""
    return f"""Return-Path: <MAILER-DAEMON>
Received: from localhost (localhost) by mail.example.org (8.17.1/8.17.1) id 5AK0000; Fri, 20 Nov 2026 06:00:01 GMT
Date: Fri, 20 Nov 2026 06:00:01 GMT
From: Mail Delivery Subsystem <MAILER-DAEMON>
Message-Id: <202611200600.5AK0000@mail.example.org>
To: <{to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="5AK0000.1700000000/mail.example.org"
Subject: Returned mail: see transcript for details
Auto-Submitted: auto-generated (failure)

This is a MIME-encapsulated message

--5AK0000.1700000000/mail.example.org

   ----- The following addresses had permanent fatal errors -----
<ada@example.net>

--5AK0000.1700000000/mail.example.org
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
Arrival-Date: Sun, 15 Nov 2026 06:00:00 GMT

Final-Recipient: RFC822; ada@example.net
Action: failed
Status: 4.4.7
Last-Attempt-Date: Fri, 20 Nov 2026 06:00:01 GMT

--5AK0000.1700000000/mail.example.org
Content-Type: text/rfc822-headers

{LETTER.decode()}
--5AK0000.1700000000/mail.example.org--
""".encode()


def vacation(to: str) -> bytes:
    """Return what somebody's mail program answers who is away."""
    return f"""Return-Path: <>
From: Ada Example <ada@example.net>
To: {to}
Subject: Out of office: cs.CV
Auto-Submitted: auto-replied (vacation)
Precedence: bulk
Content-Type: text/plain; charset=utf-8

I am away. Action: failed
Status: 5.1.1
""".encode()


def receipt(to: str) -> bytes:
    """Return what a mail program says when a letter was read (RFC 8098)."""
    return postfix(to).replace(b"delivery-status", b"disposition-notification").replace(b"Action: failed", b"Disposition: displayed")


def answer(to: str) -> bytes:
    """Return what a person writes who answers with a letter that came back to them, from an address of their own."""
    return postfix(to).replace(b"Return-Path: <>", b"Return-Path: <ada@example.net>")


STYLES: dict[str, tuple[Callable[[str], bytes], float, str]] = {
    "Postfix": (postfix, 1.0, "5.1.1"),
    "Exim": (exim, 1.0, "5.0.0"),
    "Exim before 4.83": (old_exim, 1.0, ""),
    "Gmail": (gmail, 1.0, "5.1.1"),
    "Exchange": (exchange, 0.5, "5.2.2"),
    "Sendmail": (sendmail, 0.5, "4.4.7"),
}
