# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and times that postconf lets pass. The warnings are those of Postfix 3.7."""

from __future__ import annotations

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_values as postfix_values

KNOWN = ["content_filter", "smtpd_proxy_filter", "smtp_helo_timeout"]


def warning(name):
    return "/etc/postfix/main.cf: unused parameter: %s=x = y" % name


def test_a_misspelt_name_gets_the_nearest_one():
    problems = postfix_values.unknown_names(["content_fitler", "wholly_other"], [warning("content_fitler"), warning("wholly_other")], KNOWN)
    assert problems == [
        "content_fitler: Postfix has no such parameter, did you mean content_filter?",
        "wholly_other: Postfix has no such parameter, set it together with what uses it",
    ]


def test_names_that_postconf_does_not_complain_about_pass():
    """A parameter of the administrator's own that something uses, and one that others left behind."""
    assert postfix_values.unknown_names(["my_class", "content_filter"], [warning("other")], KNOWN) == []
    assert postfix_values.unknown_names(["my_class"], ["/etc/postfix/main.cf: something else: my_class=1"], KNOWN) == []


def test_parameters_of_a_transport_pass():
    """The transport may come to master.cf later (features 4.03); a misspelt one is refused."""
    name = "amavisfeed_destination_concurrency_limit"
    assert postfix_values.unknown_names([name], [warning(name)], KNOWN) == []
    wrong = "amavisfeed_destnation_concurrency_limit"
    assert len(postfix_values.unknown_names([wrong], [warning(wrong)], KNOWN)) == 1


def test_times_are_checked_by_the_builtin_default():
    """Features 4.04."""
    defaults = {"smtpd_timeout": "300s", "mydomain": "localdomain"}
    assert postfix_values.wrong_times({"smtpd_timeout": "soon"}, defaults) == ["smtpd_timeout = soon: must be a time such as 300s"]
    good = {"smtpd_timeout": "5m", "mydomain": "soon", "own": "x"}
    assert postfix_values.wrong_times(good, defaults) == []
    assert postfix_values.wrong_times({"smtpd_timeout": "${stress?{10}:{300}}s"}, defaults) == []
