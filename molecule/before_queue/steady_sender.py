#!/usr/bin/python3
"""Sends a small mail through port 25 every now and then, as another mail server would: what gets a 4xx, or meets no
server, is tried again. Writes a line for each mail that was accepted, and for each that was refused for good, to the
file that is named by the first argument. Ends with SIGTERM.
"""

import itertools
import smtplib
import sys
import time

# Seconds. Slower than the filter on a small machine, or the queue grows and grows.
PAUSE = 2.0
RECIPIENT = "probe@example.test"


def send(token: str) -> str:
    """`accepted`, `refused` or `later`."""
    sender = f"{token}@sender.example"
    message = f"From: <{sender}>\r\nTo: <{RECIPIENT}>\r\nSubject: {token}\r\nMessage-ID: <{sender}>\r\n\r\nsteady\r\n"
    try:
        with smtplib.SMTP("127.0.0.1", 25, local_hostname="client.sender.example", timeout=60) as client:
            client.sendmail(sender, RECIPIENT, message)
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPConnectError) as error:
        return "refused" if error.smtp_code >= 500 else "later"
    except smtplib.SMTPRecipientsRefused as error:
        return "refused" if all(code >= 500 for code, _ in error.recipients.values()) else "later"
    except (smtplib.SMTPServerDisconnected, OSError):
        return "later"
    return "accepted"


def main() -> None:
    """One mail after the other, each until it is decided."""
    with open(sys.argv[1], "w") as record:
        for number in itertools.count():
            token = f"steady{number:06}x"
            while (outcome := send(token)) == "later":
                time.sleep(PAUSE)
            record.write(f"{outcome} {token}\n")
            record.flush()
            time.sleep(PAUSE)


main()
