#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signatures
short_description: Install ClamAV's signatures from the controller
version_added: 0.2.0
description:
  - Brings signature files to a host that cannot fetch them by itself - the official databases (CVD, CLD) and files of
    one's own such as C(*.ndb), C(*.hdb), C(*.ldb) or C(*.yar).
  - Only files that differ are transferred. Before anything is replaced every one of them is verified, CVD and CLD by
    their digital signature with C(sigtool), all others by letting the installed ClamAV load them. What is truncated,
    forged, unsigned or older than the installed version is refused, all of it in one message, and nothing changes.
  - A new file takes the place of the old one at once (rename), with the owner and mode that clamd needs. F(main.cvd)
    replaces F(main.cld) and the other way round, so that the two never lie side by side.
  - A running clamd then reloads, and the module proves that it has loaded the new files, or puts the old ones back. The
    proof is a small signature file F(mailcordon-loaded.ndb) beside the others with one marker for each installed file;
    clamd must find the marker in a stream that holds nothing else. clamd logs that as a detection, and runs its
    C(VirusEvent) if it has one. With C(OfficialDatabaseOnly) clamd ignores such files; use O(reload=never) there.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.clamd_socket
attributes:
  check_mode:
    details: The files are transferred to a temporary directory and verified in check mode too, when ClamAV is installed.
requirements:
  - C(sigtool) and C(clamscan) on the host (Debian package C(clamav))
options:
  src:
    description:
      - Signature files, and directories with signature files, on the controller. Needed with O(state=present).
      - In a directory hidden files and what mirrors keep there beside databases (C(*.cdiff), C(*.txt), C(*.sign) and
        the like) are left aside. Any other name that ClamAV does not load is refused.
    type: list
    elements: path
  remote_src:
    description: Whether O(src) lies on the host already.
    type: bool
    default: false
  files:
    description:
      - What the files on the controller are. This is how the action plugin tells the module; leave it out.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      sha256:
        description: Its digest.
        type: str
        required: true
      size:
        description: Its size in octets.
        type: int
        required: true
      version:
        description: The version in its header.
        type: int
      built:
        description: The build time in its header.
        type: str
      signatures:
        description: The number of signatures in its header.
        type: int
  dest:
    description: The directory of the signatures on the host.
    type: path
    default: /var/lib/clamav
  state:
    description: Whether the files shall be there, or those of O(names) shall not.
    type: str
    choices: [present, absent]
    default: present
  names:
    description: Names of the files that shall not be there with O(state=absent).
    type: list
    elements: str
  allow_unsigned:
    description: Whether to install C(*.cud) databases, which bear no digital signature.
    type: bool
    default: false
  allow_downgrade:
    description: Whether a CVD or CLD may replace a newer one.
    type: bool
    default: false
  owner:
    description: Owner of the directory and the files. All signature files in the directory get it.
    type: str
    default: clamav
  group:
    description: Group of the directory and the files.
    type: str
    default: clamav
  reload:
    description:
      - V(auto) lets clamd reload if it is running. V(always) fails if it is not.
      - V(never) leaves clamd alone; it finds the new files by itself at its next C(SelfCheck).
    type: str
    choices: [auto, always, never]
    default: auto
  timeout:
    description: Seconds until clamd must have loaded the files. The official databases take up to a minute on a small host.
    type: int
    default: 300
seealso:
  - name: sigtool(1)
    description: Shows and verifies databases.
    link: https://manpages.debian.org/stable/clamav/sigtool.1.en.html
"""

EXAMPLES = r"""
- name: Install the official databases and our own signatures
  mailcordon.gateway.signatures:
    src:
      - /srv/signatures/main.cvd
      - /srv/signatures/daily.cvd
      - /srv/signatures/bytecode.cvd
      - /srv/signatures/local

- name: Install whatever a mirror's directory holds, and insist on a running clamd
  mailcordon.gateway.signatures:
    src: /srv/mirror/database
    reload: always

- name: Remove a signature file of our own
  mailcordon.gateway.signatures:
    state: absent
    names: [outbreak.ndb]
"""

RETURN = r"""
installed:
  description: Names of the files that were installed or replaced.
  type: list
  elements: str
  returned: success
  sample: [daily.cvd]
removed:
  description: Names of the files that were removed, twins of installed ones included.
  type: list
  elements: str
  returned: success
  sample: [daily.cld]
files_before:
  description: The signature files in the directory before, by name, each with sha256, size, version, built, signatures.
  type: dict
  returned: success
files_after:
  description: The same after the change.
  type: dict
  returned: success
verified:
  description: Whether all files that were to be installed have been verified. False only in check mode without ClamAV.
  type: bool
  returned: success
missing:
  description: Names of the files whose contents the module needs from the controller before it can go on.
  type: list
  elements: str
  returned: success
clamd:
  description:
    - V(loaded) when clamd has proven that it uses the files, V(not running) when there is none, V(not asked) with
      O(reload=never) and in check mode.
  type: str
  returned: success
  sample: loaded
reloaded:
  description: Whether clamd was told to reload.
  type: bool
  returned: success
clamd_version_before:
  description: What clamd answered to C(VERSION) before. Null when it is not running.
  type: str
  returned: success
  sample: ClamAV 1.4.3/27800/Fri Nov 20 10:00:00 2026
clamd_version_after:
  description: The same after the change.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures as signatures
from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures_run as run
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import Clamd, ClamdUnavailableError
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import text_diff
from ansible_collections.mailcordon.gateway.plugins.module_utils._signatures_marker import MARKER_FILE
from ansible_collections.mailcordon.gateway.plugins.module_utils._signatures_store import Store

PROBE_TIMEOUT = 60
# The database whose version clamd tells.
DAILY = ("daily.cvd", "daily.cld")


class Run(object):
    """One run of the module."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.store = Store(self.params["dest"], self.params["owner"], self.params["group"])
        self.before = self.store.installed()
        self.clamd = None
        self.clamd_version = None
        if self.params["reload"] != "never":
            self._look_for_clamd()

    def present(self):
        """Make sure of the files. Returns the module's result."""
        paths, wanted = self._candidates()
        plan = signatures.plan(
            wanted, self.before, self.params["allow_downgrade"], self.params["allow_unsigned"]
        )
        if plan.problems:
            raise GatewayError("nothing is installed: %s" % one_line(plan.problems))
        missing = [name for name in plan.install if name not in paths]
        candidates = {name: paths[name] for name in plan.install if name in paths}
        # Without ClamAV a dry run has no use for the contents.
        if missing and not (self.module.check_mode and self.module.get_bin_path("sigtool") is None):
            return dict(self._result([], [], self.before), changed=False, missing=missing)
        run.check_digests(candidates, wanted)
        verified = run.verify(self.module, candidates) and not missing
        after = {name: item for name, item in self.before.items() if name not in plan.twins}
        after.update((name, wanted[name]) for name in plan.install)
        names = plan.install + plan.keep
        daily = [after[name].header.version for name in names if name in DAILY]
        goal = run.Goal({name: after[name].sha256 for name in names}, {}, daily[0] if daily else None)
        return dict(self._change(candidates, plan.install, plan.twins, goal, after), verified=verified)

    def absent(self):
        """Make sure that files are not there. Returns the module's result."""
        problems = [signatures.name_problem(name) for name in self.params["names"]]
        gone = {name: self.before[name].sha256 for name in self.params["names"] if name in self.before}
        after = {name: item for name, item in self.before.items() if name not in gone}
        if gone and not [name for name in after if name != MARKER_FILE]:
            problems.append("%s would be without signatures, and clamd does not run without" % self.store.path)
        problems = [problem for problem in problems if problem]
        if problems:
            raise GatewayError("nothing is removed: %s" % one_line(problems))
        return dict(self._change({}, [], sorted(gone), run.Goal({}, gone, None), after), verified=True)

    def _look_for_clamd(self):
        clamd = Clamd(self.params["socket"], timeout=min(self.params["timeout"], PROBE_TIMEOUT))
        try:
            self.clamd_version = clamd.command("VERSION")
            self.clamd = clamd
        except ClamdUnavailableError as error:
            if self.params["reload"] == "always" and not self.module.check_mode:
                raise GatewayError("nothing is changed: %s" % error)

    def _candidates(self):
        """(paths, wanted): where the candidate files lie on this host as far as they do, and what they are."""
        paths = {}
        if self.params["src"]:
            paths, problems = signatures.collect(self.params["src"])
            if problems:
                raise GatewayError("nothing is installed: %s" % one_line(problems))
        if self.params["files"] is not None:
            return paths, {entry["name"]: signatures.from_dict(entry) for entry in self.params["files"]}
        return paths, {name: signatures.read_file(path) for name, path in paths.items()}

    def _change(self, candidates, install, remove, goal, after):
        attributes = self.store.wrong_attributes()
        markers_before, markers_after = run.wanted_markers(self.store, goal.present, remove)
        changed = bool(install or remove or attributes or markers_before != markers_after)
        result = self._result(install, remove, after)
        result["diff"] = [self._diff(after, attributes)]
        if self.module.check_mode:
            return dict(result, changed=changed)
        changes = run.Changes(candidates, remove, attributes, markers_before, markers_after)
        reloaded = run.apply(self.store, changes, self.clamd, goal, self.params["timeout"])
        if self.clamd is not None:
            result.update(reloaded=reloaded, clamd="loaded", clamd_version_after=self.clamd.command("VERSION"))
        result["files_after"] = self._shown(self.store.installed())
        return dict(result, changed=changed or reloaded)

    def _result(self, installed, removed, after):
        asked = self.params["reload"] != "never" and not self.module.check_mode
        return dict(
            installed=sorted(installed),
            removed=sorted(removed),
            files_before=self._shown(self.before),
            files_after=self._shown(after),
            missing=[],
            reloaded=False,
            clamd="not running" if asked else "not asked",
            clamd_version_before=self.clamd_version,
            clamd_version_after=self.clamd_version,
        )

    @staticmethod
    def _shown(files):
        return {name: signatures.as_dict(item) for name, item in files.items() if name != MARKER_FILE}

    def _diff(self, after, attributes):
        lines = [
            "".join(signatures.describe(name, files[name]) + "\n" for name in sorted(files) if name != MARKER_FILE)
            for files in (self.before, after)
        ]
        wrong = "".join("%s with a wrong owner, group or mode\n" % path for path in attributes)
        return text_diff(self.store.path, lines[0] + wrong, lines[1])


def main():
    module = AnsibleModule(
        argument_spec=dict(
            src=dict(type="list", elements="path"),
            remote_src=dict(type="bool", default=False),
            files=dict(
                type="list",
                elements="dict",
                options=dict(
                    name=dict(type="str", required=True),
                    sha256=dict(type="str", required=True),
                    size=dict(type="int", required=True),
                    version=dict(type="int"),
                    built=dict(type="str"),
                    signatures=dict(type="int"),
                ),
            ),
            dest=dict(type="path", default="/var/lib/clamav"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            names=dict(type="list", elements="str"),
            allow_unsigned=dict(type="bool", default=False),
            allow_downgrade=dict(type="bool", default=False),
            owner=dict(type="str", default="clamav"),
            group=dict(type="str", default="clamav"),
            reload=dict(type="str", choices=["auto", "always", "never"], default="auto"),
            socket=dict(type="path", default="/run/clamav/clamd.ctl"),
            timeout=dict(type="int", default=300),
        ),
        required_if=[("state", "present", ("src", "files"), True), ("state", "absent", ("names",))],
        supports_check_mode=True,
    )
    try:
        this = Run(module)
        result = this.present() if module.params["state"] == "present" else this.absent()
    except GatewayError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename or module.params["dest"], error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
