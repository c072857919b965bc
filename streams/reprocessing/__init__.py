"""A changed topic, model or parser run again over the kept posts, and what that changes."""
