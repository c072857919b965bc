"""Messages that stand alone: what, since when, how unusual, why, and where to look."""

from streams.alerts.messages.brief import Brief, Event, Message
from streams.alerts.messages.compose import compose

__all__ = ["Brief", "Event", "Message", "compose"]
