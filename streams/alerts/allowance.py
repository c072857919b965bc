"""What the settings allow alerts: how many may be false, and when nothing rings."""

from streams.alerts.incidents import Window
from streams.alerts.watching import Budget
from streams.settings import Alerts


def budget_of(settings: Alerts, topics: int) -> Budget:
    """What false alarms may cost, as the watch reckons it."""
    return Budget(weekly=settings.weekly_budget, topics=max(1, topics))


def windows_of(settings: Alerts) -> list[Window]:
    """Maintenance: what rings in it rings not."""
    return [
        Window(one.begins.timestamp(), one.ends.timestamp(), tuple(one.topics))
        for one in settings.maintenance
    ]
