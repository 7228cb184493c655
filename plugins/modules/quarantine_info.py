#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: quarantine_info
short_description: Tell what is in quarantine
version_added: 0.2.0
description:
  - Lists the mails that the filter has put into quarantine, the latest first, from its data base or from its files.
  - Changes nothing. It runs C(mailcordon quarantine list) on the host.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.filter_command
attributes:
  check_mode:
    support: full
    details: Never changes anything. On a host without the filter the list is empty in check mode.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  since:
    description: Received then or later - a time such as V(2026-11-29T08:00), or an age such as V(12h) or V(7d).
    type: str
  until:
    description: Received before that.
    type: str
  sender:
    description: Envelope sender - an address, V(@domain), or a pattern with C(*) and C(?). Empty for the null sender.
    type: str
  recipient:
    description: One of the recipients of the envelope, likewise.
    type: str
  contents:
    description: Contents categories.
    type: list
    elements: str
    choices: [virus, banned, unchecked, spam, spammy, bad-mime, bad-header, oversized, mta, clean, other]
    default: []
  subject:
    description: A part of the subject, in any case.
    type: str
  mail_id:
    description: Of this mail only.
    type: str
  partition_tag:
    description: Partition tag in the data base.
    type: str
  limit:
    description: At most so many, the latest; V(0) for all. Each takes about 1 KB in the result.
    type: int
    default: 100
  source:
    description: Where to look. V(auto) takes the data base where there is one, else the files.
    type: str
    choices: [auto, sql, files]
    default: auto
  secrets:
    description: Whether to return RV(mails[].secret_id). Who knows it may have the mail released, so keep it out of logs.
    type: bool
    default: false
  timeout:
    description: Seconds that the command may take.
    type: int
    default: 120
seealso:
  - module: mailcordon.gateway.quarantine_release
"""

EXAMPLES = r"""
- name: See what was kept for one recipient since yesterday
  mailcordon.gateway.quarantine_info:
    recipient: bob@example.com
    since: 1d
  register: kept

- name: Release what is spam by mistake
  mailcordon.gateway.quarantine_release:
    mail_ids: "{{ kept.mails | selectattr('sender', 'equalto', 'news@example.net') | map(attribute='release_as') | list }}"
"""

RETURN = r"""
mails:
  description: One entry for each mail. What only a data base knows is null where there is none.
  type: list
  elements: dict
  returned: success
  contains:
    mail_id:
      description: Its id.
      type: str
    partition_tag:
      description: Its partition tag, or null.
      type: str
    release_as:
      description: What O(mailcordon.gateway.quarantine_release#module:mail_ids) takes.
      type: str
    secret_id:
      description: Only with O(secrets); null where it may not be read.
      type: str
    received_at:
      description: Time in ISO 8601 with zone.
      type: str
    content:
      description: Contents category.
      type: str
    sender:
      description: Envelope sender.
      type: str
    recipients:
      description: List of C(address), C(blocked), C(content), C(fate), C(state), C(score), C(reply).
      type: list
      elements: dict
    subject:
      description: Decoded.
      type: str
    from:
      description: The field From.
      type: str
    message_id:
      description: Its Message-ID.
      type: str
    score:
      description: Spam score, or null.
      type: float
    size:
      description: Octets, or null.
      type: int
    quar_type:
      description: How the copy is kept, amavisd's code.
      type: str
    location:
      description: Where the copy is.
      type: str
    here:
      description: Whether this host has the copy; hosts may share a data base, but not their files.
      type: bool
    log_id:
      description: Its id in the log, or null.
      type: str
    client_addr:
      description: Client that has sent it, or null.
      type: str
    host:
      description: Who has kept it, or null.
      type: str
problems:
  description: Copies that could not be read, one line each.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _quarantine as quarantine
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

CONTENTS = [
    "virus", "banned", "unchecked", "spam", "spammy", "bad-mime", "bad-header", "oversized", "mta", "clean", "other",
]  # fmt: skip
FILTERS = ("since", "until", "sender", "recipient", "subject", "mail_id", "limit")


def filters(params):
    """The options of the command."""
    options = ["--%s=%s" % (name.replace("_", "-"), params[name]) for name in FILTERS if params[name] is not None]
    if params["partition_tag"] is not None:
        options.append("--tag=" + params["partition_tag"])
    return options + ["--content=" + content for content in params["contents"]]


def inspect(module):
    """The module's result. Raises GatewayError."""
    params = module.params
    command = quarantine.QuarantineCommand(params["command"], params["config_dirs"], params["user"], params["timeout"])
    if not command.is_installed:
        if module.check_mode:
            return dict(mails=[], problems=[])
        raise GatewayError("there is no %s: install the filter first" % command.path)
    mails, problems = command.listed(filters(params), ["--source=" + params["source"]])
    if not params["secrets"]:
        for mail in mails:
            mail.pop("secret_id", None)
    return dict(mails=mails, problems=problems)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            since=dict(type="str"),
            until=dict(type="str"),
            sender=dict(type="str"),
            recipient=dict(type="str"),
            contents=dict(type="list", elements="str", choices=CONTENTS, default=[]),
            subject=dict(type="str"),
            mail_id=dict(type="str"),
            partition_tag=dict(type="str"),
            limit=dict(type="int", default=100),
            source=dict(type="str", choices=["auto", "sql", "files"], default="auto"),
            secrets=dict(type="bool", default=False, no_log=False),
            timeout=dict(type="int", default=120),
            command=dict(type="path", default=quarantine.COMMAND),
            config_dirs=dict(type="list", elements="path", default=[]),
            user=dict(type="str", default="mailcordon"),
        ),
        supports_check_mode=True,
    )
    if module.params["limit"] < 0:
        module.fail_json(msg="limit: must be 0 or more, not %d" % module.params["limit"])
    try:
        module.exit_json(changed=False, **inspect(module))
    except GatewayError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
