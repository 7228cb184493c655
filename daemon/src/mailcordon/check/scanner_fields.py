"""The extra fields of the copy that spam scanners see (B9.08)."""

from mailcordon.mail.message import Mail


def scanner_fields(mail: Mail) -> bytes:
    """The fields as octets that end with CRLF.

    The virus check runs at the same time, hence no X-Amavis-AV-Status.
    """
    recipients = ",\r\n ".join(f"<{recipient.address}>" for recipient in mail.envelope.recipients)
    bank = f"X-Amavis-PolicyBank: {'/'.join(mail.session.policy_banks)}".rstrip()
    fingerprint = f"X-Amavis-OS-Fingerprint: {mail.os_fingerprint}\r\n" if mail.os_fingerprint else ""
    fields = (
        f"Return-Path: <{mail.envelope.sender}>\r\n"
        f"X-Envelope-To: {recipients}\r\n"
        f"{fingerprint}"
        f"{bank}\r\n"
        f"X-Amavis-MessageSize: {mail.size}\r\n"
    )
    return fields.encode("utf-8", "surrogateescape")
