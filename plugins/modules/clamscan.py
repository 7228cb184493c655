#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: clamscan
short_description: Scan files, directories, mail spools or data with ClamAV
version_added: 0.2.0
description:
  - Scans by hand what looks suspicious and returns what was found as data.
  - A running clamd does the work, which is fast because it has loaded its signatures already. The module opens each file
    itself and hands it over as a descriptor, so that clamd needs no right to read it. Without clamd the program
    C(clamscan) does the work.
  - An infected file is a result and no failure, unless O(fail_on_infected) is set. A file that was not scanned, or not
    in full because of clamd's limits, is never called clean; it is among the RV(errors).
  - Nothing on the host is changed. Infected files are neither moved nor removed; that is for people to decide.
  - On long scans a line tells from time to time how far it is.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.clamd_socket
attributes:
  check_mode:
    support: full
    details: Scans in check mode as well, because nothing is changed.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  path:
    description:
      - File or directory on the host. A symbolic link given here is followed.
      - A relative path starts at the home directory of the user on the host.
    type: path
  content:
    description: Data to scan, instead of O(path).
    type: str
  content_encoding:
    description: Whether O(content) is text (UTF-8) or octets in base64.
    type: str
    choices: [text, base64]
    default: text
  src:
    description: A file on the controller to scan on the host, instead of O(path).
    type: path
  method:
    description:
      - V(clamd) asks clamd, V(clamscan) runs the program, which loads all signatures first.
      - V(auto) takes clamd when it answers and the program when it does not.
    type: str
    choices: [auto, clamd, clamscan]
    default: auto
  recursive:
    description: Whether to scan the directories below O(path) too.
    type: bool
    default: false
  mbox:
    description:
      - Whether to split mbox files (those that begin with a C(From) line) and to report on each of their messages, so
        that it is known which mail is infected.
      - Without it ClamAV scans such a file as one; it is infected if one of its mails is.
    type: bool
    default: false
  excludes:
    description: Patterns of the shell. One with a slash is matched against the whole path, others against the last name.
    type: list
    elements: str
    default: []
  max_size:
    description: Files larger than this many octets are left out and counted as C(too_large). Everything is scanned without.
    type: int
  follow_symlinks:
    description: Whether to follow symbolic links below O(path).
    type: bool
    default: false
  one_file_system:
    description: Whether to stay on the file system of O(path).
    type: bool
    default: true
  fail_on_infected:
    description: Whether the task fails when something is infected.
    type: bool
    default: false
  progress:
    description: Seconds between two lines that tell how far the scan is. V(0) means none.
    type: float
    default: 30
  cursor:
    description: Where to go on. This is how the action plugin runs a long scan in several parts; leave it out.
    type: str
  database:
    description: Directory of the signatures for the program C(clamscan). Its own default without.
    type: path
  timeout:
    description: Seconds that clamd may take for one file.
    type: int
    default: 300
seealso:
  - module: mailcordon.gateway.signatures
  - name: clamscan(1)
    description: The program.
    link: https://manpages.debian.org/stable/clamav/clamscan.1.en.html
"""

EXAMPLES = r"""
- name: Scan one file
  mailcordon.gateway.clamscan:
    path: /srv/upload/invoice.pdf

- name: Scan all homes
  mailcordon.gateway.clamscan:
    path: /home
    recursive: true
    excludes: [/home/*/.cache, "*.iso"]
  register: homes

- name: Find the infected mails in a spool of mbox files
  mailcordon.gateway.clamscan:
    path: /var/spool/mail
    recursive: true
    mbox: true
    fail_on_infected: true

- name: Have a file of the controller scanned
  mailcordon.gateway.clamscan:
    src: /tmp/suspicious.zip

- name: Scan data as a stream
  mailcordon.gateway.clamscan:
    content: "{{ attachment }}"
    content_encoding: base64
"""

RETURN = r"""
status:
  description: V(clean), V(infected), or V(error) when nothing is infected but something could not be scanned. These are
    the exit codes 0, 1 and 2 of C(clamscan).
  type: str
  returned: success
  sample: infected
clean:
  description: Whether all was scanned and nothing is infected.
  type: bool
  returned: success
infected:
  description: What is infected.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file. For O(content) it is V(stream).
      type: str
    signature:
      description: Name of the signature that was found.
      type: str
    message:
      description: Number of the message in its mbox file, from 1. Only with O(mbox).
      type: int
    message_id:
      description: Its Message-ID. Only with O(mbox).
      type: str
errors:
  description: What could not be scanned, or not in full, each with C(path) and C(reason).
  type: list
  elements: dict
  returned: success
scanned:
  description: Number of files and messages that were scanned.
  type: int
  returned: success
bytes:
  description: Their size in octets.
  type: int
  returned: success
seconds:
  description: How long it took.
  type: float
  returned: success
left_out:
  description: How many names were left out, by reason - C(special) (devices, sockets, pipes), C(symlinks), C(excluded),
    C(too_large), C(directories) without O(recursive), C(other_file_systems).
  type: dict
  returned: success
method:
  description: What did the work, V(clamd) or V(clamscan).
  type: str
  returned: success
engine:
  description: Version of ClamAV.
  type: str
  returned: success
  sample: 1.4.3
signatures:
  description: Version of the daily database. Null without one.
  type: int
  returned: success
cursor:
  description: Where a next part goes on. Null when all is done.
  type: str
  returned: success
"""

import base64
import binascii
import io
import os
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_files as files
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import Clamd
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_engines import ClamdEngine, ClamscanEngine
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_report import Report, found_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

# The program clamscan loads its signatures first, so that short parts would do little else.
CLAMSCAN_PART_SECONDS = 600


def choose_engine(module):
    """clamd or clamscan, as asked and as there is. Raises GatewayError when there is none."""
    params = module.params
    clamd = Clamd(params["socket"], params["timeout"])
    running = params["method"] != "clamscan" and clamd.is_running()
    if running:
        return ClamdEngine(clamd, params["follow_symlinks"])
    if params["method"] == "clamd":
        raise GatewayError("clamd does not answer at %s; start it, or set method to clamscan" % clamd.path)
    program = module.get_bin_path("clamscan")
    if program is None:
        raise GatewayError("no ClamAV here: clamd does not answer at %s and there is no clamscan" % clamd.path)
    return ClamscanEngine(program, params["database"], module.tmpdir, params["max_size"])


def scan_path(engine, params):
    """Scan a file or a tree, at least one file of it. Returns (report, path where the next part goes on or None)."""
    root = os.fsencode(os.path.realpath(params["path"]))
    options = files.Options(
        recursive=params["recursive"],
        excludes=[os.fsencode(pattern) for pattern in params["excludes"]],
        max_size=params["max_size"],
        follow_symlinks=params["follow_symlinks"],
        one_file_system=params["one_file_system"],
    )
    after = decode_cursor(params["cursor"]) if params["cursor"] else None
    seconds = params["progress"]
    if seconds and isinstance(engine, ClamscanEngine):
        seconds = max(seconds, CLAMSCAN_PART_SECONDS)
    deadline = time.monotonic() + seconds if seconds else None
    report = Report()
    for event, verdict in engine.scan(files.items(root, options, params["mbox"], after)):
        report.add(event, verdict)
        if deadline and isinstance(event, files.Item) and event.last and time.monotonic() > deadline:
            return report, event.path
    return report, None


def scan_stream(engine, params):
    """Scan data instead of files. Returns the report. Raises GatewayError."""
    report = Report()
    if params["src"] is not None:
        with open(params["src"], "rb") as stream:
            verdict = engine.scan_stream(stream)
            size = stream.tell()
        name = os.fsencode(params["src"])
    else:
        octets = decode_content(params["content"], params["content_encoding"])
        verdict = engine.scan_stream(io.BytesIO(octets))
        size = len(octets)
        name = b"stream"
    report.add(files.Item(name, size, None, True), verdict)
    return report


def decode_content(content, encoding):
    """The octets of O(content). Raises GatewayError."""
    if encoding == "text":
        return content.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise GatewayError("content is not valid base64: %s" % error)


def encode_cursor(path):
    """A path of any octets as text."""
    return base64.b64encode(path).decode("ascii")


def decode_cursor(text):
    """The other way round. Raises GatewayError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise GatewayError("cursor is none that an earlier part has returned: %s" % text)


def run(module):
    """Scan and return the module's result."""
    started = time.monotonic()
    engine = choose_engine(module)
    version = engine.version()
    rest = None
    if module.params["path"] is not None:
        report, rest = scan_path(engine, module.params)
    else:
        report = scan_stream(engine, module.params)
    result = report.as_dict(time.monotonic() - started)
    result.update(
        method=engine.name,
        engine=version.engine,
        signatures=version.signatures,
        cursor=None if rest is None else encode_cursor(rest),
    )
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(
            path=dict(type="path"),
            content=dict(type="str"),
            content_encoding=dict(type="str", choices=["text", "base64"], default="text"),
            src=dict(type="path"),
            method=dict(type="str", choices=["auto", "clamd", "clamscan"], default="auto"),
            recursive=dict(type="bool", default=False),
            mbox=dict(type="bool", default=False),
            excludes=dict(type="list", elements="str", default=[]),
            max_size=dict(type="int"),
            follow_symlinks=dict(type="bool", default=False),
            one_file_system=dict(type="bool", default=True),
            fail_on_infected=dict(type="bool", default=False),
            progress=dict(type="float", default=30),
            cursor=dict(type="str"),
            socket=dict(type="path", default="/run/clamav/clamd.ctl"),
            database=dict(type="path"),
            timeout=dict(type="int", default=300),
        ),
        mutually_exclusive=[("path", "content", "src")],
        required_one_of=[("path", "content", "src")],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except GatewayError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename or "scan", error.strerror))
    if result["infected"] and module.params["fail_on_infected"] and result["cursor"] is None:
        module.fail_json(msg=found_line(result), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
