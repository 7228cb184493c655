# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What postconf lets pass and Postfix only stumbles over when a service starts: names and times (postconf(5))."""

from __future__ import annotations

import difflib
import re

_UNUSED = re.compile(r"unused parameter: ([^=\s]+)=")
_TIME_DEFAULT = re.compile(r"[0-9]+[smhdw]\Z")
_TIME = re.compile(r"[0-9]+[smhdw]?\Z")
# postconf(5), transport_*: parameters whose names begin with a transport, which may be defined later than they are set.
_OF_A_TRANSPORT = re.compile(
    r"\w[\w-]*_(delivery_slot_(cost|discount|loan)|minimum_delivery_slots|initial_destination_concurrency"
    r"|(destination_|extra_)?recipient_limit|recipient_refill_(delay|limit)|transport_rate_delay|time_limit"
    r"|destination_(rate_delay|concurrency_(limit|failed_cohort_limit|(negative|positive)_feedback)))\Z"
)


def unused_names(warnings):
    """The names of parameters in postconf's warnings that nothing uses, neither Postfix nor another parameter."""
    return [name for warning in warnings for name in _UNUSED.findall(warning)]


def unknown_names(names, warnings, known):
    """Problems with those of the names that postconf calls unused: misspelt, most of the time.

    known are the names that Postfix has; the nearest one is proposed. Parameters of a transport are none of them.
    """
    unused = set(unused_names(warnings))
    problems = []
    for name in names:
        if name in unused and not _OF_A_TRANSPORT.match(name):
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            hint = "did you mean %s?" % nearest[0] if nearest else "set it together with what uses it"
            problems.append("%s: Postfix has no such parameter, %s" % (name, hint))
    return problems


def wrong_times(wanted, defaults):
    """Problems with values of parameters that are times.

    wanted maps names to values, defaults the names to the built-in defaults; a default such as 30s says that the
    parameter is a time.
    """
    return [
        "%s = %s: must be a time such as %s" % (name, value, defaults[name])
        for name, value in wanted.items()
        if value is not None
        and _TIME_DEFAULT.match(defaults.get(name, ""))
        and "$" not in value
        and not _TIME.match(value)
    ]
