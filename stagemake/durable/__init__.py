"""The only place that changes the disk, so that every fault can be injected here. Asked by all who write.

Every function raises OSError with the path in `filename`. Nothing here follows a symbolic link in the
last component of what it removes, replaces or creates.
"""

from __future__ import annotations

from stagemake.durable.copies import clone_or_copy, move_aside
from stagemake.durable.directories import make_dirs, remove, remove_any, remove_dir, remove_tree
from stagemake.durable.files import (
    append,
    make_fifo,
    open_append,
    open_emptied,
    rename,
    set_mode,
    symlink,
    sync,
    sync_dir,
    touch,
    truncate,
    write_atomic,
    write_new,
)
from stagemake.durable.held import Held, hold
from stagemake.durable.holding import Holding
from stagemake.durable.names import TEMP_PREFIX, temp_name, temp_path
from stagemake.durable.point import install, reach

__all__ = [
    "TEMP_PREFIX",
    "Held",
    "Holding",
    "append",
    "clone_or_copy",
    "hold",
    "install",
    "make_dirs",
    "make_fifo",
    "move_aside",
    "open_append",
    "open_emptied",
    "reach",
    "remove",
    "remove_any",
    "remove_dir",
    "remove_tree",
    "rename",
    "set_mode",
    "symlink",
    "sync",
    "sync_dir",
    "temp_name",
    "temp_path",
    "touch",
    "truncate",
    "write_atomic",
    "write_new",
]
