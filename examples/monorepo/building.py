"""What the packages' Stagefiles have in common.

Paths and names belong to the Stagefile that calls: `src` is that package's, `lint` is its stage.
"""

from __future__ import annotations

from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING

from stagemake import command, glob, need

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from stagemake import Stage

PYTHON = need("python3", hint="activate the environment that the README makes")
NPM = need("npm", hint="install Node.js 20 or newer")

# Tools leave nothing behind that isn't declared.
NPM_ENV = {"npm_config_update_notifier": "false", "npm_config_fund": "false"}
REGISTRY = ["npm_config_registry", "npm_config_cache"]


def python_path(needs: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables under which a package and those that it needs can be imported."""
    return {"PYTHONPATH": ":".join(["src", *(f"../{other}/src" for other in needs)])}


def python_package(needs: Sequence[str] = ()) -> SimpleNamespace:
    """Declare lint, type, test and build of the Python package beside the calling Stagefile.

    Args:
        needs: Packages of this repository that it imports.
    """
    sources, tests = glob("src/**/*.py"), glob("tests/**/*.py")
    others = [glob(f"../{other}/src/**/*.py", f"../{other}/src/**/py.typed") for other in needs]
    typed = glob("src/**/py.typed")
    path = python_path(needs)
    # The program that counts by itself is python3; the tool that it runs counts by its version.
    return SimpleNamespace(
        lint=command(
            "lint",
            [PYTHON, "-m", "ruff", "check", "--isolated", "--no-cache", "."],
            inputs=[sources, tests],  # isolated: what is set above this repository doesn't count
            version=version("ruff"),
            description="ruff",
        ),
        type=command(
            "type",
            [PYTHON, "-m", "mypy", "--cache-dir=/dev/null", "src"],
            inputs=[sources, typed, "pyproject.toml"],
            implicit=others,
            env={**path, "MYPYPATH": path["PYTHONPATH"]},
            version=version("mypy"),
            description="mypy",
        ),
        test=command(
            "test",
            [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            inputs=[sources, tests, "pyproject.toml"],
            implicit=others,
            env=path,
            version=version("pytest"),
            description="pytest",
        ),
        build=command(
            "build",
            f"{PYTHON} -m hatchling build -t wheel -d {{outputs}}",
            inputs=[sources, typed, "pyproject.toml"],
            outputs=["dist/wheel/"],
            version=version("hatchling"),
            description="the wheel",
        ),
    )


def node_package(bundle: str, needs: Sequence[str] = ()) -> SimpleNamespace:
    """Declare lint, type, test and build of the npm workspace beside the calling Stagefile.

    Args:
        bundle: The file that its script `build` makes.
        needs: Workspaces of this repository that it imports.
    """
    sources, tests = glob("src/**/*.js"), glob("tests/**/*.js")
    modules = "../../node_modules"  # made by npm.install
    others = [
        modules,
        *(glob(f"../{other}/src/**/*.js") for other in needs),
        *(f"../{other}/package.json" for other in needs),
    ]

    def script(name: str, **keywords: Any) -> Stage:
        argv = [NPM, "run", "--silent", name]
        return command(name, argv, env=NPM_ENV, description=f"npm run {name}", **keywords)

    return SimpleNamespace(
        lint=script(
            "lint",
            inputs=[sources, tests, "package.json", "../../eslint.config.js"],
            implicit=modules,
        ),
        type=script(
            "type",
            inputs=[sources, "package.json", "tsconfig.json", "../../tsconfig.base.json"],
            implicit=others,
        ),
        test=script("test", inputs=[sources, tests, "package.json"], implicit=others),
        build=script("build", inputs=[sources, "package.json"], implicit=others, outputs=[bundle]),
    )
