#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: spamassassin_conf
short_description: Write configuration files of SpamAssassin
version_added: 0.2.0
description:
  - Writes files of SpamAssassin from data, C(.cf) files with options and rules, C(.pre) files that load plugins, and
    the C(user_prefs) of single users.
  - All files of a task are tried together on a copy of the configuration directory with C(spamassassin --lint), without
    the network, before the first of them is replaced. When SpamAssassin objects, nothing is changed and the task fails
    with its reason in one line.
  - A running C(spamd) is not told; notify a handler that restarts it.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - ansible.builtin.files
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
options:
  files:
    description:
      - The files. All but C(user_prefs) must be in one directory.
      - Within a file, or a block of it, plugins come first, then options, rules and lines.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where the file is. Its name must be C(*.cf), C(*.pre), C(*.pm) or C(user_prefs).
        type: path
        required: true
      state:
        description: Whether the file is there.
        type: str
        choices: [present, absent]
        default: present
      plugins:
        description:
          - Plugins that a C(.pre) file loads, by their Perl names.
          - V(true) loads the plugin, a path loads it from that file, V(false) leaves it out.
        type: dict
      options:
        description:
          - Options by their names. Booleans become V(1) and V(0).
          - A list gives an option several times. A dictionary gives it once for each key, such as C(score) with the
            names of rules. An option whose value is V(null) is left out.
          - A V(#) is escaped, so that no value ends in a comment.
        type: dict
      rules:
        description: Rules of a C(.cf) file.
        type: list
        elements: dict
        suboptions: &rule
          name:
            description: Name of the rule. Without O(files[].rules[].type) an existing rule is changed.
            type: str
            required: true
          type:
            description: What the rule looks at.
            type: str
            choices: [header, body, rawbody, full, uri, meta, mimeheader, uri_detail, askdns]
          test:
            description: The test as SpamAssassin writes it, such as C(Subject =~ /offer/i) or C(/offer/i).
            type: str
          score:
            description: Its points, one number or a list of four.
            type: raw
          describe:
            description: What the rule means, for reports.
            type: str
          tflags:
            description: Its flags, such as V(net) or V(nice).
            type: list
            elements: str
          priority:
            description: When it runs, lower numbers first.
            type: int
      lines:
        description: Lines that are written as they are.
        type: list
        elements: str
      content:
        description: The text of a plugin, a C(*.pm) file.
        type: str
      blocks:
        description: Further blocks of the file, in their order.
        type: list
        elements: dict
        suboptions:
          if_plugin:
            description: The block is read only when this plugin is loaded.
            type: str
          plugins:
            description: As O(files[].plugins).
            type: dict
          options:
            description: As O(files[].options).
            type: dict
          rules:
            description: As O(files[].rules).
            type: list
            elements: dict
            suboptions: *rule
          lines:
            description: As O(files[].lines).
            type: list
            elements: str
  site_directory:
    description: The directory of the C(.cf) and C(.pre) files, against which C(user_prefs) are tried.
    type: path
    default: /etc/spamassassin
  lint_user:
    description:
      - Account under which SpamAssassin tries the files, the one of C(spamd). An account that does not exist yet is
        passed over.
      - Tried as root, SpamAssassin could make files of its Bayes database that C(spamd) cannot write.
    type: str
    default: debian-spamd
  backup:
    description: Keep a copy of each file with a time stamp when it changes.
    type: bool
    default: false
seealso:
  - name: Mail::SpamAssassin::Conf(3)
    description: The options of SpamAssassin.
    link: https://spamassassin.apache.org/full/4.0.x/doc/Mail_SpamAssassin_Conf.html
"""

EXAMPLES = r"""
- name: Set options and a rule of the site
  mailcordon.gateway.spamassassin_conf:
    files:
      - path: /etc/spamassassin/90_site.cf
        options:
          required_score: 6.2
          trusted_networks: [192.0.2.0/24, 2001:db8::/32]
          score:
            HTML_MESSAGE: 0.1
        rules:
          - name: SITE_INVOICE
            type: header
            test: Subject =~ /your unpaid invoice/i
            score: 2.5
            describe: Subject of a wave of fraud
        blocks:
          - if_plugin: Mail::SpamAssassin::Plugin::Razor2
            options:
              use_razor2: false
    owner: root
    group: root
    mode: "0644"

- name: Load a plugin and set its options, tried together
  mailcordon.gateway.spamassassin_conf:
    files:
      - path: /etc/spamassassin/90_site.pre
        plugins:
          Mail::SpamAssassin::Plugin::TextCat: true
      - path: /etc/spamassassin/91_language.cf
        options:
          ok_languages: en de
"""

RETURN = r"""
paths:
  description: The files that changed, or would change.
  type: list
  elements: str
  returned: success
  sample: [/etc/spamassassin/90_site.cf]
backup_files:
  description: The copies that were kept.
  type: list
  elements: str
  returned: when O(backup) is set and a file changed
  sample: [/etc/spamassassin/90_site.cf.1234.2026-11-22@10:00:00~]
verified:
  description:
    - Whether SpamAssassin has read the new files. False when it is not installed, and when there was nothing new to read.
  type: bool
  returned: success
"""

import os
import pwd
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _spamassassin_conf as spamassassin_conf
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text, replace_file, special_files


BLOCK_PARTS = ("plugins", "options", "rules", "lines")


class Change(object):
    """One file: its path, its text before and its text after (None: absent)."""

    def __init__(self, path, before, after):
        self.path = path
        self.before = before
        self.after = after
        self.is_prefs = spamassassin_conf.kind_of(path) == spamassassin_conf.PREFS

    @property
    def is_needed(self):
        return self.before != self.after


def wanted_text(path, entry):
    own = {name: entry[name] for name in BLOCK_PARTS}
    blocks = [own] + (entry["blocks"] or [])
    if spamassassin_conf.kind_of(path) == spamassassin_conf.PLUGIN:
        return spamassassin_conf.plugin_text(path, entry["content"], blocks)
    if entry["content"]:
        raise GatewayError("%s is not written: content is for plugins (*.pm)" % path)
    return spamassassin_conf.render(path, blocks)


def wanted_changes(files):
    """The changes that the task asks for. Raises GatewayError with the problems of all files."""
    problems = []
    changes = []
    for entry in files:
        path = entry["path"]
        try:
            if path in [change.path for change in changes]:
                raise GatewayError("%s: given twice" % path)
            after = None
            if entry["state"] == "present":
                after = wanted_text(path, entry)
            changes.append(Change(path, read_text(path), after))
        except GatewayError as error:
            problems.append(str(error))
    directories = sorted({os.path.dirname(change.path) for change in changes if not change.is_prefs})
    if len(directories) > 1:
        problems.append("files of one task but user_prefs must be in one directory, not in %s" % " and ".join(directories))
    if problems:
        raise GatewayError(one_line(problems))
    return changes


class Trial(object):
    """A copy of the site's directory with the new files in it, on which SpamAssassin says what it thinks of them."""

    def __init__(self, module, program, changes):
        self.module = module
        self.changes = [change for change in changes if change.is_needed]
        site = [os.path.dirname(change.path) for change in changes if not change.is_prefs]
        self.site = site[0] if site else module.params["site_directory"]
        self.account = _account(module.params["lint_user"])
        self.command = [program, "--lint", "--local"]

    def run(self):
        """Raises GatewayError when SpamAssassin objects."""
        # Not below module.tmpdir: the account must be able to get there.
        directory = tempfile.mkdtemp(prefix="mailcordon-lint-")
        try:
            copy = os.path.join(directory, "site")
            if os.path.isdir(self.site):
                shutil.copytree(self.site, copy, ignore=special_files, ignore_dangling_symlinks=True)
            else:
                os.mkdir(copy)
            for change in self.changes:
                if not change.is_prefs:
                    self._place(os.path.join(copy, os.path.basename(change.path)), change.after)
            self._hand_over(directory)
            self._lint(copy, directory, ["--nocreate-prefs"], {copy: self.site})
            for change in self.changes:
                if change.is_prefs and change.after is not None:
                    prefs = os.path.join(directory, "user_prefs")
                    self._place(prefs, change.after)
                    self._hand_over(directory)
                    self._lint(copy, directory, ["--nocreate-prefs", "--prefspath=%s" % prefs], {copy: self.site, prefs: change.path})
        except (OSError, shutil.Error) as error:
            raise GatewayError("cannot try the change on a copy of %s: %s" % (self.site, error))
        finally:
            shutil.rmtree(directory)

    def _place(self, path, text):
        if text is not None:
            with open(path, "w", encoding="utf-8", newline="") as handle:
                handle.write(text)
        elif os.path.exists(path):
            os.unlink(path)

    def _hand_over(self, directory):
        """Give the copy to the account that reads it; it stays closed to all others, for it may hold passwords."""
        if self.account is None:
            return
        for folder, _subfolders, names in os.walk(directory):
            for name in [""] + names:
                os.chown(os.path.join(folder, name), self.account.pw_uid, self.account.pw_gid)

    def _lint(self, copy, home, arguments, names):
        command = self.command + ["--siteconfigpath=%s" % copy] + arguments
        if self.account is not None and self.account.pw_uid != os.geteuid():
            command = ["runuser", "-u", self.account.pw_name, "--"] + command
        code, dummy_output, errors = self.module.run_command(command, cwd=home, environ_update={"LC_ALL": "C", "HOME": home})
        for temporary, real in names.items():
            errors = errors.replace(temporary, real)
        problems, warnings = spamassassin_conf.lint_verdict(code, errors)
        if problems:
            paths = ", ".join(change.path for change in self.changes)
            raise GatewayError("%s: not written, SpamAssassin refuses it: %s" % (paths, one_line(problems)))
        for warning in warnings:
            self.module.warn("SpamAssassin: %s" % warning)


def _account(name):
    """The account that tries the files, or None when there is none yet, or we may not become it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def apply(module, changes):
    """Write what changed. Returns the keys of the module's result."""
    results = [(change.path, replace_file(module, change.path, change.before, change.after, new_file_mode=0o644))
               for change in changes]
    backups = [result["backup_file"] for path, result in results if "backup_file" in result]
    keys = {"backup_files": backups} if backups else {}
    return dict(
        keys,
        changed=any(result["changed"] for path, result in results),
        paths=[path for path, result in results if result["changed"]],
        diff=[part for path, result in results if result["changed"] for part in result["diff"]],
    )


def main():
    rule = dict(
        name=dict(type="str", required=True),
        type=dict(type="str", choices=list(spamassassin_conf.RULE_TYPES)),
        test=dict(type="str"),
        score=dict(type="raw"),
        describe=dict(type="str"),
        tflags=dict(type="list", elements="str"),
        priority=dict(type="int"),
    )
    block = dict(
        plugins=dict(type="dict"),
        options=dict(type="dict"),
        rules=dict(type="list", elements="dict", options=rule),
        lines=dict(type="list", elements="str"),
    )
    blocks = dict(type="list", elements="dict", options=dict(block, if_plugin=dict(type="str")))
    one_file = dict(
        block,
        path=dict(type="path", required=True),
        state=dict(type="str", choices=["present", "absent"], default="present"),
        content=dict(type="str"),
        blocks=blocks,
    )
    module = AnsibleModule(
        argument_spec=dict(
            files=dict(type="list", elements="dict", required=True, options=one_file),
            site_directory=dict(type="path", default="/etc/spamassassin"),
            lint_user=dict(type="str", default="debian-spamd"),
            backup=dict(type="bool", default=False),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        changes = wanted_changes(module.params["files"])
        program = module.get_bin_path("spamassassin")
        verified = program is not None and any(change.is_needed for change in changes)
        if verified:
            Trial(module, program, changes).run()
        result = apply(module, changes)
    except GatewayError as error:
        module.fail_json(msg=str(error))
    module.exit_json(verified=verified, **result)


if __name__ == "__main__":
    main()
