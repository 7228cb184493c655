#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_probe
short_description: Send test mails through the gateway and tell what became of each
version_added: 0.1.0
description:
  - Runs on the gateway. Sends a clean mail, EICAR in several wrappings, the harmless twin of each, and GTUBE through
    SMTP, waits, and returns for each what became of it and how that is known.
  - Every mail carries a fresh token in its Message-ID and in the field C(X-Mailcordon-Probe). Only traces with the
    token count, namely the mail in the mailbox, the filter's main log entry, the SMTP reply and Postfix's queue.
  - The task measures. It reports no change, although mails may be added to a mailbox and to the quarantine.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
attributes:
  check_mode:
    support: partial
    details: Sends nothing and is skipped.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: Never reports a change.
options:
  host:
    description: Where the mails are sent to.
    type: str
    default: 127.0.0.1
  port:
    description: The port there, V(25) for Postfix, V(10024) for the filter itself.
    type: int
    default: 25
  protocol:
    description: The protocol to speak.
    type: str
    choices: [smtp, lmtp]
    default: smtp
  direct:
    description:
      - The filter itself is spoken to, so that its reply tells what becomes of the mail.
      - The default is true for port 10024 and for LMTP.
    type: bool
  sender:
    description: Envelope sender. Its domain is used in the Message-ID.
    type: str
    required: true
  recipient:
    description: Envelope recipient.
    type: str
    required: true
  probes:
    description:
      - The mails to send. Those whose names start with V(eicar) hold the EICAR test string as an attachment, as it
        is, in base64, in a zip file and in a zip file in a zip file; V(gtube) holds the GTUBE test string.
      - V(banned) and V(banned_zip) have a harmless text as an attachment and in a zip file, with a name that ends in
        C(.txt.scr).
      - Those whose names start with V(twin) are the same with one letter of the test string changed, or with the two
        extensions of the name the other way round.
    type: list
    elements: str
    choices:
      - clean
      - eicar
      - eicar_base64
      - eicar_zip
      - eicar_zip_zip
      - twin
      - twin_base64
      - twin_zip
      - twin_zip_zip
      - gtube
      - twin_gtube
      - banned
      - banned_zip
      - twin_banned
      - twin_banned_zip
    default:
      - clean
      - eicar
      - eicar_base64
      - eicar_zip
      - eicar_zip_zip
      - twin
      - twin_base64
      - twin_zip
      - twin_zip_zip
      - gtube
      - twin_gtube
      - banned
      - banned_zip
      - twin_banned
      - twin_banned_zip
  expect:
    description:
      - What is expected of a mail, by its name. One or several of V(delivered), V(passed), V(blocked), V(refused),
        V(deferred), V(lost); a category of the filter's log may follow, as in V(blocked:INFECTED).
      - The default is V(blocked:INFECTED) for the EICAR mails, V(blocked:SPAM) for GTUBE, V(blocked:BANNED) for
        V(banned) and V(banned_zip), and V(delivered) or V(passed) for all others.
    type: dict
    default: {}
  fail_on_unexpected:
    description: Fail, with a line that names each surprise, when a mail did not fare as expected.
    type: bool
    default: true
  timeout:
    description: How many seconds to wait for the mails after they were sent, and for each reply.
    type: int
    default: 60
  mailbox:
    description:
      - The recipient's mailbox, an mbox file or a Maildir. It may not exist yet; a path that ends in a slash is a
        Maildir.
      - Without it a mail that the filter lets through counts as V(passed).
    type: path
  log_file:
    description: The filter's log file. Without it the journal is read.
    type: path
  log_ident:
    description: The identifier under which the filter writes to the journal.
    type: str
    default: amavis
  quarantine_dir:
    description: The filter's quarantine directory.
    type: path
    default: /var/lib/mailcordon/virusmails
  cleanup:
    description: Remove the probe's own mails from the mailbox and from the quarantine at the end, and nothing else.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Prove that the gateway filters
  mailcordon.gateway.mail_probe:
    sender: probe@example.com
    recipient: postmaster@example.com
    mailbox: /var/mail/postmaster
    cleanup: true

- name: See that mail waits while the scanner is down
  mailcordon.gateway.mail_probe:
    sender: probe@example.com
    recipient: postmaster@example.com
    probes: [eicar, clean]
    expect:
      eicar: deferred
      clean: deferred
    timeout: 20
"""

RETURN = r"""
probes:
  description: What became of each mail, in the order of the task.
  type: list
  elements: dict
  returned: always but in check mode
  contains:
    kind:
      description: The name of the probe.
      type: str
    token:
      description: The token in its Message-ID.
      type: str
    message_id:
      description: Its Message-ID.
      type: str
    outcome:
      description:
        - V(delivered), found in the mailbox. V(passed), the filter let it through. V(blocked), the filter kept it.
          V(refused), an SMTP reply 5xx. V(deferred), an SMTP reply 4xx or still in the queue. V(lost), no trace.
      type: str
    expected:
      description: The outcomes that were expected.
      type: list
      elements: str
    as_expected:
      description: Whether the outcome is one of them, and the body intact.
      type: bool
    smtp_reply:
      description: The SMTP reply that decided.
      type: str
    seconds:
      description: Time from sending to the outcome.
      type: float
    category:
      description: The category that the filter gave, such as V(INFECTED), V(SPAM) or V(CLEAN).
      type: str
    virus_names:
      description: Names of the viruses found.
      type: list
      elements: str
    hits:
      description: Spam score in the log.
      type: str
    mail_id:
      description: The filter's id of the mail.
      type: str
    quarantine:
      description: Location of the quarantined copy as the log tells it.
      type: str
    quarantine_path:
      description: Path of the quarantined copy, if it was found and carries the token.
      type: str
    quarantined:
      description: Whether it was.
      type: bool
    body_intact:
      description: Whether the delivered body is the sent one byte for byte. Null when it was not delivered.
      type: bool
    headers:
      description: Fields of the delivered mail that the filter wrote.
      type: dict
    queue_reason:
      description: Why Postfix keeps the mail.
      type: str
    log_line:
      description: The filter's main log entry.
      type: str
unexpected:
  description: One line for each mail that did not fare as expected.
  type: list
  elements: str
  returned: always but in check mode
"""

import os
import smtplib
import time
import uuid

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _probe_run as probe_run
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_log import FileLog, JournalLog
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mailbox import open_mailbox
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mails import KINDS, ProbeMail

FILTER_PORT = 10024


def open_log(module, direct):
    """The filter's log. Without a readable one only a direct probe, whose replies tell enough, goes on."""
    try:
        if module.params["log_file"]:
            return FileLog(module.params["log_file"])
        return JournalLog(module, module.params["log_ident"], int(time.time()))
    except GatewayError as error:
        if not direct or module.params["log_file"]:
            raise
        module.warn("%s; only the replies of the filter are looked at" % error)
        return None


def read_queue(module):
    """The mails in Postfix's queue, one JSON object a line; nothing where there is no Postfix."""
    postqueue = module.get_bin_path("postqueue", opt_dirs=["/usr/sbin"])
    return module.run_command([postqueue, "-j"])[1].splitlines() if postqueue else []


def clean_up(fates, mailbox):
    """Remove what the probe has left behind."""
    if mailbox is not None:
        mailbox.remove([fate.mail.token for fate in fates])
    for fate in fates:
        if fate.quarantine_path:
            os.unlink(fate.quarantine_path)


def run(module):
    """Send, follow and judge the mails. Returns the reports."""
    params = module.params
    direct = params["direct"]
    if direct is None:
        direct = params["port"] == FILTER_PORT or params["protocol"] == "lmtp"
    expected = probe_run.expectations(params["probes"], params["expect"])
    mailbox = open_mailbox(params["mailbox"]) if params["mailbox"] else None
    watch = probe_run.Watch(open_log(module, direct), mailbox, params["quarantine_dir"])
    smtp_class = smtplib.LMTP if params["protocol"] == "lmtp" else smtplib.SMTP
    fates = []
    for kind in params["probes"]:
        fate = probe_run.Fate(ProbeMail(kind, uuid.uuid4().hex, params["sender"], params["recipient"]))
        code, reply = probe_run.send(
            fate.mail, smtp_class, params["host"], params["port"], params["sender"], params["recipient"],
            params["timeout"],
        )
        fate.take_reply(code, reply, direct)
        fates.append(fate)
    probe_run.follow(fates, watch, params["timeout"])
    if not all(fate.settled for fate in fates):
        probe_run.conclude(fates, read_queue(module), params["mailbox"])
    if params["cleanup"]:
        clean_up(fates, mailbox)
    return [fate.report(expected[fate.mail.kind]) for fate in fates]


def main():
    module = AnsibleModule(
        argument_spec=dict(
            host=dict(type="str", default="127.0.0.1"),
            port=dict(type="int", default=25),
            protocol=dict(type="str", choices=["smtp", "lmtp"], default="smtp"),
            direct=dict(type="bool"),
            sender=dict(type="str", required=True),
            recipient=dict(type="str", required=True),
            probes=dict(type="list", elements="str", choices=list(KINDS), default=list(KINDS)),
            expect=dict(type="dict", default={}),
            fail_on_unexpected=dict(type="bool", default=True),
            timeout=dict(type="int", default=60),
            mailbox=dict(type="path"),
            log_file=dict(type="path"),
            log_ident=dict(type="str", default="amavis"),
            quarantine_dir=dict(type="path", default="/var/lib/mailcordon/virusmails"),
            cleanup=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg="no mail is sent in check mode")
    try:
        reports = run(module)
    except (GatewayError, OSError) as error:
        module.fail_json(msg=str(error))
    unexpected = [probe_run.surprise(report) for report in reports if not report["as_expected"]]
    result = dict(changed=False, probes=reports, unexpected=unexpected)
    if unexpected and module.params["fail_on_unexpected"]:
        module.fail_json(msg="%d of %d probes: %s" % (len(unexpected), len(reports), one_line(unexpected)), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
