"""The log levels of amavisd that Python does not know (B8.01)."""

NOTICE = 25
"""amavisd's level 0: the main log entry and what an administrator should see. Between Python's INFO and WARNING."""
DETAIL = 15
"""amavisd's level 2, for syslog as important as level 1. Between Python's DEBUG and INFO."""
