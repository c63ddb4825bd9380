"""Opening a proving key, whatever lies at its path."""

from __future__ import annotations

from pathlib import Path

from zkmargin.backend import Arithmetic, ProvingKeyHandle
from zkmargin.encoding import read_file
from zkmargin.errors import FileSection, FileUnreadable
from zkmargin.formats import read_zkey_header


def open_proving_key(path: Path, arithmetic: Arithmetic) -> ProvingKeyHandle:
    """A ``.zkey`` file, opened. Raises FileUnreadable, FileMagic, FileVersion, FileTruncated, FileSection,
    FieldRange.
    """
    try:
        return arithmetic.ProvingKey(str(path))
    except OSError as error:
        raise FileUnreadable("file cannot be read", where=str(path), got=error.strerror) from error
    except ValueError as error:
        read_zkey_header(read_file(path))  # engines say only that a file is malformed; this says how
        raise FileSection("file cannot be used", where=str(path), got=error) from error
