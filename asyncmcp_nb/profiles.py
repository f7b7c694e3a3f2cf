"""The user's profiles: deployments by name, in one TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import platformdirs

from asyncmcp_nb.config import APP, HOME_VARIABLE, LOCAL_NAME, Deployment
from asyncmcp_nb.errors import ConfigError, ProfileNotFound

PROFILE_VARIABLE: Final = "ASYNCMCP_NB_PROFILE"


def profile_file() -> Path:
    """The TOML file whose tables are profiles; ``ASYNCMCP_NB_HOME`` moves it."""
    override = os.environ.get(HOME_VARIABLE)
    folder = Path(override) if override else Path(platformdirs.user_config_dir(APP))
    return folder / "profiles.toml"


def read_profiles() -> dict[str, Mapping[str, Any]]:
    """All profiles by name; empty where there is no file.

    Raises:
        ConfigError: The file is not TOML, or cannot be read.
    """
    path = profile_file()
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: {exc}") from None
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def load_profile(name: str) -> Deployment:
    """The deployment of a profile.

    Raises:
        ProfileNotFound: No profile has this name; the message lists those there are.
        ConfigError: The profile is not a deployment.
    """
    profiles = read_profiles()
    if name not in profiles:
        there = ", ".join(sorted(profiles)) or "none"
        raise ProfileNotFound(
            f"no profile {name!r} in {profile_file()} (there: {there}); "
            "`asyncmcp-nb provision` writes one; no profile, or 'local', is the embedded broker"
        )
    return Deployment.from_mapping({"name": name, **profiles[name]})


def require_profile_name(name: str) -> None:
    """Refuse a name that no profile is to have.

    Raises:
        ConfigError: It is that of the embedded broker.
    """
    if name == LOCAL_NAME:
        raise ConfigError(
            f"{name!r} names the embedded broker in connect({name!r}); give this profile another "
            "name"
        )


def save_profile(deployment: Deployment) -> bool:
    """Write a deployment as the profile of its name; other profiles and comments stay as they are.

    Returns:
        Whether the file changed: False where the profile was there already.

    Raises:
        ConfigError: The file there is not TOML or cannot be written, or the name is that of the
            embedded broker.
    """
    require_profile_name(deployment.name)
    table = f"[{deployment.name}]\n{deployment.to_toml()}"
    if read_profiles().get(deployment.name) == tomllib.loads(deployment.to_toml()):
        return False
    path = profile_file()
    text = path.read_text("utf-8") if path.exists() else ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_with_table(text, deployment.name, table), "utf-8")
    except OSError as exc:
        raise ConfigError(
            f"profile {deployment.name} cannot be written to {path} ({exc.strerror}); check the "
            f"folder, or name another with {HOME_VARIABLE}"
        ) from exc
    return True


def _with_table(text: str, name: str, table: str) -> str:
    """A TOML file's text with one top-level table replaced, or added at its end."""
    lines = text.splitlines(keepends=True)
    headers = [index for index, line in enumerate(lines) if line.startswith("[")]
    for index, following in pairwise([*headers, len(lines)]):
        if lines[index].partition("#")[0].strip("[]\"' \t\n") == name:
            end = following
            # Empty lines and comments above the next header belong to that one.
            while lines[end - 1].strip()[:1] in {"", "#"}:
                end -= 1
            return "".join([*lines[:index], table, *lines[end:]])
    return f"{text.rstrip()}\n\n{table}".lstrip()


def default_profile() -> str | None:
    """The profile named by ``ASYNCMCP_NB_PROFILE``, or None for the embedded broker."""
    return os.environ.get(PROFILE_VARIABLE) or None
