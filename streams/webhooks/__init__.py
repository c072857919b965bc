"""Mentions of topics, posted to addresses: signed, in order, at least once."""
