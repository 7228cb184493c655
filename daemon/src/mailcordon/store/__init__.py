"""SQL: the mail log, the quarantine, and what a data base knows of recipients (contracts B2)."""
