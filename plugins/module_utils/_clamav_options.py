# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of clamd.conf and freshclam.conf as data (ClamAV 1.0 to 1.4; clamd.conf(5), freshclam.conf(5)).

The order in the tables is the order in the rendered file.
"""

from __future__ import annotations

BOOL = "bool"
NUMBER = "number"
SIZE = "size"
TEXT = "text"


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
_SIZE = Option(SIZE)
_TEXT = Option(TEXT)
_TEXTS = Option(TEXT, repeatable=True)

CLAMD = _table(
    (_TEXT, "User LocalSocket LocalSocketGroup LocalSocketMode"),
    (_BOOL, "FixStaleSocket"),
    (_NUMBER, "TCPSocket"),
    (_TEXTS, "TCPAddr"),
    (_TEXT, "PidFile TemporaryDirectory DatabaseDirectory"),
    (_BOOL, "OfficialDatabaseOnly"),
    (_NUMBER, "FailIfCvdOlderThan"),
    (_BOOL, "Foreground Debug LeaveTemporaryFiles GenerateMetadataJson ExitOnOOM AllowAllMatchScan"),
    (_TEXT, "LogFile"),
    (_BOOL, "LogFileUnlock"),
    (_SIZE, "LogFileMaxSize"),
    (_BOOL, "LogTime LogClean LogSyslog"),
    (_TEXT, "LogFacility"),
    (_BOOL, "LogVerbose LogRotate ExtendedDetectionInfo PreludeEnable"),
    (_TEXT, "PreludeAnalyzerName"),
    (_NUMBER, "MaxConnectionQueueLength"),
    (_SIZE, "StreamMaxLength"),
    (_NUMBER, "StreamMinPort StreamMaxPort MaxThreads ReadTimeout CommandReadTimeout SendBufTimeout MaxQueue"),
    (_NUMBER, "IdleTimeout SelfCheck"),
    (_BOOL, "ConcurrentDatabaseReload DisableCache"),
    (_NUMBER, "CacheSize"),
    (_TEXTS, "ExcludePath"),
    (_NUMBER, "MaxDirectoryRecursion"),
    (_BOOL, "FollowDirectorySymlinks FollowFileSymlinks CrossFilesystems"),
    (_TEXT, "VirusEvent"),
    (_BOOL, "Bytecode"),
    (Option(TEXT, choices=("TrustSigned", "Paranoid")), "BytecodeSecurity"),
    (_NUMBER, "BytecodeTimeout"),
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
    (_NUMBER, "MaxScanTime"),
    (_SIZE, "MaxScanSize MaxFileSize"),
    (_NUMBER, "MaxRecursion MaxFiles"),
    (_SIZE, "MaxEmbeddedPE MaxHTMLNormalize MaxHTMLNoTags MaxScriptNormalize MaxZipTypeRcg"),
    (_NUMBER, "MaxPartitions MaxIconsPE MaxRecHWP3 PCREMatchLimit PCRERecMatchLimit"),
    (_SIZE, "PCREMaxFileSize"),
    (_TEXTS, "OnAccessMountPath OnAccessIncludePath OnAccessExcludePath"),
    (_BOOL, "OnAccessExcludeRootUID"),
    (Option(NUMBER, repeatable=True), "OnAccessExcludeUID"),
    (_TEXTS, "OnAccessExcludeUname"),
    (_SIZE, "OnAccessMaxFileSize"),
    (_BOOL, "OnAccessDisableDDD OnAccessPrevention OnAccessExtraScanning OnAccessDenyOnError"),
    (_NUMBER, "OnAccessCurlTimeout OnAccessMaxThreads OnAccessRetryAttempts"),
)

FRESHCLAM = _table(
    (_TEXT, "DatabaseDirectory DatabaseOwner PidFile"),
    (_BOOL, "Foreground Debug"),
    (_TEXT, "UpdateLogFile"),
    (_SIZE, "LogFileMaxSize"),
    (_BOOL, "LogTime LogSyslog"),
    (_TEXT, "LogFacility"),
    (_BOOL, "LogVerbose LogRotate"),
    (_NUMBER, "Checks"),
    (_TEXT, "DNSDatabaseInfo"),
    (_TEXTS, "DatabaseMirror PrivateMirror DatabaseCustomURL ExtraDatabase ExcludeDatabase"),
    (_NUMBER, "MaxAttempts"),
    (_BOOL, "ScriptedUpdates TestDatabases CompressLocalDatabase Bytecode"),
    (_TEXT, "HTTPProxyServer"),
    (_NUMBER, "HTTPProxyPort"),
    (_TEXT, "HTTPProxyUsername HTTPProxyPassword HTTPUserAgent LocalIPAddress"),
    (_NUMBER, "ConnectTimeout ReceiveTimeout"),
    (_TEXT, "NotifyClamd OnUpdateExecute OnErrorExecute OnOutdatedExecute"),
)

TABLES = {"clamd": CLAMD, "freshclam": FRESHCLAM}

# Names that older releases knew and what to write today (features 18.05, 2.15, 2.49, 2.61 to 2.77).
_REMOVED = {
    "ArchiveMaxFileSize": "use MaxFileSize",
    "ArchiveMaxScanSize": "use MaxScanSize",
    "ArchiveMaxRecursion": "use MaxRecursion",
    "ArchiveMaxFiles": "use MaxFiles",
    "ArchiveMaxCompressionRatio": "removed from ClamAV; MaxScanSize, MaxScanTime and MaxFiles stop archive bombs",
    "ArchiveLimitMemoryUsage": "removed from ClamAV without a successor",
    "ArchiveBlockEncrypted": "use AlertEncryptedArchive",
    "ArchiveBlockMax": "use AlertExceedsMax",
    "BlockMax": "use AlertExceedsMax",
    "DetectBrokenExecutables": "use AlertBrokenExecutables",
    "AlgorithmicDetection": "use HeuristicAlerts",
    "PhishingAlwaysBlockSSLMismatch": "use AlertPhishingSSLMismatch",
    "PhishingAlwaysBlockCloak": "use AlertPhishingCloak",
    "PhishingRestrictedScan": "removed from ClamAV; PhishingScanURLs switches the check",
    "PartitionIntersection": "use AlertPartitionIntersection",
    "OLE2BlockMacros": "use AlertOLE2Macros",
    "MailMaxRecursion": "use MaxRecursion",
    "MailFollowURLs": "removed from ClamAV without a successor",
    "TimeLimit": "use MaxScanTime",
    "ScanRAR": "removed from ClamAV; ScanArchive covers RAR",
    "ScanOnAccess": "removed from clamd; clamonacc and the OnAccess options do this",
    "DisableDefaultScanOptions": "removed from ClamAV without a successor",
    "AllowSupplementaryGroups": "removed from ClamAV; supplementary groups are always used",
    "SafeBrowsing": "removed from ClamAV; the service behind it has ended",
    "ClamukoScanOnAccess": "removed from clamd; clamonacc and the OnAccess options do this",
    "ClamukoScanOnOpen": "removed from clamd; clamonacc decides this itself",
    "ClamukoScanOnClose": "removed from clamd; clamonacc decides this itself",
    "ClamukoScanOnExec": "removed from clamd; clamonacc decides this itself",
    "ClamukoIncludePath": "use OnAccessIncludePath",
    "ClamukoExcludePath": "use OnAccessExcludePath",
    "ClamukoExcludeUID": "use OnAccessExcludeUID",
    "ClamukoMaxFileSize": "use OnAccessMaxFileSize",
    "ClamukoScannerCount": "use OnAccessMaxThreads",
}
# In each file "Example" is the line that keeps the program from starting (features 2.06, 2.31).
REMOVED = dict(_REMOVED, Example="it is never written; with it the program does not start")
