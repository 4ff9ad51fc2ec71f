"""What the tool has of a jobserver, kept by the supervisor: free again when the tool is gone, however it went."""

from __future__ import annotations

import contextlib
import os


class HeldTokens:
    """Tokens that were taken and not put back.

    Args:
        put_fd: Where they are put back; None: there is no jobserver.
    """

    def __init__(self, put_fd: int | None) -> None:
        self._put_fd = put_fd
        self._tokens: list[bytes] = []

    def hold(self, token: bytes) -> None:
        """Take in that the tool has taken one."""
        self._tokens.append(token)

    def put_back(self, token: bytes) -> None:
        """Put one back."""
        self._tokens.remove(token)
        if self._put_fd is not None:
            with contextlib.suppress(OSError):  # whoever it belongs to is gone
                os.write(self._put_fd, token)

    def put_all_back(self) -> None:
        """Put back what is held still."""
        for token in list(self._tokens):
            self.put_back(token)
