"""Whom the claims of an ID token mean, and what they may."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.roles import Role
from streams.settings import Oidc
from streams.users.people import People, clean_email
from streams.users.records import User, UserError, digest, login_name

BY: Final = "oidc"
"""Whose name stands in the journal beside what a login made or changed."""
_MOST_SUBJECT: Final = 255


async def user_of(people: People, settings: Oidc, claims: Mapping[str, Any]) -> User:
    """The user of these claims, made or changed as the settings say. Raises `UserError`: `domain`,
    `role`, `disabled` or `token`."""
    subject = _subject(settings, claims)
    email = verified_email(claims)
    refuse_domain(settings, email)
    users = await people.all()
    user = next((one for one in users.values() if one.subject == subject), None)
    if user is None and email:  # one that an admin has made for them
        user = next((u for u in users.values() if u.email == email and not u.subject), None)
    role = role_of(settings, claims, user)
    if user is None:
        return await people.add(
            _name(users, claims, email, subject), by=BY, role=role, email=email, subject=subject
        )
    if user.disabled:
        raise UserError("disabled", f"{user.name} is disabled. Remedy: veille users enable")
    changed = {"role": role, "subject": subject, "email": email or user.email}
    return await people.follow(user.name, by=BY, **changed)


def _subject(settings: Oidc, claims: Mapping[str, Any]) -> str:
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= _MOST_SUBJECT:
        raise UserError("token", "the ID token names no subject")
    return f"{settings.issuer} {sub}"


def verified_email(claims: Mapping[str, Any]) -> str:
    """Empty for one that the issuer has not verified."""
    if claims.get("email_verified") not in (True, "true"):
        return ""
    try:
        return clean_email(str(claims.get("email", "")))
    except UserError:
        return ""


def refuse_domain(settings: Oidc, email: str) -> None:
    """Raises `UserError`."""
    allowed = {domain.lower().lstrip("@") for domain in settings.allowed_domains}
    if allowed and email.rpartition("@")[2] not in allowed:
        raise UserError("domain", f"{email or 'no verified address'}: not of {sorted(allowed)}")


def role_of(settings: Oidc, claims: Mapping[str, Any], user: User | None) -> Role:
    """By the claim, where the settings name one: the issuer's word counts at every login. Else a
    user keeps the role an admin gave. Raises `UserError`."""
    if settings.role_claim:
        values = set(values_of(claims, settings.role_claim))
        ranks: Sequence[tuple[Role, list[str]]] = (
            ("admin", settings.admins),
            ("analyst", settings.analysts),
            ("viewer", settings.viewers),
        )
        for role, given in ranks:
            if values & set(given):
                return role
    elif user is not None:
        return user.role
    if settings.default_role == "none":
        raise UserError("role", "no claim gives a role. Remedy: web.oidc, or veille users add")
    return settings.default_role


def values_of(claims: Mapping[str, Any], name: str) -> Sequence[str]:
    """The texts of a claim: `groups`, or `realm_access.roles` inside another."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _name(users: Mapping[str, User], claims: Mapping[str, Any], email: str, subject: str) -> str:
    """One that nobody has."""
    mark = digest(subject)[:6]
    for given in (claims.get("preferred_username"), email, email.partition("@")[0]):
        clean = re.sub(r"[^a-z0-9._@+-]+", "-", str(given or "").lower()).strip("._@+-")[:50]
        for name in (clean, f"{clean}-{mark}"):
            try:
                if login_name(name) not in users:
                    return name
            except UserError:
                continue
    return f"user-{digest(subject)[:12]}"
