"""Queries of other tools, in our language, with what could not be carried over."""
