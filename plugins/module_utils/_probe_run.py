# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends probe mails and follows each until it is known what became of it."""

from __future__ import annotations

import json
import re
import smtplib
import socket
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mailbox import quarantined, shown_fields
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mails import KINDS
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_verdicts import find_entry, reply_verdict

OUTCOMES = ("delivered", "passed", "blocked", "refused", "deferred", "lost")
# How long a log entry may come after the reply or the delivery that already told the outcome, in seconds.
LOG_GRACE = 5
_PAUSE = 0.3
_QUEUED_AS = re.compile(r"queued as ([0-9A-Za-z]+)")


class Fate(object):
    """What is known of one probe mail."""

    def __init__(self, mail):
        self.mail = mail
        self.sent_at = time.monotonic()
        self.seconds = None
        self.reply = None
        self.outcome = None
        self.settled = False
        self.category = None
        self.names = []
        self.entry = None
        self.quarantine_path = None
        self.body_intact = None
        self.fields = {}
        self.queue_reason = None

    def decide(self, outcome, final=True):
        """Set the outcome. One that is not final may still be confirmed by the log or the mailbox."""
        self.outcome = outcome
        self.settled = final
        self.seconds = round(time.monotonic() - self.sent_at, 2)

    def take_reply(self, code, reply, direct):
        """Judge the last SMTP reply. direct: it comes from the filter, not from a Postfix in front of it."""
        self.reply = reply
        verdict = reply_verdict(reply)
        if verdict is not None:
            self.category, self.names = verdict
            self.decide("blocked", final=False)
        elif code >= 500:
            self.decide("refused")
        elif code >= 400:
            self.decide("deferred")
        elif direct:
            self.decide("passed", final=False)

    def queue_ids(self):
        """The ids under which Postfix may have the mail."""
        ids = _QUEUED_AS.findall(self.reply or "")
        if self.entry is not None and "queued_as" in self.entry.facts:
            ids.extend(self.entry.facts["queued_as"].split("/"))
        return ids

    def report(self, expected):
        """The part of the module's result for this mail."""
        facts = self.entry.facts if self.entry is not None else {}
        return {
            "kind": self.mail.kind,
            "token": self.mail.token,
            "message_id": self.mail.message_id,
            "outcome": self.outcome,
            "expected": expected,
            "as_expected": self.meets(expected),
            "smtp_reply": self.reply,
            "seconds": self.seconds,
            "category": self.category,
            "virus_names": self.names if self.category == "INFECTED" else [],
            "hits": facts.get("hits"),
            "mail_id": facts.get("mail_id"),
            "quarantine": facts.get("quarantine"),
            "quarantine_path": self.quarantine_path,
            "quarantined": self.quarantine_path is not None,
            "body_intact": self.body_intact,
            "headers": self.fields,
            "queue_reason": self.queue_reason,
            "log_line": self.entry.line if self.entry is not None else None,
        }

    def meets(self, expected):
        """Whether the outcome is one of the expected ones. A delivered mail must have its body intact, too."""
        if self.body_intact is False:
            return False
        words = {self.outcome, "%s:%s" % (self.outcome, self.category)}
        return bool(words.intersection(expected))


class Watch(object):
    """The places where traces of the mails appear; each may be None."""

    def __init__(self, log=None, mailbox=None, quarantine_dir=None):
        self.log = log
        self.mailbox = mailbox
        self.quarantine_dir = quarantine_dir

    def look(self, fates):
        """Look once for traces of the mails that are not settled."""
        lines = self.log.lines() if self.log is not None else []
        for fate in fates:
            if not fate.settled:
                self._look_for(fate, lines)

    def _look_for(self, fate, lines):
        fate.entry = find_entry(lines, fate.mail.message_id) or fate.entry
        message = self.mailbox.find(fate.mail.token) if self.mailbox is not None else None
        if message is not None:
            if fate.outcome != "delivered":
                fate.body_intact = fate.mail.body_matches(message)
                fate.fields = shown_fields(message)
                fate.decide("delivered", final=False)
            fate.category = fate.entry.category if fate.entry is not None else None
            fate.settled = fate.entry is not None or self._log_is_late(fate)
        elif fate.entry is not None and fate.entry.blocked and not fate.entry.temporary:
            fate.category, fate.names = fate.entry.category, fate.entry.names
            location = fate.entry.facts.get("quarantine")
            if location and self.quarantine_dir:
                fate.quarantine_path = quarantined(self.quarantine_dir, location, fate.mail.token)
            fate.decide("blocked")
        elif fate.entry is not None and not fate.entry.blocked and self.mailbox is None:
            fate.category = fate.entry.category
            fate.decide("passed")
        elif fate.outcome is not None and self._log_is_late(fate):
            fate.settled = True

    def _log_is_late(self, fate):
        """Whether a reply that told the outcome has to do without a log entry or a delivery."""
        if fate.outcome == "passed" and self.mailbox is not None:
            return False
        return self.log is None or time.monotonic() - fate.sent_at > fate.seconds + LOG_GRACE


def send(mail, smtp_class, host, port, sender, recipient, timeout):
    """Send one mail. Returns (code, reply) of the step that decided. Raises GatewayError when nobody listens."""
    try:
        client = smtp_class(host, port, local_hostname=socket.gethostname(), timeout=timeout)
    except smtplib.SMTPResponseException as error:
        return error.smtp_code, _reply(error.smtp_code, error.smtp_error)
    except smtplib.SMTPServerDisconnected:
        return 421, "421 the server closed the connection without a greeting"
    except OSError as error:
        raise GatewayError(
            "nothing takes mail on %s port %d (%s): is the service running?" % (host, port, error.strerror or error)
        )
    try:
        client.ehlo_or_helo_if_needed()
        steps = (lambda: client.mail(sender), lambda: client.rcpt(recipient), lambda: client.data(mail.data))
        for step in steps:
            code, text = step()
            if code >= 400:
                break
        reply = _reply(code, text)
        client.close()
        return code, reply
    except smtplib.SMTPResponseException as error:
        return error.smtp_code, _reply(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        return 421, "421 the connection broke: %s" % error
    finally:
        client.close()


def conclude(fates, queue_lines, mailbox_path=None):
    """Decide what became of the mails that are not settled when the time is over.

    queue_lines is the output of "postqueue -j", one JSON object a line.
    """
    waiting = _queue(queue_lines)
    for fate in fates:
        if fate.settled or fate.outcome == "delivered":
            fate.settled = True
            continue
        queued = [queue_id for queue_id in fate.queue_ids() if queue_id in waiting]
        if queued:
            fate.queue_reason = waiting[queued[0]]
            fate.decide("deferred")
        elif fate.entry is not None and fate.entry.temporary:
            fate.decide("deferred")
        elif fate.outcome is None or (fate.outcome == "passed" and mailbox_path is not None):
            fate.decide("lost")
        else:
            fate.settled = True


def follow(fates, watch, timeout):
    """Look again and again until all mails are settled or the time, in seconds, is over."""
    end = time.monotonic() + timeout
    watch.look(fates)
    while not all(fate.settled for fate in fates) and time.monotonic() < end:
        time.sleep(_PAUSE)
        watch.look(fates)


def expectations(kinds, overrides):
    """What is expected of each kind: a list of outcomes, perhaps with a category. Raises GatewayError."""
    unknown = [str(kind) for kind in overrides if kind not in KINDS]
    if unknown:
        raise GatewayError("expect: there is no probe %s; known are %s" % (", ".join(unknown), ", ".join(KINDS)))
    expected = {}
    for kind in kinds:
        words = overrides.get(kind, KINDS[kind])
        words = [words] if isinstance(words, str) else words
        wrong = not isinstance(words, list) or [word for word in words if str(word).partition(":")[0] not in OUTCOMES]
        if wrong or not words:
            raise GatewayError("expect: %s must be one or several of %s" % (kind, ", ".join(OUTCOMES)))
        expected[kind] = [str(word) for word in words]
    return expected


def surprise(report):
    """One line on a mail that did not fare as expected."""
    told = report["outcome"]
    if report["outcome"] == "blocked" and report["category"]:
        told += " as " + report["category"]
    if report["body_intact"] is False:
        told += " with a changed body"
    line = "%s was %s instead of %s" % (report["kind"], told, " or ".join(report["expected"]))
    hint = report["queue_reason"] or report["smtp_reply"] if report["outcome"] in ("refused", "deferred") else None
    return "%s (%s)" % (line, " ".join(hint.split())) if hint else line


def _reply(code, text):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return "%d %s" % (code, " ".join(str(text).split()))


def _queue(lines):
    """Queue ids and why the mail waits."""
    waiting = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        reasons = [item.get("delay_reason", "") for item in entry.get("recipients", [])]
        waiting[entry.get("queue_id")] = "; ".join(reason for reason in reasons if reason) or entry.get("queue_name")
    return waiting
