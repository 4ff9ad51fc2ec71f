"""The environment a stage gets: a short fixed base and what it declares. Nothing else leaks in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.difference import secret_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.model.stage import Stage

BASE = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM", "COLORTERM",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "SSH_AUTH_SOCK", "XDG_CACHE_HOME", "CI",
)  # fmt: skip
"""Passed through as they are and not keyed: they say where things are, not what comes out."""

FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}
"""The same for everyone, so that sorting, messages and dates are; and no `__pycache__` appears among inputs."""


def base_environment(environ: Mapping[str, str], *, inherit: bool) -> dict[str, str]:
    """Return what every stage of a build gets.

    Args:
        environ: The tool's own environment.
        inherit: The project opted out of clean environments: everything is passed through, unkeyed.
    """
    if inherit:
        return dict(environ)
    base = {name: environ[name] for name in BASE if name in environ}
    base.update(FIXED)
    base.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    return base


def stage_environment(
    base: Mapping[str, str], environ: Mapping[str, str], stage: Stage, root: str
) -> Mapping[str, str]:
    """Return the whole environment of one stage of the project at `root`."""
    if not (stage.env or stage.pass_env or stage.secret_env or "PWD" in base):
        return base
    made = dict(base)
    for name in (*stage.pass_env, *stage.secret_env):
        if name in environ:
            made[name] = environ[name]
    if "PWD" in made:  # passed through: it says where the tool was started, which is elsewhere
        made["PWD"] = f"{root}/{stage.cwd}" if stage.cwd else root
    for name, value in stage.env:
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return made


def mask(text: bytes, environ: Mapping[str, str], stage: Stage) -> bytes:
    """Return captured output without the values of the stage's secrets."""
    for secret in secret_values(stage, environ):
        text = text.replace(secret.encode("utf-8", "surrogateescape"), b"***")
    return text
