# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of clamd.conf and freshclam.conf as data (ClamAV 1.0 to 1.4; clamd.conf(5), freshclam.conf(5)).

The order in the tables is the order in the rendered file. A test compares the tables with what the installed clamconf
generates.
"""

from __future__ import annotations

BOOL = "bool"
NUMBER = "number"
SECONDS = "seconds"
MILLISECONDS = "milliseconds"
PORT = "port"
SIZE = "size"
TEXT = "text"
PATH = "path"
MODE = "mode"
PROGRAM = "program"


class Option(object):
    """One option: its type, whether it may be given several times, and the values it is limited to."""

    def __init__(self, kind, repeatable=False, choices=None):
        self.kind = kind
        self.repeatable = repeatable
        self.choices = choices


def _table(*groups):
    table = {}
    for option, names in groups:
        for name in names.split():
            table[name] = option
    return table


_BOOL = Option(BOOL)
_NUMBER = Option(NUMBER)
_SECONDS = Option(SECONDS)
_MILLISECONDS = Option(MILLISECONDS)
_PORT = Option(PORT)
_SIZE = Option(SIZE)
_TEXT = Option(TEXT)
_TEXTS = Option(TEXT, repeatable=True)
_PATH = Option(PATH)
_PATHS = Option(PATH, repeatable=True)
_MODE = Option(MODE)
_PROGRAM = Option(PROGRAM)
# clamd and freshclam stop at any other word, and clamconf does not tell.
_FACILITY = Option(
    TEXT,
    choices=tuple(
        "LOG_" + name
        for name in (
            "AUTH AUTHPRIV CRON DAEMON FTP KERN LPR MAIL NEWS SYSLOG USER UUCP"
            " LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7"
        ).split()
    ),
)

CLAMD = _table(
    (_TEXT, "User"),
    (_PATH, "LocalSocket"),
    (_TEXT, "LocalSocketGroup"),
    (_MODE, "LocalSocketMode"),
    (_BOOL, "FixStaleSocket"),
    (_PORT, "TCPSocket"),
    (_TEXTS, "TCPAddr"),
    (_PATH, "PidFile TemporaryDirectory DatabaseDirectory"),
    (_BOOL, "OfficialDatabaseOnly"),
    (_NUMBER, "FailIfCvdOlderThan"),
    (_BOOL, "Foreground Debug LeaveTemporaryFiles GenerateMetadataJson ExitOnOOM AllowAllMatchScan"),
    (_PATH, "LogFile"),
    (_BOOL, "LogFileUnlock"),
    (_SIZE, "LogFileMaxSize"),
    (_BOOL, "LogTime LogClean LogSyslog"),
    (_FACILITY, "LogFacility"),
    (_BOOL, "LogVerbose LogRotate ExtendedDetectionInfo PreludeEnable"),
    (_TEXT, "PreludeAnalyzerName"),
    (_NUMBER, "MaxConnectionQueueLength"),
    (_SIZE, "StreamMaxLength"),
    (_NUMBER, "MaxThreads"),
    (_SECONDS, "ReadTimeout CommandReadTimeout"),
    (_MILLISECONDS, "SendBufTimeout"),
    (_NUMBER, "MaxQueue"),
    (_SECONDS, "IdleTimeout SelfCheck"),
    (_BOOL, "ConcurrentDatabaseReload DisableCache"),
    (_NUMBER, "CacheSize"),
    (_TEXTS, "ExcludePath"),
    (_NUMBER, "MaxDirectoryRecursion"),
    (_BOOL, "FollowDirectorySymlinks FollowFileSymlinks CrossFilesystems"),
    (_PROGRAM, "VirusEvent"),
    (_BOOL, "Bytecode"),
    (Option(TEXT, choices=("TrustSigned", "Paranoid")), "BytecodeSecurity"),
    (_MILLISECONDS, "BytecodeTimeout"),
    (_BOOL, "BytecodeUnsigned"),
    (Option(TEXT, choices=("Auto", "ForceJIT", "ForceInterpreter", "Test")), "BytecodeMode"),
    (_BOOL, "DetectPUA"),
    (_TEXTS, "ExcludePUA IncludePUA"),
    (_BOOL, "HeuristicAlerts HeuristicScanPrecedence"),
    (_BOOL, "ScanPE ScanELF ScanMail ScanPartialMessages ScanHTML ScanOLE2 ScanPDF ScanSWF ScanXMLDOCS ScanHWP3"),
    (_BOOL, "ScanOneNote ScanArchive ScanImage ScanImageFuzzyHash PhishingSignatures PhishingScanURLs"),
    (_BOOL, "StructuredDataDetection StructuredCCOnly"),
    (_NUMBER, "StructuredMinCreditCardCount StructuredMinSSNCount"),
    (_BOOL, "StructuredSSNFormatNormal StructuredSSNFormatStripped"),
    (_BOOL, "AlertBrokenExecutables AlertBrokenMedia AlertEncrypted AlertEncryptedArchive AlertEncryptedDoc"),
    (_BOOL, "AlertOLE2Macros AlertExceedsMax AlertPhishingSSLMismatch AlertPhishingCloak AlertPartitionIntersection"),
    (_BOOL, "DisableCertCheck ForceToDisk"),
    (_MILLISECONDS, "MaxScanTime"),
    (_SIZE, "MaxScanSize MaxFileSize"),
    (_NUMBER, "MaxRecursion MaxFiles"),
    (_SIZE, "MaxEmbeddedPE MaxHTMLNormalize MaxHTMLNoTags MaxScriptNormalize MaxZipTypeRcg"),
    (_NUMBER, "MaxPartitions MaxIconsPE MaxRecHWP3 PCREMatchLimit PCRERecMatchLimit"),
    (_SIZE, "PCREMaxFileSize"),
    (_PATHS, "OnAccessMountPath OnAccessIncludePath OnAccessExcludePath"),
    (_BOOL, "OnAccessExcludeRootUID"),
    (Option(NUMBER, repeatable=True), "OnAccessExcludeUID"),
    (_TEXTS, "OnAccessExcludeUname"),
    (_SIZE, "OnAccessMaxFileSize"),
    (_BOOL, "OnAccessDisableDDD OnAccessPrevention OnAccessExtraScanning OnAccessDenyOnError"),
    (_MILLISECONDS, "OnAccessCurlTimeout"),
    (_NUMBER, "OnAccessMaxThreads OnAccessRetryAttempts"),
)

FRESHCLAM = _table(
    (_PATH, "DatabaseDirectory"),
    (_TEXT, "DatabaseOwner"),
    (_PATH, "PidFile"),
    (_BOOL, "Foreground Debug"),
    (_PATH, "UpdateLogFile"),
    (_SIZE, "LogFileMaxSize"),
    (_BOOL, "LogTime LogSyslog"),
    (_FACILITY, "LogFacility"),
    (_BOOL, "LogVerbose LogRotate"),
    (_NUMBER, "Checks"),
    (_TEXT, "DNSDatabaseInfo"),
    (_TEXTS, "DatabaseMirror PrivateMirror DatabaseCustomURL ExtraDatabase ExcludeDatabase"),
    (_NUMBER, "MaxAttempts"),
    (_BOOL, "ScriptedUpdates TestDatabases CompressLocalDatabase Bytecode"),
    (_TEXT, "HTTPProxyServer"),
    (_PORT, "HTTPProxyPort"),
    (_TEXT, "HTTPProxyUsername HTTPProxyPassword HTTPUserAgent LocalIPAddress"),
    (_SECONDS, "ConnectTimeout ReceiveTimeout"),
    (_PATH, "NotifyClamd"),
    (_TEXT, "OnUpdateExecute OnErrorExecute OnOutdatedExecute"),
)

TABLES = {"clamd": CLAMD, "freshclam": FRESHCLAM}

# Names that older releases of clamd knew, and today's for the same thing (features 2.63, 2.70 to 2.77, 18.05).
RENAMED = {
    "clamd": {
        "DataDirectory": "DatabaseDirectory",
        "ThreadTimeout": "ReadTimeout",
        "ArchiveMaxFileSize": "MaxFileSize",
        "ArchiveMaxScanSize": "MaxScanSize",
        "ArchiveMaxRecursion": "MaxRecursion",
        "MailMaxRecursion": "MaxRecursion",
        "ArchiveMaxFiles": "MaxFiles",
        "ArchiveBlockEncrypted": "AlertEncryptedArchive",
        "ArchiveBlockMax": "AlertExceedsMax",
        "BlockMax": "AlertExceedsMax",
        "DetectBrokenExecutables": "AlertBrokenExecutables",
        "AlgorithmicDetection": "HeuristicAlerts",
        "PhishingAlwaysBlockSSLMismatch": "AlertPhishingSSLMismatch",
        "PhishingAlwaysBlockCloak": "AlertPhishingCloak",
        "PartitionIntersection": "AlertPartitionIntersection",
        "OLE2BlockMacros": "AlertOLE2Macros",
        "ClamukoIncludePath": "OnAccessIncludePath",
        "ClamukoExcludePath": "OnAccessExcludePath",
        "ClamukoExcludeUID": "OnAccessExcludeUID",
        "ClamukoMaxFileSize": "OnAccessMaxFileSize",
        "ClamukoScannerCount": "OnAccessMaxThreads",
    },
    "freshclam": {},
}

_CLAMONACC = "removed from clamd; the program clamonacc does this, set up by the OnAccess options"
_STREAM_PORTS = "the STREAM command that it served is gone; INSTREAM and FILDES need no ports of their own"
_STATISTICS = "removed from ClamAV; the service that took the statistics has ended"

# Names that older releases knew and that have no successor (features 2.15, 2.49, 2.58, 2.61, 2.66, 2.69, 2.73, 2.74, 18.05).
REMOVED = {
    # In each file the line that keeps the program from starting (features 2.06, 2.31).
    "Example": "it is never written; with it the program does not start",
    "AllowSupplementaryGroups": "removed from ClamAV; supplementary groups are always used",
    "ArchiveLimitMemoryUsage": "removed from ClamAV; MaxScanSize and MaxFileSize limit what unpacking may take",
    "ArchiveMaxCompressionRatio": "removed from ClamAV; MaxScanSize, MaxFileSize, MaxFiles and MaxScanTime stop archive bombs,"
    " and AlertExceedsMax reports them",
    "DisableDefaultScanOptions": "removed from ClamAV; each Scan option can be switched off by itself",
    "MailFollowURLs": "removed from ClamAV, which fetches nothing that a mail links to",
    "ScanRAR": "removed from ClamAV; ScanArchive covers RAR",
    "StreamMinPort": _STREAM_PORTS,
    "StreamMaxPort": _STREAM_PORTS,
    "StreamSaveToDisk": "removed from ClamAV; streams are always kept in TemporaryDirectory",
    "PhishingRestrictedScan": "removed from ClamAV; PhishingScanURLs switches the check",
    "TimeLimit": "removed from ClamAV; use MaxScanTime, in milliseconds",
    "ScanOnAccess": _CLAMONACC,
    "ClamukoScanOnAccess": _CLAMONACC,
    "ClamukoScanOnOpen": _CLAMONACC,
    "ClamukoScanOnClose": _CLAMONACC,
    "ClamukoScanOnExec": _CLAMONACC,
    "ClamukoScanArchive": _CLAMONACC,
    "SafeBrowsing": "removed from ClamAV; the service behind it has ended",
    "StatsEnabled": _STATISTICS,
    "StatsPEDisabled": _STATISTICS,
    "StatsHostID": _STATISTICS,
    "StatsTimeout": _STATISTICS,
    "SubmitDetectionStats": _STATISTICS,
    "DetectionStatsCountry": _STATISTICS,
    "DetectionStatsHostID": _STATISTICS,
}
