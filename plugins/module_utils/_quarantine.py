# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter's own commands about its quarantine: how they are called, and what they answer."""

from __future__ import annotations

import json
import os
import re
import subprocess

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line

COMMAND = "/opt/mailcordon/current/bin/mailcordon"
_NAME = re.compile(r"(?:[^/\s\[\]]+/)*[A-Za-z0-9][A-Za-z0-9_+.-]*={0,2}(?:\[[A-Za-z0-9_.-]+\])?\Z")
_WORD = re.compile(r"[^\s\x00-\x1f\x7f]+\Z")
_REPLY = re.compile(r"([2-5]\d\d)\s+(.*)\Z", re.DOTALL)
_NOTHING_TO_DO = "250 2.5.0 No recipients, nothing to do"


class QuarantineCommand(object):
    """Runs the filter's command with a time limit."""

    def __init__(self, path, config_dirs, user, timeout):
        self.path = path
        self._config = [option for directory in config_dirs for option in ("--config-dir", directory)]
        self._user = ["--user", user] if user else []
        self._timeout = timeout

    @property
    def is_installed(self):
        return os.access(self.path, os.X_OK)

    def listed(self, filters, source):
        """(mails, problems) by `quarantine list`. Raises GatewayError."""
        code, output, errors = self._run(["quarantine"] + self._config + self._user + ["list", "--json"] + filters + source)
        # 1: some copies could not be read, the others are listed.
        if code not in (0, 1):
            raise GatewayError(_complaint(code, errors))
        return _parsed(output), [one_line([line]) for line in errors.splitlines() if line.strip()]

    def has(self, name):
        """Whether a mail is in quarantine. Raises GatewayError when that cannot be told."""
        code, _output, errors = self._run(["quarantine"] + self._config + self._user + ["show", "--json", "--", name])
        if code not in (0, 1):
            raise GatewayError(_complaint(code, errors))
        return code == 0

    def request(self, kind, name, secret_id, recipients, options):
        """Ask the daemon about one mail. Returns its entry in the result. Raises GatewayError when it cannot be asked."""
        # By standard input, so that nobody sees the secret in the list of processes.
        line = " ".join([name, secret_id or "''"] + list(recipients)) + "\n"
        code, output, errors = self._run([kind, "--json"] + self._config + options + ["-"], line)
        if code not in (0, 1):
            raise GatewayError(_complaint(code, errors))
        (answer,) = _parsed(output) or [dict(ok=False, replies=[])]
        return entry(name, answer, recipients, errors)

    def _run(self, arguments, data=""):
        try:
            done = subprocess.run(
                [self.path] + arguments,
                input=data.encode("utf-8", "surrogateescape"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(os.environ, LC_ALL="C.UTF-8"),
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GatewayError("%s %s took more than %d s" % (os.path.basename(self.path), arguments[0], self._timeout))
        except OSError as error:
            raise GatewayError("%s: %s" % (self.path, error.strerror))
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _parsed(output):
    try:
        return json.loads(output or "[]")
    except ValueError:
        raise GatewayError("the filter's command printed no JSON: %s" % one_line([output[:200]]))


def _complaint(code, errors):
    lines = [line for line in errors.splitlines() if line.strip()]
    return one_line(lines) if lines else "the filter's command ended with exit code %d" % code


def checked_names(names):
    """The names of mails, each once. Raises GatewayError for what names none."""
    wrong = [name for name in names if not _NAME.match(name) or ".." in name.split("/")]
    if wrong:
        raise GatewayError("mail_ids: %s names no mail in quarantine" % ", ".join(repr(name) for name in wrong))
    return list(dict.fromkeys(names))


def checked_words(option, words):
    """Values that go through unchanged. Raises GatewayError for blanks and control characters."""
    wrong = [word for word in words if not _WORD.match(word)]
    if wrong:
        raise GatewayError("%s: %s is empty or has blanks or control characters" % (option, repr(wrong[0])))


def entry(name, answer, recipients, errors):
    """What the module tells of one mail."""
    replies = []
    known = len(answer["replies"]) == len(recipients)
    for number, text in enumerate(answer["replies"]):
        match = _REPLY.match(text)
        replies.append(
            dict(
                recipient=recipients[number] if known else None,
                code=int(match.group(1)) if match else None,
                text=text,
            )
        )
    return dict(
        mail=name,
        ok=bool(answer["ok"]),
        changed=any(reply["code"] and reply["code"] < 300 and reply["text"] != _NOTHING_TO_DO for reply in replies),
        replies=replies,
        error=None if answer["ok"] or replies else one_line(errors.splitlines()) or "no reply",
    )


def refusals(kind, mails):
    """One line about what was refused; empty when nothing was."""
    wrong = [mail for mail in mails if not mail["ok"]]
    if not wrong:
        return ""
    reasons = [
        "%s: %s" % (mail["mail"], mail["error"] or ", ".join(r["text"] for r in mail["replies"] if (r["code"] or 500) >= 300))
        for mail in wrong
    ]
    return "%s refused for %d of %d mails: %s" % (kind, len(wrong), len(mails), one_line(reasons))
