"""Secrets from files: `VEILLE_STORE__PASSWORD_FILE` names the file that holds `store.password`.

So Docker's and Kubernetes' secrets need no copy in the environment, where every child and every
`docker inspect` shows it.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from streams.errors import ConfigError

MOST_BYTES = 65_536


def with_files(
    variables: Mapping[str, str | None], secrets: Collection[str]
) -> dict[str, str | None]:
    """The variables (in lower case) with what the files of these secrets hold in their place,
    without white space around it.

    Raises `ConfigError` where a file can't be read or is empty, or both are given.
    """
    found = dict(variables)
    for secret in secrets:
        if (path := found.pop(f"{secret}_file", None)) is None:
            continue
        name = f"{secret}_file".upper()
        if found.get(secret):
            raise ConfigError(f"{name} and {secret.upper()}: both are set. Remedy: unset one")
        found[secret] = _read(name, Path(path))
    return found


def _read(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode().strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(
            f"{name}: {path}: {why}. Remedy: a file that Veille's user can read"
        ) from None
    if not text:
        raise ConfigError(f"{name}: {path}: empty. Remedy: write the secret into it")
    return text
