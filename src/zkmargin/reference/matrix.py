"""Sparse matrices over Fr: the tables of a market, a row per instrument, a column per linear functional."""

from __future__ import annotations

import struct

from zkmargin.field import FR_MODULUS
from zkmargin.reference.field import decode, encode
from zkmargin.reference.fourier import powers

MAX_SIDE = 1 << 22
"""Bounds what a matrix without entries may cost: far more than any circuit has room for."""


class SparseMatrix:
    """An ``n_rows x n_cols`` matrix from its entries in any order; entries at one place add up.

    ``rows`` and ``cols`` are arrays of u32, ``values`` of canonical field elements, all little-endian.
    Raises ValueError if the lists differ in number, an index is out of bounds, or a side exceeds ``2^22``.
    """

    def __init__(self, rows: bytes, cols: bytes, values: bytes, n_rows: int, n_cols: int) -> None:
        if not (0 <= n_rows <= MAX_SIDE and 0 <= n_cols <= MAX_SIDE):
            raise ValueError("sparse matrix: too many rows or columns")
        if len(rows) % 4 or len(cols) % 4:
            raise ValueError("sparse matrix: indices are 4 bytes each")
        row_indices = struct.unpack(f"<{len(rows) // 4}I", rows)
        col_indices = struct.unpack(f"<{len(cols) // 4}I", cols)
        elements = decode(values, FR_MODULUS)
        if not len(row_indices) == len(col_indices) == len(elements):
            raise ValueError("sparse matrix: rows, columns and values differ in number")
        if any(row >= n_rows for row in row_indices) or any(col >= n_cols for col in col_indices):
            raise ValueError("sparse matrix: an entry lies outside the matrix")
        self.n_rows = n_rows
        self.n_cols = n_cols
        self._rows: dict[int, list[tuple[int, int]]] = {}  # rows without entries cost nothing
        for row, col, value in zip(row_indices, col_indices, elements, strict=True):
            self._rows.setdefault(row, []).append((col, value))

    def row(self, index: int) -> list[tuple[int, int]]:
        """Entries ``(column, value)`` of one row, as given."""
        return self._rows.get(index, [])

    def fold(self, gamma: bytes) -> bytes:
        """``t_j = sum_k gamma^k * T[j][k]`` for every row j, as ``n_rows`` elements."""
        challenge = decode(gamma, FR_MODULUS)
        if len(challenge) != 1:
            raise ValueError("expected one element")
        weights = powers(challenge[0], self.n_cols)
        rows = map(self.row, range(self.n_rows))
        return encode([sum(weights[col] * value for col, value in row) % FR_MODULUS for row in rows])
