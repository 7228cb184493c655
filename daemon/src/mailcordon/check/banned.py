"""The check for banned names and types of parts, and of what is packed in them (contracts B12)."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from mailcordon.check.banned_tree import BannedPart, Compared, Matcher
from mailcordon.check.base import ScannerState
from mailcordon.config.banned import BannedRules
from mailcordon.config.policy import Policy
from mailcordon.mail.category import OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)

TIME_LIMIT = 20.0
"""Seconds for one message and one set of rules; an ordinary mail takes some microseconds."""

_MANY = 400
"""Parts, and names by their length, times rules: from which on the event loop could be held up for more than about a
millisecond."""
_SHORT_NAME = 32
_KEPT_MATCHERS = 256
_NOTHING = Findings()
_BANNED = Category(Major.BANNED)


class BannedCheck:
    """Compares the parts with the rules of each recipient, with each set of rules once; needs no server."""

    name = "banned"

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        self._time_limit = time_limit
        self._matchers: dict[BannedRules, Matcher] = {}

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """If a recipient has rules and does not bypass them."""
        return any(map(_has_rules, policies))

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """One finding for each part that is banned, valid for the recipients whose rules ban it."""
        wanted = (policy.banned for policy in dict.fromkeys(policies) if _has_rules(policy))
        matchers = {rules: self._matcher(rules) for rules in wanted}
        if sum(matcher.size for matcher in matchers.values()) * _effort(root, _MANY) < _MANY:
            results = [matcher.compare(root, self._time_limit) for matcher in matchers.values()]
        else:
            results = [
                await asyncio.to_thread(matcher.compare, root, self._time_limit) for matcher in matchers.values()
            ]
        if not any(result.banned or result.problem for result in results):
            return _NOTHING
        recipients = _by_rules(mail, policies)
        addresses = (recipients[rules] for rules in matchers)
        return self._findings(mail, zip(addresses, results, strict=True))

    def _matcher(self, rules: BannedRules) -> Matcher:
        matcher = self._matchers.get(rules)
        if matcher is None:
            if len(self._matchers) >= _KEPT_MATCHERS:
                self._matchers.clear()
            matcher = self._matchers[rules] = Matcher(rules)
        return matcher

    def _findings(self, mail: Mail, results: Iterable[tuple[set[str], Compared]]) -> Findings:
        banned: dict[BannedPart, set[str]] = {}
        problems: dict[str, set[str]] = {}
        for addresses, result in results:
            for part in result.banned:
                banned.setdefault(part, set()).update(addresses)
            if result.problem:
                problems.setdefault(result.problem, set()).update(addresses)
        everybody = {recipient.address for recipient in mail.envelope.recipients}
        found = []
        for part, addresses in banned.items():
            _log(mail, part, addresses)
            found.append(
                Finding(
                    _BANNED,
                    part.name,
                    self.name,
                    part.part,
                    part.result,
                    part.ban,
                    None if addresses == everybody else frozenset(addresses),
                )
            )
        for problem, addresses in problems.items():
            limited = None if addresses == everybody else frozenset(addresses)
            found.append(Finding(OVER_LIMITS, problem, self.name, recipients=limited))
        return Findings(tuple(found))

    async def ready(self) -> Sequence[ScannerState]:
        """There is nothing that could be absent."""
        return ()

    async def close(self) -> None:
        """There is nothing to close."""


def _has_rules(policy: Policy) -> bool:
    return bool(policy.banned) and not policy.bypass_banned_checks


def _by_rules(mail: Mail, policies: Sequence[Policy]) -> dict[BannedRules, set[str]]:
    """The recipients of each set of rules, without those who bypass it."""
    found: dict[BannedRules, set[str]] = {}
    for recipient, policy in zip(mail.envelope.recipients, policies, strict=True):
        if _has_rules(policy):
            found.setdefault(policy.banned, set()).add(recipient.address)
    return found


def _effort(root: Part, enough: int) -> int:
    """Number of parts and names, long names counting more; beyond `enough` it is not counted any further."""
    effort = 0
    for part in root.walk():
        effort += 1 + sum(1 + len(name) // _SHORT_NAME for name in (*part.names, *part.raw_names))
        if effort > enough:
            break
    return effort


def _log(mail: Mail, part: BannedPart, addresses: Iterable[str]) -> None:
    log.info(
        '(%s) p.path BANNED:%s %s: "%s", matching_key="%s"',
        mail.log_id,
        part.result,
        ",".join(sorted(addresses)),
        part.ban.attributes,
        part.ban.key,
    )
