"""Streams: criteria, sentiment, stores, alerts, pages and the Faust application."""
