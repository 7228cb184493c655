"""Running all checks on a message, as the pipeline does."""

from mailcordon.check.registry import Checks
from mailcordon.config.policy import Policy, policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.unpack import split


def inputs(mail: Mail, settings: Settings) -> tuple[Mail, Part, tuple[Policy, ...]]:
    """What the pipeline gives to the checks."""
    return mail, split(mail.content.view()).root, policies_for(settings, mail.envelope.recipients)


async def run_checks(mail: Mail, settings: Settings) -> Findings:
    """Findings of checks that are made for this one message."""
    checks = Checks(settings)
    try:
        return await checks.run(*inputs(mail, settings))
    finally:
        await checks.close()
