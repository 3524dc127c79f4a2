"""Roles: which of a provider's kinds of objects become targets."""

from collections.abc import Collection

from promscrape.decode.schema import Via
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote


def one_of(roles: Collection[str], unknown: str) -> Via:
    """Return how a role is read; `unknown` begins the error text. A null is no role: ""."""

    def parse(text: str) -> str:
        if text not in roles:
            known = ", ".join(f"`{role}`" for role in roles)
            raise InvalidValue(f"{unknown} {quote(text)}", hint=f"the roles are {known}")
        return text

    return Via(parse, str)
