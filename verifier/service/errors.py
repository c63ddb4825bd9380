"""What a service refuses before anything is verified."""

from __future__ import annotations

from zkmargin.errors import InputError, VerificationError


class BodyTooLarge(InputError):
    """A request's body is larger than the service takes."""

    code = "E_BODY_SIZE"
    advice = "send one document a request; the limit is in the service's settings"


class TooSlow(InputError):
    """A request's body did not come in time."""

    code = "E_SLOW"
    advice = "send the whole body at once, and try again"


class RateLimited(InputError):
    """A client asks too often, or has too many requests waiting."""

    code = "E_RATE_LIMIT"
    advice = "wait, and ask less often"


class Overloaded(InputError):
    """The service has as much work waiting as it may, or a verification was lost with its process."""

    code = "E_BUSY"
    advice = "try again in a few seconds"


class RouteUnknown(InputError):
    """There is nothing at this address."""

    code = "E_ROUTE"
    advice = "/openapi.json lists what there is"


class MethodWrong(InputError):
    """An address does not take this method."""

    code = "E_METHOD"
    advice = "/openapi.json lists what there is"


class TokenWrong(InputError):
    """A request needs a venue's token and has none, or another."""

    code = "E_TOKEN"
    advice = "send `Authorization: Bearer TOKEN` with a token of this venue"


class FormWrong(InputError):
    """A form of the pages cannot be read, or was not sent by this service's own page."""

    code = "E_FORM"
    advice = "open the page again and send its form from there"


class MarketMissing(VerificationError):
    """The service does not hold the market snapshot that a proof is about."""

    code = "E_MARKET_MISSING"
    advice = "send the signed snapshot to /v1/markets, or prove on the latest one"


class CustomerMixed(VerificationError):
    """A proof's statements are of several customers, or its nullifier was credited to another one."""

    code = "E_CUSTOMER"
    advice = "a venue credits a nullifier to one customer: prove with that customer's own statements and keys"


class ServiceUnavailable(InputError):
    """A service does not answer, or with something that is no answer of one."""

    code = "E_SERVICE"
    advice = "check the service's address and that it runs; try again"


class ServiceRefused(VerificationError):
    """A service refuses, with a reason of its own."""

    code = "E_SERVICE_REFUSED"
    advice = "specs/errors.md explains the service's code"
