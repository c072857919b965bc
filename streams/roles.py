"""Who may do what: a viewer reads, an analyst also decides, an admin also changes topics, users
and settings."""

from typing import Final, Literal

Role = Literal["viewer", "analyst", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "analyst", "admin")
"""The least first."""


def at_least(role: Role, needed: Role) -> bool:
    """Whether `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def lesser(one: Role, other: Role) -> Role:
    """The one of two that may do less."""
    return min(one, other, key=ROLES.index)
