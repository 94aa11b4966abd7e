"""What comes back: returned mails and providers' events are read here, and become reports."""
