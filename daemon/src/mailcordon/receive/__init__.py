"""From the MTA's connection to a `Mail` in a spool: SMTP and LMTP server, XFORWARD, end of data, limits."""
