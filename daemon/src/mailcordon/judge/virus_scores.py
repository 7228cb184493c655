"""Names that virus scanners give to what is no virus but more or less spam (contract B14.05)."""

from dataclasses import replace

from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Major
from mailcordon.mail.finding import Findings


def with_virus_scores(findings: Findings, settings: Settings) -> Findings:
    """`findings` without the viruses that `virus_name_to_spam_score` knows, and with the points of each instead."""
    lookup = settings.virus_name_to_spam_score
    scores = {name: lookup.at(LookupKey(name)) for name in findings.virus_names}
    points = {f"AV:{name}": score for name, score in scores.items() if score is not None}
    if not points:
        return findings
    found = tuple(
        finding
        for finding in findings.found
        if finding.category.major is not Major.VIRUS or scores[finding.name] is None
    )
    return replace(findings, found=found, points=(*findings.points, *points.items()))
