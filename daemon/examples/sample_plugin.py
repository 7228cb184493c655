"""A plugin for mailcordon that does one of each thing that plugins can do. Take from it what you need.

Install it as a file of root (mode 0644) in a directory that nobody else can write to, and name it in a fragment:

    plugins = ["/etc/mailcordon/plugins/sample_plugin.py"]

docs/plugins.md tells of all hooks and of everything that a message has.
"""

from mailcordon.hooks import AbuseContact, FeedbackType, Message, OwnReceived, hookimpl

PARTNERS = (".partner.example",)
PARTNER_BANK = "PARTNER"
"""A policy bank, to be defined in a fragment, for mail that partners send through their own servers."""

TRUSTED_TESTS = frozenset({"DKIM_VALID_AU", "LOCAL_CORRESPONDENT"})
"""Tests of SpamAssassin, its own or those in your local.cf, of which each makes us believe the sender's address."""

FORBIDDEN_LIST = "lottery.example"
"""A list whose mail nobody here may get."""

ABUSE_CONTACTS = (AbuseContact("abuse@hosting.example", networks=("192.0.2.0/24", "2001:db8:bad::/48")),)
"""Whom to tell about spam from which networks. What whois says of a network belongs here, not a guess."""


@hookimpl
def message_received(message: Message) -> None:
    """Load a policy bank, before anything is checked: the client's name was verified by our own MX."""
    name = (message.client.name or "").lower()
    if any(f".{name}".endswith(partner) for partner in PARTNERS):
        message.load_policy_banks(PARTNER_BANK)


@hookimpl
def after_checks(message: Message) -> None:
    """Say whether the sender is credible, add a finding and points, ask for a report."""
    # Inputs for such a decision: SpamAssassin's tests, signatures, the client's fingerprint, policy banks.
    trusted = sorted(TRUSTED_TESTS & message.spam_tests.keys())
    if trusted:
        message.sender_credible = "/".join(trusted)
    elif PARTNER_BANK in message.policy_banks:
        message.sender_credible = "partner"

    # The lowest List-Id was there first: lists that pass mail on put theirs above.
    if f"<{FORBIDDEN_LIST}>" in (message.get_header_field_body("List-Id") or ""):
        message.add_finding("BANNED", f"mail of the list {FORBIDDEN_LIST}")

    if not message.originating and message.envelope.sender and message.get_header_field("To") is None:
        message.add_score("LOCAL_NO_TO", 1.5)


@hookimpl
def before_send(message: Message) -> None:
    """Report what is spam for somebody; it is sent when the mail is done, if the party was not told lately."""
    if not any(verdict.main.display_name == "Spam" for verdict in message.verdicts):
        return
    for contact in ABUSE_CONTACTS:
        if contact.has_address(message.client.addr or ""):
            message.send_report(
                contact,
                FeedbackType.ABUSE,
                evidence=OwnReceived(),
                text="Please see to it that this client stops sending spam.",
            )
