"""Atom and RSS feeds of the mentions that fit a view's filters."""
