"""From settings to concrete parts: the one place that knows class names, and the only reader of the clock."""
