"""What a message is: envelope, header section, parts, findings, verdicts, ids. No I/O, no imports from other rooms."""
