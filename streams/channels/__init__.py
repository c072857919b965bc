"""Ways to reach people: services that Apprise knows, and signed webhooks."""

from streams.channels.opening import open_channel, open_channels, unreachable

__all__ = ["open_channel", "open_channels", "unreachable"]
