"""Writing a file in one step, so that a reader's work is never half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 in one step: whatever happens, the file is the old one or the new one.

    Args:
        path: the file; a link is followed, and an existing file keeps its permissions.
        text: all of its content.

    Raises:
        OSError: if the folder does not exist or cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_text(Path(folder) / "a.txt", "hello")
        ...     (Path(folder) / "a.txt").read_text()
        'hello'
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` in one step, as `write_text` does.

    Args:
        path: the file; a link is followed, and an existing file keeps its permissions.
        content: all of it.

    Raises:
        OSError: if the folder does not exist or cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists():
        mode = path.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
