"""The commands of `veille`, one module a theme; `streams.cli` gathers them."""
