#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: clamav_conf
short_description: Write clamd.conf or freshclam.conf
version_added: 0.1.0
description:
  - Writes the whole configuration file of C(clamd) or C(freshclam) from a dictionary of options.
  - Knows the options of ClamAV 1.0 to 1.4 and their types. Unknown and removed options and wrong values are refused
    before anything is written, all of them in one message.
  - Names of older releases are written by their names of today, with a warning, for example C(ArchiveMaxFileSize) as
    C(MaxFileSize) and C(ArchiveBlockMax) as C(AlertExceedsMax).
  - When C(clamconf) is installed, it reads the new file before it takes effect, so that an option which the installed
    release does not know is refused too.
  - There is never an active C(Example) line.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - ansible.builtin.files
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.backup
options:
  type:
    description: Which of the two files this is.
    type: str
    required: true
    choices: [clamd, freshclam]
  path:
    description:
      - Where the file is.
      - The default is V(/etc/clamav/clamd.conf) or V(/etc/clamav/freshclam.conf), as O(type) says.
    type: path
  options:
    description:
      - The options of the file by their names.
      - Booleans become V(yes) and V(no). Options that may be repeated take a list.
      - An option whose value is V(null) is left out.
      - C(VirusEvent) takes the path of a program and nothing else. C(clamd) hands it the name of the virus in the
        environment variable C(CLAM_VIRUSEVENT_VIRUSNAME) and the file in C(CLAM_VIRUSEVENT_FILENAME). C(%v) is refused,
        because a shell would read the name that replaces it.
      - C(LocalSocketMode) is text in quotes, because YAML takes C(0660) for a number.
      - The password of a proxy belongs into O(proxy_password), because the log shows this dictionary.
    type: dict
    default: {}
  defaults:
    description:
      - Options that hold unless O(options) names them too, by their name of today or by an older one.
    type: dict
    default: {}
    version_added: 0.2.0
  proxy_password:
    description:
      - Value of C(HTTPProxyPassword) in freshclam.conf. It appears in no diff and no log.
      - With a password the file must belong to the user of C(freshclam) and to nobody else, see O(mode); C(freshclam)
        refuses to start when its group may read it.
    type: str
  mode:
    description:
      - Mode of the file. Without it a new file gets V(0644), or V(0600) with O(proxy_password).
seealso:
  - name: clamd.conf(5)
    description: The options of clamd.
    link: https://manpages.debian.org/stable/clamav-daemon/clamd.conf.5.en.html
  - name: freshclam.conf(5)
    description: The options of freshclam.
    link: https://manpages.debian.org/stable/clamav-freshclam/freshclam.conf.5.en.html
"""

EXAMPLES = r"""
- name: Configure clamd on a local socket
  mailcordon.gateway.clamav_conf:
    type: clamd
    options:
      User: clamav
      LocalSocket: /run/clamav/clamd.ctl
      FixStaleSocket: true
      MaxFileSize: 64M
      MaxScanSize: 256M
      ExcludePath:
        - ^/proc/
        - ^/sys/
    owner: root
    group: root
    mode: "0644"

- name: Configure freshclam behind a proxy
  mailcordon.gateway.clamav_conf:
    type: freshclam
    options:
      DatabaseMirror: database.clamav.net
      NotifyClamd: /etc/clamav/clamd.conf
      HTTPProxyServer: proxy.example.com
      HTTPProxyPort: 3128
      HTTPProxyUsername: gateway
    proxy_password: "{{ vault_proxy_password }}"
    owner: clamav
    group: root
    mode: "0600"
    backup: true
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /etc/clamav/clamd.conf
backup_file:
  description: The copy that was kept.
  type: str
  returned: when O(backup) is set and the file changed
  sample: /etc/clamav/clamd.conf.1234.2026-11-22@10:00:00~
translated:
  description: Names of older releases among O(options), and the names that were written for them.
  type: dict
  returned: success
  sample:
    ArchiveMaxFileSize: MaxFileSize
verified:
  description: Whether C(clamconf) has read the new file. False when it is not installed.
  type: bool
  returned: success
"""

import os
import shutil
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamav_conf as clamav_conf
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text, replace_file

DEFAULT_PATHS = {"clamd": "/etc/clamav/clamd.conf", "freshclam": "/etc/clamav/freshclam.conf"}


def wanted_text(kind, path, options, defaults, proxy_password):
    """Check the options and render the file.

    Returns the text and the names that were translated. Raises GatewayError with everything that is wrong.
    """
    problems = []
    if clamav_conf.PASSWORD_OPTION in options:
        problems.append("HTTPProxyPassword: use proxy_password, which is kept out of logs")
        options = {name: value for name, value in options.items() if name != clamav_conf.PASSWORD_OPTION}
    if proxy_password:
        if kind == "clamd":
            problems.append("proxy_password: only freshclam has a proxy")
        else:
            options = dict(options, HTTPProxyPassword=proxy_password)
    options, translated, wrong = clamav_conf.translate(kind, options)
    problems.extend(wrong)
    values, wrong = clamav_conf.check_options(kind, dict(defaults, **options))
    problems.extend(wrong)
    if problems:
        raise GatewayError("%s is not written: %s" % (path, one_line(problems)))
    return clamav_conf.render(kind, values), translated


def check_password_mode(module, path, before):
    """Refuse a mode with which others could read the password (features 2.21).

    freshclam allows not even the group to read it.
    """
    mode = module.params["mode"]
    if mode is None:
        bits = stat.S_IMODE(os.stat(path).st_mode) if before is not None else 0
    elif isinstance(mode, int):
        bits = mode
    else:
        try:
            bits = int(mode, 8)
        except ValueError:
            raise GatewayError("mode of %s must be octal when the file holds a password; use 0600" % path)
    if bits & (stat.S_IRWXG | stat.S_IRWXO):
        raise GatewayError("%s would hold the password of a proxy and be open to others; set mode to 0600" % path)


def verify(module, kind, path, text):
    """Let the installed clamconf read the text. Returns whether it did, raises GatewayError when it objects."""
    clamconf = module.get_bin_path("clamconf")
    if clamconf is None:
        return False
    directory = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        with open(os.path.join(directory, "%s.conf" % kind), "w", encoding="utf-8") as handle:
            handle.write(text)
        dummy_rc, output, errors = module.run_command(
            [clamconf, "-n", "--config-dir=%s" % directory], environ_update={"LC_ALL": "C"}
        )
    finally:
        shutil.rmtree(directory)
    found = clamav_conf.complaints(output + "\n" + errors)
    if found:
        message = one_line(found).replace(directory + "/", "")
        raise GatewayError("%s is not written, the installed ClamAV refuses it: %s" % (path, message))
    return True


def main():
    module = AnsibleModule(
        argument_spec=dict(
            type=dict(type="str", required=True, choices=["clamd", "freshclam"]),
            path=dict(type="path"),
            options=dict(type="dict", default={}),
            defaults=dict(type="dict", default={}),
            proxy_password=dict(type="str", no_log=True),
            backup=dict(type="bool", default=False),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    kind = module.params["type"]
    path = module.params["path"] or DEFAULT_PATHS[kind]
    password = module.params["proxy_password"]
    try:
        text, translated = wanted_text(kind, path, module.params["options"], module.params["defaults"], password)
        before = read_text(path)
        if password:
            check_password_mode(module, path, before)
        verified = verify(module, kind, path, text)
        result = replace_file(
            module, path, before, text, new_file_mode=0o600 if password else 0o644, mask=clamav_conf.mask_password
        )
    except GatewayError as error:
        module.fail_json(msg=str(error))
    for old, new in sorted(translated.items()):
        module.warn("%s: %s is called %s today and is written as such; change the variable" % (path, old, new))
    module.exit_json(path=path, translated=translated, verified=verified, **result)


if __name__ == "__main__":
    main()
