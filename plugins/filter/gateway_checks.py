# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: gateway_checks
short_description: Judge the state of a mail gateway
version_added: 0.2.0
author: mailcordon contributors (@mailcordon)
description:
  - Compares what P(mailcordon.gateway.gateway_info#module) has found with what a gateway should be, and returns one row
    for each check.
  - Parts that are switched off are not asked to run; nothing may point at them.
positional: _input, host
options:
  _input:
    description: RV(mailcordon.gateway.gateway_info#module:gateway), with all parts.
    type: dict
    required: true
  host:
    description: Name of the host, for the rows.
    type: str
    required: true
  expected:
    description:
      - What the gateway should be. C(clamav) has C(enabled), C(schedule), C(signature_max_age_days) and
        C(signature_update_max_age_hours). C(spamassassin) has C(enabled). C(filter) has C(enabled) and C(ports).
      - C(postfix) has C(enabled), C(mode), C(transport), C(port) and C(reinjection_port). C(limits) has C(queue_seconds)
        for mail that must move, C(deferred) and C(free_percent).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ state.gateway | mailcordon.gateway.gateway_checks('gate.example.com', expected=expected)
      | rejectattr('result', 'equalto', 'ok') }}"
"""

RETURN = r"""
_value:
  description: The rows, each with C(host), C(check), C(result) (V(ok), V(warning) or V(FAIL)) and C(detail).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.mailcordon.gateway.plugins.plugin_utils._gateway_checks import check_gateway


def gateway_checks(state, host, expected):
    """Rows for people and programs."""
    try:
        rows = check_gateway(state, expected)
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(
            "gateway_checks: %s is missing or of the wrong type; give it the gateway of gateway_info and all of expected" % error
        )
    return [dict(host=host, check=check, result=result, detail=detail) for check, result, detail in rows]


class FilterModule(object):
    """Filters of mailcordon.gateway for its own playbooks."""

    def filters(self):
        return {"gateway_checks": gateway_checks}
