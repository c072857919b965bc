"""Mentions on their way out: as lines of text, as tables, and in files that outlive a break."""
