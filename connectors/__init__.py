"""Connectors: one module a source, each turning a public door into `Post` records.

Nothing here knows Kafka agents, criteria or stores: this package never imports `streams`.
"""
