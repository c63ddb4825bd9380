"""A market snapshot before anyone signs it: the listing, the tables over it, the time, the sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from zkmargin.encoding import canonical_json, hex_bytes, parse_bytes, parse_uint, sha256
from zkmargin.errors import ListingMismatch, SchemaType
from zkmargin.margin.strict import check_text, read_list, read_object, read_text
from zkmargin.margin.tables import INSTRUMENT_AXIS, Listing, Tables


@dataclass(frozen=True)
class Source:
    """A file that prices were read from: its name, without folders, and the SHA-256 of its bytes."""

    name: str
    digest: bytes

    def __post_init__(self) -> None:
        check_text(self.name, "source")
        if not isinstance(self.digest, bytes) or len(self.digest) != 32:
            raise SchemaType("a source's digest has 32 bytes", where=self.name)

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        """The source whose bytes are ``content``."""
        return cls(name, sha256(content))


@dataclass(frozen=True)
class Market:
    """The content of a snapshot. Row j of a table over ``instrument`` is the listing's instrument j."""

    listing: Listing
    tables: Tables
    price_time: int
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        if type(self.price_time) is not int or not 0 < self.price_time < 1 << 63:
            raise SchemaType("priceTime must be unix seconds", where="market")
        listed = {INSTRUMENT_AXIS: tuple(instrument.id for instrument in self.listing.instruments), **self.listing.axes}
        for axis, elements in listed.items():
            # An amount at row j is worth what row j of the tables says: both must mean the same thing.
            if self.tables.names.get(axis, elements) != elements:
                raise ListingMismatch(
                    f"the rows of the tables along `{axis}` are not those of the listing", where="market"
                )

    def to_json(self) -> dict[str, Any]:
        """``{"listing": ..., "tables": ..., "priceTime": "...", "sources": [{"name", "digest"}]}``."""
        return {
            "listing": self.listing.to_json(),
            "tables": self.tables.to_json(),
            "priceTime": str(self.price_time),
            "sources": self._sources_json(),
        }

    @classmethod
    def of_json(cls, document: object) -> Self:
        """Read the document form, strictly."""
        entry = read_object(document, "market", ("listing", "tables", "priceTime", "sources"))
        sources = []
        for position, given in enumerate(read_list(entry["sources"], "market.sources")):
            where = f"market.sources[{position}]"
            source = read_object(given, where, ("name", "digest"))
            digest = parse_bytes(source["digest"], f"{where}.digest", 32)
            sources.append(Source(read_text(source["name"], f"{where}.name"), digest))
        return cls(
            Listing.of_json(entry["listing"]),
            Tables.of_json(entry["tables"]),
            parse_uint(entry["priceTime"], "market.priceTime", 63),
            tuple(sources),
        )

    @cached_property
    def sources_hash(self) -> bytes:
        """SHA-256 of the RFC 8785 bytes of the sources: the ``sourcesHash`` of a signed snapshot."""
        return sha256(canonical_json(self._sources_json()))

    def _sources_json(self) -> list[dict[str, str]]:
        return [{"name": source.name, "digest": hex_bytes(source.digest)} for source in self.sources]
