"""Helpers for tests that talk to a whole mail host: mails to send, and where to look for what became of them."""
