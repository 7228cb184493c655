#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: quarantine_release
short_description: Release, requeue or report mail in quarantine
version_added: 0.2.0
description:
  - Asks the running filter to send mail in quarantine to its recipients or to others, to have it checked once more, or to
    send a report about it. It runs C(mailcordon release) and its like on the host, which talk AM.PDP to the filter.
  - The copy stays in quarantine, and the filter does not remember that it was released. So a second run sends the mail a
    second time; ask only once, and only for what has to be sent. A mail that is named twice is sent once.
  - RV(ignore:changed) is true when at least one mail was taken for at least one recipient.
  - All mails are tried, also when one of them is refused; the task fails then, and RV(mails) tells which were sent.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.filter_command
attributes:
  check_mode:
    support: full
    details: Sends nothing; fails when a mail is not in quarantine.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each run sends the mails again; the protocol has no way to ask whether one was released before.
options:
  mail_ids:
    description:
      - The mails, each as its mail_id, as C(mail_id[TAG]) with its partition tag, or as the path below the quarantine
        directory that the log shows. RV(mailcordon.gateway.quarantine_info#module:mails[].release_as) fits.
    type: list
    elements: str
    required: true
  request:
    description: V(release) sends them on, V(requeue) gives them to the MTA to be checked once more, V(report) sends reports.
    type: str
    choices: [release, requeue, report]
    default: release
  recipients:
    description: Who gets them, instead of the recipients who did not get them.
    type: list
    elements: str
    default: []
  requested_by:
    description: Address of the one who asks; the recipients see it.
    type: str
  secret_id:
    description: Authorises the request where the filter asks for it. Of one mail only.
    type: str
  socket:
    description: Where the filter listens - a path, or C(HOST:PORT). As the filter's configuration says unless set.
    type: str
  timeout:
    description: Seconds that each mail may take.
    type: int
    default: 900
seealso:
  - module: mailcordon.gateway.quarantine_info
"""

EXAMPLES = r"""
- name: Release a mail to those who did not get it
  mailcordon.gateway.quarantine_release:
    mail_ids: [kg2P0rP9Lpu3]
    requested_by: helpdesk@example.com

- name: Send two of them to somebody else
  mailcordon.gateway.quarantine_release:
    mail_ids: [k/spam-kg2P0rP9Lpu3.gz, "aX3C4f6btXgX[25]"]
    recipients: [eve@example.com]

- name: Report spam
  mailcordon.gateway.quarantine_release:
    mail_ids: [kg2P0rP9Lpu3]
    request: report
    recipients: [abuse@example.net]
"""

RETURN = r"""
mails:
  description: One entry for each mail, in their order. Empty in check mode.
  type: list
  elements: dict
  returned: always
  contains:
    mail:
      description: As it was named.
      type: str
    ok:
      description: Whether it was taken for every recipient.
      type: bool
    changed:
      description: Whether it was taken for at least one.
      type: bool
    replies:
      description: One for each recipient, each with C(code), C(text) and C(recipient), which is null unless O(recipients) is set.
      type: list
      elements: dict
      sample: [{code: 250, recipient: null, text: "250 2.6.0 Ok, id=rel-AbCdEfGhIjKl"}]
    error:
      description: Why there is no reply, or null.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _quarantine as quarantine
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError


def options(params):
    """Those of the command that are not about one mail. Raises GatewayError."""
    found = []
    for name in ("socket", "requested_by"):
        if params[name] is not None:
            quarantine.checked_words(name, [params[name]])
            found.append("--%s=%s" % (name.replace("_", "-"), params[name]))
    quarantine.checked_words("recipients", params["recipients"])
    if params["secret_id"] is not None:
        quarantine.checked_words("secret_id", [params["secret_id"]])
        if "@" in params["secret_id"]:
            raise GatewayError("secret_id: has an @, as no secret has")
    return found


def run(module, mails):
    """Ask for each mail; the entries go into `mails`. Raises GatewayError."""
    params = module.params
    names = quarantine.checked_names(params["mail_ids"])
    further = options(params)
    if params["secret_id"] is not None and len(names) > 1:
        raise GatewayError("secret_id: is that of one mail, but mail_ids names %d" % len(names))
    command = quarantine.QuarantineCommand(params["command"], params["config_dirs"], params["user"], params["timeout"])
    if not command.is_installed:
        if module.check_mode:
            return bool(names)
        raise GatewayError("there is no %s: install the filter first" % command.path)
    if module.check_mode:
        missing = [name for name in names if not command.has(name)]
        if missing:
            raise GatewayError("not in quarantine: %s" % ", ".join(missing))
        return bool(names)
    for name in names:
        mails.append(command.request(params["request"], name, params["secret_id"], params["recipients"], further))
    return any(mail["changed"] for mail in mails)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            mail_ids=dict(type="list", elements="str", required=True),
            request=dict(type="str", choices=["release", "requeue", "report"], default="release"),
            recipients=dict(type="list", elements="str", default=[]),
            requested_by=dict(type="str"),
            secret_id=dict(type="str", no_log=True),
            socket=dict(type="str"),
            timeout=dict(type="int", default=900),
            command=dict(type="path", default=quarantine.COMMAND),
            config_dirs=dict(type="list", elements="path", default=[]),
            user=dict(type="str", default="mailcordon"),
        ),
        supports_check_mode=True,
    )
    mails = []
    try:
        changed = run(module, mails)
    except GatewayError as error:
        module.fail_json(msg=str(error), changed=any(mail["changed"] for mail in mails), mails=mails)
    refused = quarantine.refusals(module.params["request"], mails)
    if refused:
        module.fail_json(msg=refused, changed=changed, mails=mails)
    module.exit_json(changed=changed, mails=mails)


if __name__ == "__main__":
    main()
