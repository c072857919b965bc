"""Errors of the pipeline and of the commands, named by recovery; each names place and remedy."""


class VeilleError(Exception):
    """Shown to the person as it is: what happened, where, and what to do."""


class ConfigError(VeilleError):
    """Settings or topics are wrong: exit code 2. The message names file, line and remedy."""


class QueryError(ConfigError):
    """A query does not parse. Its text shows the query with a caret under the column; `at` is the
    offset in `query`, which may be that of a sub-query."""

    def __init__(self, message: str, *, query: str = "", column: int = 0, at: int = 0) -> None:
        super().__init__(message)
        self.query = query
        self.column = column
        self.at = at


class StoreError(VeilleError):
    """The store can't be used as it is (unreadable file, wrong server, missing right)."""


class StoreUnavailable(StoreError):
    """The store does not answer for now: hold the sources back and try again."""


class BrokerUnavailable(VeilleError):
    """No Kafka broker answers at the address given."""
