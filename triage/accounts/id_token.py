"""Check of an ID token, as OpenID Connect Core 1.0, section 3.1.3.7, asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

# A provider signs with a private key, so that its public keys are enough to check. "none" and shared secrets are not
# taken.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ("iss", "sub", "aud", "exp", "iat")
# Clocks of the two machines may differ by this much.
LEEWAY_SECONDS = 60


def verify(token: str, keys: Mapping[str, Any], issuer: str, client_id: str) -> dict[str, Any]:
    """Return the claims of a token that the issuer signed for this desk.

    token: the ID token.
    keys: the issuer's public keys, as a JSON Web Key Set.
    issuer: the issuer that must have made it.
    client_id: the client that it must be for.

    Raises jwt.PyJWTError if the token is not good: forged, for another client, by another issuer, or too old.
    """
    wanted = jwt.get_unverified_header(token).get("kid")
    usable = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.public_key_use in (None, "sig")]
    fitting = [key for key in usable if wanted is None or key.key_id == wanted]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError("the issuer has no such key, or several")
    claims: dict[str, Any] = jwt.decode(
        token,
        key=fitting[0],
        algorithms=ALGORITHMS,
        audience=client_id,
        issuer=issuer,
        leeway=LEEWAY_SECONDS,
        options={"require": list(REQUIRED)},
    )
    party = claims.get("azp")
    if party != client_id and (party is not None or (isinstance(claims["aud"], list) and len(claims["aud"]) > 1)):
        raise jwt.InvalidAudienceError("the token was made for another client")
    return claims
