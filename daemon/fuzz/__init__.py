"""Fuzzers of what reads octets from outside. `python -m fuzz.smtp_session` runs one; the tests run a short form."""
