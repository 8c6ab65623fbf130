"""Owns: the cpio archive ("newc") that the Linux kernel unpacks as a guest's first file system.

Written here rather than by cpio(1), because a device node and files of root's are then no matter of who runs this.
Must not know: what the files are for.
"""

import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One file, folder, link or device; `source` is a path to read or the content itself."""

    mode: int
    source: Path | bytes = b""
    seconds: int = 0  # time of last change: Python trusts its .pyc files by it
    device: tuple[int, int] = (0, 0)


class Archive:
    """Files by their path in the guest; folders come by themselves."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._entries

    def add_file(self, path: str, source: Path | bytes, executable: bool = False) -> None:
        """Put a file, or bytes, at the path."""
        seconds = int(source.stat().st_mtime) if isinstance(source, Path) else 0
        self._add(path, Entry(stat.S_IFREG | (0o755 if executable else 0o644), source, seconds))

    def add_folder(self, path: str) -> None:
        """Put an empty folder at the path."""
        self._add(path, Entry(stat.S_IFDIR | 0o755))

    def add_link(self, path: str, target: str) -> None:
        """Put a symbolic link at the path."""
        self._add(path, Entry(stat.S_IFLNK | 0o777, target.encode()))

    def add_character_device(self, path: str, major: int, minor: int) -> None:
        """Put a device node at the path."""
        self._add(path, Entry(stat.S_IFCHR | 0o600, device=(major, minor)))

    def copy(self) -> "Archive":
        """Return an archive of the same entries, to which others can be added."""
        other = Archive()
        other._entries = dict(self._entries)
        return other

    def write(self, path: Path) -> None:
        """Write the archive; folders come before what is in them."""
        with path.open("wb") as out:
            for number, (name, entry) in enumerate(sorted(self._entries.items()), 1):
                content = entry.source.read_bytes() if isinstance(entry.source, Path) else entry.source
                out.write(_header(name, number, entry, len(content)))
                out.write(content + bytes(-len(content) % 4))
            out.write(_header("TRAILER!!!", 0, Entry(0), 0))

    def _add(self, path: str, entry: Entry) -> None:
        name = path.strip("/")
        for parent in Path(name).parents:
            if parent.name:
                self._entries.setdefault(str(parent), Entry(stat.S_IFDIR | 0o755))
        self._entries[name] = entry


def _header(name: str, number: int, entry: Entry, size: int) -> bytes:
    named = name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, entry.seconds, size, 0, 0, *entry.device, len(named), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + named
    return header + bytes(-len(header) % 4)
