"""What a directory's file system is and can do, found without writing to it."""

from __future__ import annotations

import os
import re
import sys

from attrs import frozen

_NETWORK = {
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs",
    "nfs4", "smb2", "smb3", "smbfs", "virtiofs", "vboxsf",
}  # fmt: skip
_CLONES = {"apfs", "bcachefs", "btrfs", "ocfs2", "xfs", "zfs"}
_COARSE = {"exfat", "hfs", "hfsplus", "msdos", "ntfs", "ntfs3", "vfat"}
_FINE_FROM = (6, 13)  # Linux: times that are read are newer with each change
_FINE = {"btrfs", "ext4", "tmpfs", "xfs"}
_ESCAPE = re.compile(r"\\([0-7]{3})")


@frozen
class FileSystem:
    """Where a directory lies."""

    kind: str  # like `ext4`; empty where the system doesn't say
    mount_point: str
    is_read_only: bool

    @property
    def is_network(self) -> bool:
        """Whether other machines may change it."""
        return self.kind in _NETWORK

    @property
    def may_clone(self) -> bool:
        """Whether files can share blocks there (reflinks), so that a restore copies nothing."""
        return self.kind in _CLONES

    @property
    def clock(self) -> str:
        """Return `change`, `tick` or `coarse`: how far apart two times there are at least; empty: unknown."""
        if self.kind in _COARSE:
            return "coarse"
        if sys.platform == "linux" and self.kind:
            release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
            return "change" if self.kind in _FINE and release >= _FINE_FROM else "tick"
        return ""


def file_system_of(path: str, mounts: str = "/proc/self/mountinfo") -> FileSystem:
    """Return what the nearest existing directory of `path` lies on. Reads /proc; changes nothing."""
    there = os.path.realpath(nearest(path))
    best = FileSystem("", "", is_read_only=False)
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return best
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 6 or not kinds:
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
        inside = there == point or there.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best.mount_point):  # a later mount hides an earlier one
            options = fields[5].split(",")
            best = FileSystem(kinds[0], point, is_read_only="ro" in options)
    return best


def nearest(path: str) -> str:
    """Return `path`, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    return path


def folds_case(directory: str) -> bool | None:
    """Whether names that differ only in case are one file there; None where no name can tell."""
    try:
        names = os.listdir(directory)
    except OSError:
        return None
    known = set(names)
    for name in names:
        other = name.swapcase()
        if other == name or other in known:
            continue
        try:
            twin = os.lstat(os.path.join(directory, other))
            return os.path.samestat(os.lstat(os.path.join(directory, name)), twin)
        except FileNotFoundError:
            return False
        except OSError:
            continue
    return None
