"""Sources and health: what comes in, what does not, and why."""
