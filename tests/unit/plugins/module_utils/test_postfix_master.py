# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""master.cf: parse, compare, change (features 4.03 to 4.11, contracts B20.01, B20.02)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_master as postfix_master
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

MASTER_CF = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
#submission inet n       -       y       -       -       smtpd
#  -o syslog_name=postfix/submission
pickup    unix  n       -       y       60      1       pickup
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
#       -o smtp_helo_timeout=5
        -o { smtp_bind_address = 10.0.0.1 }
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""


def entry(**given):
    defaults = dict(
        type="unix", state="present", private="-", unpriv="-", chroot="-", wakeup="-", maxproc="-", command="smtp", options={}
    )
    return dict(defaults, **given)


def wanted(*entries):
    return postfix_master.normalise(entries)


FEED = entry(
    service="amavisfeed", chroot="n", maxproc=2, command="lmtp",
    options={"lmtp_data_done_timeout": "1200s", "lmtp_send_xforward_command": True},
)
FEED_LINES = """\
amavisfeed unix  -       -       n       -       2       lmtp
  -o lmtp_data_done_timeout=1200s
  -o lmtp_send_xforward_command=yes
"""


def test_parse_reads_columns_command_and_options():
    services = postfix_master.parse(MASTER_CF)
    assert list(services) == [("smtp", "inet"), ("pickup", "unix"), ("relay", "unix"), ("maildrop", "unix")]
    relay = services["relay", "unix"]
    assert relay.fields == ("-", "-", "y", "-", "-")
    assert relay.options == {"syslog_name": "postfix/$service_name", "smtp_bind_address": "10.0.0.1"}
    assert services["maildrop", "unix"].command == "pipe flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}"


def test_a_new_service_comes_to_the_end():
    assert postfix_master.apply(MASTER_CF, *wanted(FEED)) == MASTER_CF + FEED_LINES


def test_what_is_already_there_keeps_its_lines():
    """Idempotence, whatever the layout and the order of the options."""
    same = entry(service="relay", chroot="y", options={
        "smtp_bind_address": "10.0.0.1", "syslog_name": "postfix/$service_name"})
    assert postfix_master.apply(MASTER_CF, *wanted(same)) == MASTER_CF
    once = postfix_master.apply(MASTER_CF, *wanted(FEED))
    assert postfix_master.apply(once, *wanted(FEED)) == once


def test_a_changed_service_stays_in_its_place_and_comments_stay():
    changed = postfix_master.apply(MASTER_CF, *wanted(entry(service="relay", chroot="n")))
    assert "relay     unix  -       -       n       -       -       smtp\n#       -o smtp_helo_timeout=5\nmaildrop" in changed
    assert changed.count("\n") == MASTER_CF.count("\n") - 2


def merge(**given):
    columns = dict.fromkeys(("private", "unpriv", "chroot", "wakeup", "maxproc", "command"))
    return entry(**dict(columns, options_mode="merge", **given))


PROXY = {"content_filter": "", "smtpd_proxy_filter": "127.0.0.1:10024"}
SMTP = """\
smtp      inet  n       -       y       -       -       smtpd
  -o smtpd_helo_required=yes
  -o content_filter=old:[10.0.0.1]:25
"""


def test_merging_keeps_the_options_of_others():
    """Issue 3, point 6: the administrator's own options of port 25 survive the filter's coming and going."""
    there = postfix_master.apply(SMTP, *wanted(merge(service="smtp", type="inet", maxproc="30", options=PROXY)))
    assert there == (
        "smtp      inet  n       -       y       -       30      smtpd\n"
        "  -o smtpd_helo_required=yes\n  -o content_filter=\n  -o smtpd_proxy_filter=127.0.0.1:10024\n"
    )
    assert postfix_master.apply(there, *wanted(merge(service="smtp", type="inet", options=PROXY))) == there
    gone = merge(service="smtp", type="inet", maxproc="-", options=dict.fromkeys(PROXY))
    left = "smtp      inet  n       -       y       -       -       smtpd\n  -o smtpd_helo_required=yes\n"
    assert postfix_master.apply(there, *wanted(gone)) == left
    assert postfix_master.apply(left, *wanted(gone)) == left


def test_without_merging_other_options_go():
    """The twin of the one above."""
    exact = entry(service="smtp", type="inet", private="n", chroot="y", command="smtpd", options=PROXY)
    assert "helo_required" not in postfix_master.apply(SMTP, *wanted(exact))


def test_merging_into_a_service_that_is_not_there():
    set_something = merge(service="smtp", type="inet", options=PROXY)
    with pytest.raises(GatewayError, match="smtp/inet: there is no such service to merge options into"):
        postfix_master.apply("", *wanted(set_something))
    nothing_to_remove = merge(service="smtp", type="inet", options=dict.fromkeys(PROXY))
    assert postfix_master.apply("", *wanted(nothing_to_remove)) == ""
    with_command = dict(set_something, command="smtpd", private="n")
    assert postfix_master.apply("", *wanted(with_command)).startswith("smtp      inet  n       -")


def test_of_double_lines_the_last_counts():
    """As in Postfix; the others go."""
    changed = postfix_master.apply(SMTP + "smtp inet n - n - - smtpd\n", *wanted(merge(service="smtp", type="inet", maxproc="5")))
    assert changed == "smtp      inet  n       -       n       -       5       smtpd\n"


def test_absent_removes_one_service_only():
    assert "pickup" not in postfix_master.apply(MASTER_CF, *wanted(entry(service="pickup", state="absent", command=None)))
    untouched = entry(service="pickup", type="inet", state="absent", command=None)
    assert postfix_master.apply(MASTER_CF, *wanted(untouched)) == MASTER_CF


def test_the_same_name_with_another_type_is_another_service():
    changed = postfix_master.apply(MASTER_CF, *wanted(entry(service="smtp", chroot="y")))
    assert changed == MASTER_CF + "smtp      unix  -       -       y       -       -       smtp\n"


def test_options_with_blanks_get_braces_and_empty_ones_stay():
    """Features 4.07 and 4.08."""
    reinjection = entry(
        service="127.0.0.1:10025", type="inet", private="n", command="smtpd",
        options={"content_filter": "", "smtpd_client_restrictions": ["permit_mynetworks", "reject"], "a": "b c", "d": None},
    )
    text = postfix_master.apply("", *wanted(reinjection))
    assert text == (
        "127.0.0.1:10025 inet n  -       -       -       -       smtpd\n"
        "  -o content_filter=\n  -o smtpd_client_restrictions=permit_mynetworks,reject\n  -o { a = b c }\n"
    ).replace("inet n  -", "inet  n       -")
    assert postfix_master.parse(text)["127.0.0.1:10025", "inet"].meaning() == wanted(reinjection)[0][0].meaning()


def test_balanced_braces_survive():
    text = postfix_master.apply("", *wanted(entry(service="x", options={"a": "${b?{c d}:{e}}"})))
    assert "  -o { a = ${b?{c d}:{e}} }\n" in text
    assert postfix_master.parse(text)["x", "unix"].options == {"a": "${b?{c d}:{e}}"}


@pytest.mark.parametrize("value", ["y", "Y", True, "yes", "True"])
def test_flags_may_be_yaml_booleans(value):
    assert wanted(entry(service="x", chroot=value))[0][0].fields[2] == "y"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"chroot": "maybe"}, "x/unix: chroot must be y, n or -, not 'maybe'"),
        ({"maxproc": "many"}, "x/unix: maxproc must be a number or -, not 'many'"),
        ({"wakeup": "soon"}, "x/unix: wakeup must be a number or -, not 'soon'"),
        ({"command": None}, "x/unix: needs a command, such as smtpd"),
        ({"command": "smtpd -o a=b"}, "x/unix: put -o settings into options, not into the command"),
        ({"options": {"a b": 1}}, "x/unix: 'a b' is no name of a parameter"),
        ({"options": {"a": {}}}, "x/unix: a: takes a value or a list, not a dictionary"),
        ({"options": {"a": "b c } d"}}, "x/unix: a: braces must be balanced, not as in 'b c } d'"),
        ({"options": {"a": "}{"}}, "x/unix: a: braces must be balanced"),
        ({"service": "a b"}, "a b/unix: the name must be one word"),
        ({"service": "[::1]:99999", "type": "inet"}, "there is no port 99999"),
    ],
)
def test_wrong_entries_are_refused(given, problem):
    with pytest.raises(GatewayError) as caught:
        wanted(entry(**dict({"service": "x"}, **given)))
    assert problem in str(caught.value)


def test_a_service_given_twice_is_refused():
    with pytest.raises(GatewayError, match="x/unix: given twice"):
        wanted(entry(service="x"), entry(service="x", state="absent"))


def test_a_wakeup_may_have_a_question_mark():
    assert wanted(entry(service="x", wakeup="1000?"))[0][0].fields[3] == "1000?"
