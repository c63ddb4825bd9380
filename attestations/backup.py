"""The words of an owner key: its seed for paper.                                     specs/documents.md#backup

BIP-39's English words over the 32 bytes themselves: 24 words, the last of which holds eight bits of a checksum. The
words are not stretched to a wallet's seed (PBKDF2), so they open no wallet.

No message names a word.                     https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from zkmargin.attestations.owner import SEED_BYTES, OwnerKeys
from zkmargin.encoding import sha256
from zkmargin.errors import BackupWords, BytesLength

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Final = 24
_BITS: Final = 11
_PER_LINE: Final = 4
_OWNER = re.compile(r"#\s*owner\s+([0-9]+)\s*", re.ASCII)


@cache
def _wordlist() -> Mapping[str, int]:
    from mnemonic import Mnemonic

    return {word: index for index, word in enumerate(Mnemonic("english").wordlist)}


def words_of(seed: bytes) -> list[str]:
    """The 24 words of a 32-byte seed."""
    if len(seed) != SEED_BYTES:
        raise BytesLength("a seed has 32 bytes", where="backup", expected=SEED_BYTES, got=len(seed))
    from mnemonic import Mnemonic

    return Mnemonic("english").to_mnemonic(seed).split(" ")


def seed_of(words: list[str]) -> bytes:
    """The 32-byte seed of 24 words, in any case of letters. Raises BackupWords, which tells places and no words.

    The checksum lets one of 256 slips pass: compare the owner too.
    """
    if len(words) != WORDS:
        raise BackupWords("not as many words as a backup has", expected=WORDS, got=len(words))
    known = _wordlist()
    number = 0
    for place, word in enumerate(words, start=1):
        index = known.get(word.lower())
        if index is None:
            raise BackupWords("not a word of the list", where=f"word {place} of {WORDS}")
        number = number << _BITS | index
    checked = number.to_bytes(SEED_BYTES + 1, "big")
    seed = checked[:-1]
    if sha256(seed)[0] != checked[-1]:
        raise BackupWords("the checksum does not hold: a word is wrong, or words are in another order")
    return seed


def backup_text(seed: bytes) -> str:
    """What ``keys backup`` writes: the owner's public name, and the words in six lines of four."""
    words = words_of(seed)
    lines = [" ".join(words[at : at + _PER_LINE]) for at in range(0, WORDS, _PER_LINE)]
    owner = OwnerKeys.of_seed(seed).owner
    return "\n".join(["# zkmargin owner key; whoever reads these words can pledge", f"# owner {owner}", *lines, ""])


def read_backup(text: str, owner: int | None = None) -> bytes:
    """The seed in the text of a backup: its words, between white space; lines with ``#`` are remarks.

    ``owner``: who it must be; a remark ``# owner NUMBER`` says so too. Raises BackupWords.
    """
    words: list[str] = []
    expected = {str(owner)} if owner is not None else set()
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            words += line.split()
        elif found := _OWNER.fullmatch(line.strip()):
            expected.add(found[1])
    seed = seed_of(words)
    if expected - {str(OwnerKeys.of_seed(seed).owner)}:
        raise BackupWords("the words are those of another owner key", where="owner")
    return seed
