"""An amount of bytes as the value of an option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stagemake.model.error import BadValue
from stagemake.stagefile.numbers import size_in_bytes

if TYPE_CHECKING:
    _Type = click.ParamType[int]
else:
    _Type = click.ParamType  # older ones take no argument


class SizeType(_Type):
    """Text such as `2GiB` or `512M`, given to the command as bytes."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:  # Any: click's own shape
        """Return it in bytes, or fail in click's words."""
        try:
            return size_in_bytes(value, self.name)
        except BadValue:
            self.fail(f"'{value}' is not a size", param, ctx)
