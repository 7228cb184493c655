# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every line of the specification's two sample files is accepted, translated or refused (features chapters 2c and 2d)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamav_conf as clamav_conf

REFUSED = None
MIRROR = ("DatabaseMirror", "database.clamav.net")

# item, option, its value, the line in the file (REFUSED: none, and a reason)
FRESHCLAM = [
    ("2.06", "Example", True, REFUSED),
    ("2.08", "DatabaseDirectory", "/var/clamav", "DatabaseDirectory /var/clamav"),
    ("2.09", "UpdateLogFile", "/var/log/clamav/freshclam.log", "UpdateLogFile /var/log/clamav/freshclam.log"),
    ("2.10", "LogVerbose", True, "LogVerbose yes"),
    ("2.11", "LogSyslog", True, "LogSyslog yes"),
    ("2.12", "LogFacility", "LOG_MAIL", "LogFacility LOG_MAIL"),
    ("2.13", "PidFile", "/var/run/clamav/freshclam.pid", "PidFile /var/run/clamav/freshclam.pid"),
    ("2.14", "DatabaseOwner", "clamav", "DatabaseOwner clamav"),
    ("2.15", "AllowSupplementaryGroups", True, REFUSED),
    ("2.16", "DNSDatabaseInfo", "current.cvd.clamav.net", "DNSDatabaseInfo current.cvd.clamav.net"),
    ("2.17", "DatabaseMirror", ["db.de.clamav.net", "database.clamav.net"], "DatabaseMirror db.de.clamav.net"),
    ("2.18", "DatabaseMirror", "database.clamav.net", "DatabaseMirror database.clamav.net"),
    ("2.19", "MaxAttempts", 5, "MaxAttempts 5"),
    ("2.20", "Checks", 24, "Checks 24"),
    ("2.21", "HTTPProxyServer", "myproxy.com", "HTTPProxyServer myproxy.com"),
    ("2.21", "HTTPProxyPort", 1234, "HTTPProxyPort 1234"),
    ("2.21", "HTTPProxyUsername", "myusername", "HTTPProxyUsername myusername"),
    ("2.21", "HTTPProxyPassword", "mypass", "HTTPProxyPassword mypass"),
    ("2.22", "LocalIPAddress", "192.0.2.7", "LocalIPAddress 192.0.2.7"),
    ("2.23", "NotifyClamd", "/etc/clamd.conf", "NotifyClamd /etc/clamd.conf"),
    ("2.24", "OnUpdateExecute", "command", "OnUpdateExecute command"),
    ("2.24", "OnErrorExecute", "command", "OnErrorExecute command"),
    ("2.25", "OnOutdatedExecute", "command %v", "OnOutdatedExecute command %v"),
    ("2.26", "Foreground", True, "Foreground yes"),
    ("2.27", "Debug", True, "Debug yes"),
    ("2.28", "ConnectTimeout", 60, "ConnectTimeout 60"),
    ("2.28", "ReceiveTimeout", 60, "ReceiveTimeout 60"),
]
CLAMD = [
    ("2.31", "Example", True, REFUSED),
    ("2.32", "LogFile", "/var/log/clamav/clamd.log", "LogFile /var/log/clamav/clamd.log"),
    ("2.33", "LogFileUnlock", True, "LogFileUnlock yes"),
    ("2.34", "LogFileMaxSize", 0, "LogFileMaxSize 0"),
    ("2.35", "LogTime", True, "LogTime yes"),
    ("2.36", "LogClean", True, "LogClean yes"),
    ("2.37", "LogSyslog", True, "LogSyslog yes"),
    ("2.37", "LogFacility", "LOG_MAIL", "LogFacility LOG_MAIL"),
    ("2.38", "LogVerbose", True, "LogVerbose yes"),
    ("2.39", "PidFile", "/var/run/clamav/clamd.pid", "PidFile /var/run/clamav/clamd.pid"),
    ("2.40", "TemporaryDirectory", "/var/tmp", "TemporaryDirectory /var/tmp"),
    ("2.41", "DatabaseDirectory", "/var/clamav", "DatabaseDirectory /var/clamav"),
    ("2.43", "LocalSocket", "/var/run/clamav/clamd.sock", "LocalSocket /var/run/clamav/clamd.sock"),
    ("2.44", "FixStaleSocket", True, "FixStaleSocket yes"),
    ("2.45", "TCPSocket", 3310, REFUSED),
    ("2.46", "TCPAddr", "127.0.0.1", "TCPAddr 127.0.0.1"),
    ("2.47", "MaxConnectionQueueLength", 30, "MaxConnectionQueueLength 30"),
    ("2.48", "StreamMaxLength", "20M", "StreamMaxLength 20M"),
    ("2.49", "StreamMinPort", 30000, REFUSED),
    ("2.49", "StreamMaxPort", 32000, REFUSED),
    ("2.50", "MaxThreads", 20, "MaxThreads 20"),
    ("2.51", "ReadTimeout", 300, "ReadTimeout 300"),
    ("2.52", "IdleTimeout", 60, "IdleTimeout 60"),
    ("2.53", "MaxDirectoryRecursion", 20, "MaxDirectoryRecursion 20"),
    ("2.54", "FollowDirectorySymlinks", True, "FollowDirectorySymlinks yes"),
    ("2.54", "FollowFileSymlinks", True, "FollowFileSymlinks yes"),
    ("2.55", "SelfCheck", 600, "SelfCheck 600"),
    ("2.56", "VirusEvent", '/usr/local/bin/send_sms 123456789 "VIRUS ALERT: %v"', REFUSED),
    ("2.57", "User", "clamav", "User clamav"),
    ("2.58", "AllowSupplementaryGroups", True, REFUSED),
    ("2.59", "ExitOnOOM", True, "ExitOnOOM yes"),
    ("2.60", "Foreground", True, "Foreground yes"),
    ("2.60", "Debug", True, "Debug yes"),
    ("2.60", "LeaveTemporaryFiles", True, "LeaveTemporaryFiles yes"),
    ("2.61", "DisableDefaultScanOptions", True, REFUSED),
    ("2.62", "ScanPE", True, "ScanPE yes"),
    ("2.63", "DetectBrokenExecutables", True, "AlertBrokenExecutables yes"),
    ("2.64", "ScanOLE2", True, "ScanOLE2 yes"),
    ("2.65", "ScanMail", True, "ScanMail yes"),
    ("2.66", "MailFollowURLs", True, REFUSED),
    ("2.67", "ScanHTML", True, "ScanHTML yes"),
    ("2.68", "ScanArchive", True, "ScanArchive yes"),
    ("2.69", "ScanRAR", True, REFUSED),
    ("2.70", "ArchiveMaxFileSize", "15M", "MaxFileSize 15M"),
    ("2.71", "ArchiveMaxRecursion", 9, "MaxRecursion 9"),
    ("2.72", "ArchiveMaxFiles", 1500, "MaxFiles 1500"),
    ("2.73", "ArchiveMaxCompressionRatio", 300, REFUSED),
    ("2.74", "ArchiveLimitMemoryUsage", True, REFUSED),
    ("2.75", "ArchiveBlockEncrypted", True, "AlertEncryptedArchive yes"),
    ("2.76", "ArchiveBlockMax", True, "AlertExceedsMax yes"),
    ("2.77", "ClamukoScanOnAccess", True, REFUSED),
    ("2.77", "ClamukoScanOnOpen", True, REFUSED),
    ("2.77", "ClamukoScanOnClose", True, REFUSED),
    ("2.77", "ClamukoScanOnExec", True, REFUSED),
    ("2.77", "ClamukoIncludePath", ["/home", "/students"], "OnAccessIncludePath /home"),
    ("2.77", "ClamukoExcludePath", "/home/guru", "OnAccessExcludePath /home/guru"),
    ("2.77", "ClamukoMaxFileSize", "10M", "OnAccessMaxFileSize 10M"),
]


def _case(row):
    return pytest.param(*row[1:], id="-".join(row[:2]))


def _check(kind, name, value, line, more=()):
    options, translated, wrong = clamav_conf.translate(kind, {name: value})
    values, problems = clamav_conf.check_options(kind, dict(more, **options))
    if line is REFUSED:
        assert wrong + problems and (wrong + problems)[0].startswith(name + ": ")
        return
    assert wrong + problems == []
    assert line in clamav_conf.render(kind, values).splitlines()
    assert (name in translated) is (line.split()[0] != name)


@pytest.mark.parametrize(("name", "value", "line"), [_case(row) for row in FRESHCLAM])
def test_freshclam(name, value, line):
    """Covers features 2.06, 2.08, 2.09, 2.10, 2.11, 2.12, 2.13, 2.14, 2.15, 2.16, 2.17, 2.18, 2.19, 2.20, 2.21, 2.22.

    Covers features 2.23, 2.24, 2.25, 2.26, 2.27, 2.28; the rows above say which is which.
    """
    _check("freshclam", name, value, line, more=[MIRROR])


@pytest.mark.parametrize(("name", "value", "line"), [_case(row) for row in CLAMD])
def test_clamd(name, value, line):
    """Covers features 2.31, 2.32, 2.33, 2.34, 2.35, 2.36, 2.37, 2.38, 2.39, 2.40, 2.41, 2.43, 2.44, 2.45, 2.46, 2.47.

    Covers features 2.48, 2.49, 2.50, 2.51, 2.52, 2.53, 2.54, 2.55, 2.56, 2.57, 2.58, 2.59, 2.60, 2.61, 2.62, 2.63.
    Covers features 2.64, 2.65, 2.66, 2.67, 2.68, 2.69, 2.70, 2.71, 2.72, 2.73, 2.74, 2.75, 2.76, 2.77.
    """
    _check("clamd", name, value, line)
