"""Makes the virus check that the settings describe."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcordon.check.base import ScannerState, VirusScanner
from mailcordon.check.clamd_scanner import ClamdScanner
from mailcordon.check.command_scanner import CommandScanner
from mailcordon.check.verdict_cache import VerdictCache
from mailcordon.check.virus import VirusCheck
from mailcordon.config.av_scanner import AvScanner, found_program
from mailcordon.config.settings import Settings


def virus_check(settings: Settings, primary_share: float, backup_share: float) -> VirusCheck:
    """The shares are the seconds that a scanner of that tier may take at most (B18.07). Looks for the programs."""
    primary = _tier(settings, "primary", settings.av_scanners, primary_share)
    backup = _tier(settings, "secondary", settings.av_scanners_backup, backup_share)
    ttls = (settings.virus_check_negative_ttl, settings.virus_check_positive_ttl)
    return VirusCheck(
        primary.scanners,
        backup.scanners,
        failure_is_fatal=settings.virus_scanners_failure_is_fatal,
        first_infected_stops=settings.first_infected_stops_scan,
        scan_base=settings.TEMPBASE if any(one.is_program for one in (*primary.scanners, *backup.scanners)) else None,
        absent=[*primary.absent, *backup.absent],
        cache=VerdictCache(*ttls) if any(ttls) else None,
        message_seconds=settings.shortest_child_timeout,
    )


@dataclass(slots=True)
class _Tier:
    scanners: list[VirusScanner] = field(default_factory=list)
    absent: list[ScannerState] = field(default_factory=list)


def _tier(settings: Settings, name: str, entries: Sequence[AvScanner], share: float) -> _Tier:
    tier = _Tier()
    timeout = min(settings.av_scan_timeout, share)
    stops = settings.first_infected_stops_scan
    for entry in entries:
        if entry.protocol == "clamd":
            tier.scanners.append(ClamdScanner(entry, timeout, first_infected_stops=stops))
        elif program := found_program(entry, settings.path):
            tier.scanners.append(
                CommandScanner(
                    entry,
                    program,
                    timeout,
                    base=settings.TEMPBASE,
                    environment={"PATH": settings.path, "LANG": "C", "LC_ALL": "C"},
                    first_infected_stops=stops,
                )
            )
        else:
            tier.absent.append(ScannerState(entry.name, name, "", is_program=True))
    return tier
