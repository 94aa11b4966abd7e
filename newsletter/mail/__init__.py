"""From a digest to bytes on the wire: rendering, messages, SMTP."""
