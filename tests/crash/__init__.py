"""What becomes of mails when something fails: the crash campaign and the faults, as a command and as tests."""
