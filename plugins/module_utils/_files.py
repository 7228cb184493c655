# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and replacing one text file: atomically, with backup, diff and check mode."""

from __future__ import annotations

import os
import stat
import tempfile

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError


def read_text(path):
    """The text of a file, or None when there is no such file. Raises GatewayError when it cannot be read as text."""
    try:
        with open(path, "r", encoding="utf-8", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise GatewayError("%s is not UTF-8 text; move it away or repair it" % path)
    except OSError as error:
        raise GatewayError("cannot read %s: %s" % (path, error.strerror))


def read_every_byte(path):
    """The text of a file, or None when there is none; bytes that are no UTF-8 are kept as surrogates.

    For files of others in which only one line is ours. Raises GatewayError when the file cannot be read.
    """
    try:
        with open(path, "r", encoding="utf-8", errors="surrogateescape", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GatewayError("cannot read %s: %s" % (path, error.strerror))


def printable(text):
    """The text for a diff: what is no UTF-8 becomes a replacement character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def special_files(directory, names):
    """The names that are neither files nor directories, such as sockets: a copy (shutil.copytree) cannot have them."""
    skipped = []
    for name in names:
        try:
            mode = os.stat(os.path.join(directory, name)).st_mode
        except OSError:
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            skipped.append(name)
    return skipped


def text_diff(path, before, after):
    """The entry that Ansible shows for a changed file; an absent file is None."""
    return {
        "before_header": path if before is not None else "%s (absent)" % path,
        "after_header": path if after is not None else "%s (absent)" % path,
        "before": before or "",
        "after": after or "",
    }


def replace_file(module, path, before, after, new_file_mode=None, mask=None):
    """Bring the file at path from the text before to the text after (None: absent) and set owner, group and mode.

    Does nothing in check mode but tell. new_file_mode is the mode of a file that did not exist when the task names
    none. mask, a function of a text, hides secrets in the diff. Returns the keys changed, diff and, when one was
    made, backup_file. Raises GatewayError when the file cannot be written.
    """
    show = mask or (lambda text: text)
    result = {
        "changed": before != after,
        "diff": [text_diff(path, show(before) if before else before, show(after) if after else after)],
    }
    if result["changed"] and not module.check_mode:
        if before is not None and module.params.get("backup"):
            result["backup_file"] = module.backup_local(path)
        if after is None:
            _remove(path)
        else:
            _write(module, path, after)
            if before is None and new_file_mode is not None:
                os.chmod(path, new_file_mode)
    # Only of modules that take owner, group and mode of the file; "mode" may mean something else elsewhere.
    if after is not None and "owner" in module.params:
        attributes = module.load_file_common_arguments(module.params, path=path)
        attribute_diff = {}
        result["changed"] = module.set_fs_attributes_if_different(attributes, result["changed"], attribute_diff)
        # For a new file the attributes are part of what was created, not a change of their own.
        if attribute_diff and before is not None:
            result["diff"].append(attribute_diff)
    return result


def _remove(path):
    try:
        os.unlink(path)
    except OSError as error:
        raise GatewayError("cannot remove %s: %s" % (path, error.strerror))


def _write(module, path, text):
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise GatewayError("cannot write %s: the directory %s does not exist" % (path, directory))
    handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
    # Texts that were read with every byte kept are written so too.
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(text)
    # A new file is nobody else's until its final mode is set: it may hold a password.
    umask = os.umask(0o077)
    try:
        module.atomic_move(temporary, path, unsafe_writes=module.params.get("unsafe_writes", False))
    finally:
        os.umask(umask)
