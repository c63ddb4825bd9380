"""The passphrase of every key file that tests make."""

from __future__ import annotations

PASSPHRASE = "correct horse battery staple"
