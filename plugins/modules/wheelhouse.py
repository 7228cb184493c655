#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelhouse
short_description: Collect a Python project and all it needs as wheels for another host
version_added: 0.1.0
description:
  - Runs on the controller. Builds the project's own wheel, fetches the wheels that its lock file names for the Python
    and the machine of the target, and writes a requirements file with the hash of each, so that a host without a
    package index can install them with C(pip install --no-index --require-hashes).
  - Every download is checked against a hash. Packages that exist as source only are built to wheels here, which works
    for pure Python only.
  - A wheelhouse lies in its own directory below O(dest), named after the version, the digest and the target. One that
    is complete is not touched and no network is needed.
  - The project directory may be read-only.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - pip 21.3 or later for the Python that runs the module, or for C(python3)
options:
  project:
    description: The directory with the project's C(pyproject.toml).
    type: path
    required: true
  requirements:
    description:
      - The lock file with everything the project needs at run time, each with its hashes and complete, because no
        further dependency is looked for.
    type: path
    required: true
  build_requirements:
    description:
      - The lock file with everything that building needs.
      - The default is C(requirements-build.lock) in O(project).
    type: path
  dest:
    description: The directory that holds the wheelhouses.
    type: path
    required: true
  target_python:
    description: Version of Python on the target.
    type: str
    default: "3.11"
  target_machine:
    description: Machine of the target.
    type: str
    choices: [x86_64, aarch64]
    default: x86_64
  target_glibc:
    description: Version of the C library on the target. Debian 12 has V(2.36), Debian 13 V(2.41).
    type: str
    default: "2.36"
  python:
    description:
      - The Python on the controller whose pip does the work.
      - The default is the Python that runs the module, or C(python3) when that has no pip.
    type: path
  keep:
    description:
      - How many wheelhouses for this target may lie in O(dest). Those that were not used for longest go when a new one
        has been built. V(0) keeps all.
    type: int
    default: 0
    version_added: 0.2.0
"""

EXAMPLES = r"""
- name: Collect the wheels on the controller
  mailcordon.gateway.wheelhouse:
    project: /srv/mailcordon/daemon
    requirements: /srv/mailcordon/daemon/requirements.lock
    dest: ~/.cache/mailcordon/wheelhouse
    target_python: "3.13"
    target_machine: "{{ ansible_facts['architecture'] }}"
  delegate_to: localhost
  become: false
  register: wheels
"""

RETURN = r"""
version:
  description: Version of the project.
  type: str
  returned: success
  sample: 0.1.0
digest:
  description: SHA-256 over sources, lock files and target.
  type: str
  returned: success
path:
  description: Directory of the wheelhouse.
  type: str
  returned: success
files:
  description: Names of the files in it, empty in check mode when it would be built.
  type: list
  elements: str
  returned: success
removed:
  description: Names of the wheelhouses that O(keep) has removed.
  type: list
  elements: str
  returned: success
  version_added: 0.2.0
"""

import contextlib
import fcntl
import os
import re
import shutil
import sys
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _wheelhouse as wheelhouse
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

PIP_OPTIONS = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2", "--timeout", "20"]
# Any fixed time gives reproducible wheels; zip files know none before 1980.
BUILD_TIME = "315619200"


class Builder(object):
    """Builds one wheelhouse in a directory of its own and moves it into place when it is complete."""

    def __init__(self, module):
        self.module = module
        params = module.params
        self.project = params["project"]
        self.lock = params["requirements"]
        self.build_lock = params["build_requirements"] or os.path.join(self.project, "requirements-build.lock")
        self.files = wheelhouse.source_files(self.project)
        with open(os.path.join(self.project, "pyproject.toml"), "r", encoding="utf-8") as handle:
            self.version = wheelhouse.project_version(handle.read())
        if not re.match(r"3\.[0-9]+\Z", params["target_python"]):
            raise GatewayError("target_python must be a version such as 3.11, not %r" % params["target_python"])
        self.platforms = wheelhouse.platform_tags(params["target_machine"], params["target_glibc"])
        self.abi = "cp" + params["target_python"].replace(".", "")
        self.target = "%s-%s" % (self.abi, self.platforms[0])
        self.digest = wheelhouse.digest(self.project, self.files, [self.lock, self.build_lock], self.target)
        self.path = os.path.join(params["dest"], "%s-%s-%s" % (self.version, self.digest[:8], self.target))
        self.removed = []

    def result(self, changed):
        """What the module returns."""
        files = sorted(os.listdir(self.path)) if os.path.isdir(self.path) else []
        return dict(changed=changed, version=self.version, digest=self.digest, path=self.path, files=files,
                    removed=self.removed)

    def ready(self):
        """Whether the wheelhouse is there and complete. One that is used counts as new, see prune()."""
        if not wheelhouse.complete(self.path, self.digest):
            return False
        if not self.module.check_mode:
            # Somebody else may own it, or may have removed it by now
            with contextlib.suppress(OSError):
                os.utime(self.path)
        return True

    def prune(self):
        """Remove the wheelhouses for this target that were not used for longest."""
        dest, keep = self.module.params["dest"], self.module.params["keep"]
        if keep > 0:
            self.removed = wheelhouse.superseded(dest, self.target, keep)
            for name in self.removed:
                shutil.rmtree(os.path.join(dest, name))

    def build(self):
        """Build the wheelhouse and put it in place of whatever is there."""
        python = self._find_python()
        work = tempfile.mkdtemp(prefix=".new-", dir=self.module.params["dest"])
        try:
            wheels = os.path.join(work, "wheels")
            tools = os.path.join(work, "tools")
            os.mkdir(wheels)
            self.module.log("fetching the build tools")
            self._pip(python, ["install", "--target", tools, "--no-deps", "--only-binary=:all:", "--require-hashes",
                               "--no-compile", "-r", self.build_lock])
            self.module.log("fetching what %s locks for %s" % (self.lock, self.target))
            self._pip(python, self._download_command(wheels), tools)
            self._build_sources(python, tools, wheels)
            self.module.log("building version %s" % self.version)
            self._build_wheel(python, tools, wheels, self._copy_project(work))
            self._describe(wheels)
            os.chmod(wheels, 0o755)
            if os.path.isdir(self.path):
                shutil.rmtree(self.path)
            os.rename(wheels, self.path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _find_python(self):
        given = self.module.params["python"]
        candidates = [given] if given else [sys.executable, self.module.get_bin_path("python3")]
        for candidate in candidates:
            if candidate and self.module.run_command([candidate, "-m", "pip", "--version"], handle_exceptions=False)[0] == 0:
                return candidate
        tried = " and ".join(candidate for candidate in candidates if candidate)
        raise GatewayError("no pip on the controller for %s: install python3-pip, or set python to one with pip" % tried)

    def _download_command(self, wheels):
        platforms = [word for tag in self.platforms for word in ("--platform", tag)]
        return (
            ["download", "--no-deps", "--no-build-isolation", "--require-hashes", "--dest", wheels, "-r", self.lock]
            + ["--implementation", "cp", "--abi", self.abi, "--python-version", self.module.params["target_python"]]
            + platforms
        )

    def _build_sources(self, python, tools, wheels):
        """Build the packages that came as source."""
        for name in sorted(os.listdir(wheels)):
            if name.endswith(".whl"):
                continue
            self.module.log("building %s" % name)
            source = os.path.join(wheels, name)
            before = set(os.listdir(wheels))
            self._build_wheel(python, tools, wheels, source)
            for built in set(os.listdir(wheels)) - before:
                if not wheelhouse.is_pure(built):
                    raise GatewayError("%s has no wheel for %s and cannot be built for it here" % (name, self.target))
            os.unlink(source)

    def _build_wheel(self, python, tools, wheels, source):
        self._pip(python, ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", wheels, source],
                  tools)

    def _copy_project(self, work):
        """A copy to build in: build backends write next to the sources, which may be read-only."""
        copy = os.path.join(work, "project")
        for name in self.files:
            target = os.path.join(copy, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(self.project, name), target)
        return copy

    def _describe(self, wheels):
        digests = {name: wheelhouse.file_digest(os.path.join(wheels, name)) for name in os.listdir(wheels)}
        text = wheelhouse.requirements_text(digests)
        requirements = os.path.join(wheels, wheelhouse.REQUIREMENTS)
        with open(requirements, "w", encoding="utf-8") as handle:
            handle.write(text)
        digests[wheelhouse.REQUIREMENTS] = wheelhouse.file_digest(requirements)
        with open(os.path.join(wheels, wheelhouse.MANIFEST), "w", encoding="utf-8") as handle:
            handle.write(wheelhouse.manifest_text(self.version, self.digest, self.target, digests))

    def _pip(self, python, arguments, tools=None):
        environment = {"SOURCE_DATE_EPOCH": BUILD_TIME, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
        if tools:
            environment["PYTHONPATH"] = tools
        command = [python, "-m", "pip", arguments[0]] + PIP_OPTIONS + arguments[1:]
        rc, output, errors = self.module.run_command(command, environ_update=environment)
        if rc != 0:
            raise GatewayError(
                "the wheelhouse cannot be built, pip %s: %s" % (arguments[0], wheelhouse.pip_reason(output + errors))
            )


@contextlib.contextmanager
def only_one(directory):
    """Let one process at a time work in the directory: Ansible runs a delegated task once a host, all at once."""
    with open(os.path.join(directory, ".lock"), "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(module):
    """Make sure of the wheelhouse and return the module's result."""
    if module.params["keep"] < 0:
        raise GatewayError("keep must be 0 or more, not %d" % module.params["keep"])
    builder = Builder(module)
    if builder.ready():
        return builder.result(changed=False)
    if module.check_mode:
        return dict(builder.result(changed=True), files=[])
    os.makedirs(module.params["dest"], exist_ok=True)
    with only_one(module.params["dest"]):
        if builder.ready():
            return builder.result(changed=False)
        builder.build()
        builder.prune()
    return builder.result(changed=True)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            project=dict(type="path", required=True),
            requirements=dict(type="path", required=True),
            build_requirements=dict(type="path"),
            dest=dict(type="path", required=True),
            target_python=dict(type="str", default="3.11"),
            target_machine=dict(type="str", choices=["x86_64", "aarch64"], default="x86_64"),
            target_glibc=dict(type="str", default="2.36"),
            python=dict(type="path"),
            keep=dict(type="int", default=0),
        ),
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except GatewayError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename or module.params["dest"], error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
