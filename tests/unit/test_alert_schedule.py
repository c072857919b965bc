"""Who is told and when, and what is refused in the settings."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streams import settings as settings_module
from streams.alert_settings import Digest, Escalation, QuietHours
from streams.alerts.records import Severity
from streams.alerts.schedule import (
    LONGEST_REST,
    escalates,
    last_slot,
    quiet_until,
    receivers,
    rest,
)
from streams.errors import ConfigError
from tests.support.alerts import incident, settings


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def quiet(**fields: Any) -> QuietHours:
    told = {"from": "22:00", "to": "07:00", "zone": "Europe/Paris", **fields}
    return QuietHours.model_validate(told)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-10T20:59", None),
        ("2026-03-10T21:00", "2026-03-11T06:00"),
        ("2026-03-11T02:00", "2026-03-11T06:00"),
        ("2026-03-11T05:59", "2026-03-11T06:00"),
        ("2026-03-11T06:00", None),
        # the night of summer time: 07:00 in Paris comes at 05:00 UTC
        ("2026-03-28T22:00", "2026-03-29T05:00"),
    ],
)
def test_quiet_hours_over_midnight(now: str, until: str | None) -> None:
    assert quiet_until(utc(now), quiet(), "high", "UTC") == (utc(until) if until else None)


def test_quiet_hours_within_a_day_and_on_some_days() -> None:
    lunch = quiet(**{"from": "12:00", "to": "13:30", "zone": "UTC", "days": ["tuesday"]})
    tuesday, wednesday = utc("2026-03-10T12:30"), utc("2026-03-11T12:30")
    assert quiet_until(tuesday, lunch, "low", "UTC") == utc("2026-03-10T13:30")
    assert quiet_until(wednesday, lunch, "low", "UTC") is None


@pytest.mark.parametrize(
    ("exempt", "severity", "waits"),
    [
        ("critical", "critical", False),
        ("critical", "high", True),
        ("high", "high", False),
        ("none", "critical", True),
    ],
)
def test_what_does_not_wait(exempt: str, severity: Severity, waits: bool) -> None:
    now = utc("2026-03-11T02:00")
    assert (quiet_until(now, quiet(**{"except": exempt}), severity, "UTC") is not None) == waits


def test_without_routes_everything_goes_everywhere() -> None:
    assert receivers(incident(severity="low"), settings("a", "b")) == ["a", "b"]


def test_routes_by_topic_severity_and_kind() -> None:
    told = settings(
        "mail",
        "chat",
        "pager",
        routes=[
            {"topics": ["brand-*"], "min_severity": "high", "channels": ["pager"]},
            {"topics": ["*"], "channels": ["mail"]},
            {"kinds": ["silence"], "channels": ["chat"]},
        ],
    )
    one = incident(topic="brand-fr", severity="high")
    assert receivers(one, told) == ["mail", "pager"]
    assert receivers(incident(topic="brand-fr", severity="medium"), told) == ["mail"]
    assert receivers(incident(topic="other", kind="silence"), told) == ["mail", "chat"]


def test_only_what_nobody_looks_after_is_escalated() -> None:
    step = Escalation(after_minutes=15, channels=["pager"])
    assert escalates(incident(), step)
    assert not escalates(incident(status="acknowledged"), step)
    assert not escalates(incident(status="snoozed"), step)
    assert not escalates(incident(severity="medium"), step)


def test_rests_grow_to_a_bound() -> None:
    assert timedelta(seconds=7) <= rest(1) <= timedelta(seconds=10)
    assert timedelta(seconds=56) <= rest(4) <= timedelta(seconds=80)
    assert LONGEST_REST * 0.7 <= rest(1_000_000) <= LONGEST_REST


@pytest.mark.parametrize(
    ("every", "now", "until", "since"),
    [
        ("day", "2026-03-10T07:00", "2026-03-10T07:00", "2026-03-09T07:00"),
        ("day", "2026-03-10T06:59", "2026-03-09T07:00", "2026-03-08T07:00"),
        ("week", "2026-03-11T12:00", "2026-03-09T07:00", "2026-03-02T07:00"),
        ("week", "2026-03-09T06:00", "2026-03-02T07:00", "2026-02-23T07:00"),
        # 29 March 2026: a day of 23 hours in Paris
        ("day", "2026-03-29T06:30", "2026-03-29T06:00", "2026-03-28T07:00"),
    ],
)
def test_digests_are_due_by_the_clock_on_the_wall(
    every: str, now: str, until: str, since: str
) -> None:
    told = {"every": every, "at": "08:00", "zone": "Europe/Paris", "channels": ["a"]}
    assert last_slot(utc(now), Digest.model_validate(told), "UTC") == (utc(until), utc(since))


GOOD = """
alerts:
  language: fr
  zone: Europe/Paris
  channels:
    - {id: ops-mail, url_env: OPS_MAIL}
    - {id: hook, webhook: "https://hooks.example.org/veille", secret_env: HOOK_SECRET}
  routes: [{topics: ["brand-*"], min_severity: high, channels: [ops-mail]}]
  quiet_hours: {from: 22:00, to: 07:00, except: critical}
  escalation: [{after_minutes: 15, channels: [hook]}]
  digest: [{every: week, at: "08:30", weekday: monday, channels: [ops-mail]}]
"""


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "veille.yaml").write_text(GOOD)
    alerts = settings_module.load(tmp_path).alerts
    assert alerts.quiet_hours is not None
    assert (alerts.quiet_hours.since, alerts.quiet_hours.until) == ("22:00", "07:00")
    assert alerts.routes[0].min_severity == "high"
    assert alerts.digest[0].every == "week"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("url_env: OPS_MAIL", "url: 'mailto://u:pw123@h'", "`url` holds a password"),
        ("url_env: OPS_MAIL", "url_env: 'mailto://u:pw123@h'", "name of an environment variable"),
        (", secret_env: HOOK_SECRET", "", "needs one of secret_env, secret_file"),
        ("url_env: OPS_MAIL", "language: ru", "needs one of url_env, url_file, webhook"),
        ("id: hook", "id: ops-mail", "two channels have the id 'ops-mail'"),
        ("channels: [hook]", "channels: [pager]", "escalation[0] names the channel 'pager'"),
        ("Europe/Paris", "Europe/Pariss", "no such time zone: 'Europe/Pariss'"),
        ("22:00", "'25:00'", "no time of day: '25:00'"),
        ("critical", "severe", "quiet_hours"),
        ("min_severity: high", "min_severty: high", "no such setting"),
        ("after_minutes: 15", "after_minutes: 0", "greater than or equal to 1"),
    ],
)
def test_wrong_settings_name_file_line_and_remedy(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert old in GOOD
    path = tmp_path / "veille.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        settings_module.load(tmp_path)
    told = str(caught.value)
    assert said in told
    assert f"{path}:" in told
    assert "Remedy:" in told
    assert "pw123" not in told
