"""A provider of logins for tests: discovery, authorization with PKCE, token, keys and user info, as is the standard."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.server import AnswerError, FakeService, Request

CLIENT, SECRET = "the desk", "a secret: of the desk"
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class FakeOidc(FakeService):
    """A provider at which one person is signed in.

    person: claims of this person; None if they refuse to be known to the desk.
    id_token: changes of the ID token's claims, to make it a bad one. None takes a claim away.
    info: changes of the user info.
    key: key that signs.
    scopes: scopes that it offers.
    methods: ways in which a client may send its secret.
    issuer: the issuer in its discovery document.
    asked: parameters of each request for a login.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.person: dict[str, Any] | None = {"sub": "0000-0001", "name": "Ada Lovelace", "preferred_username": "ada"}
        self.id_token: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.key = KEY
        self.scopes = ["openid", "profile", "email", "groups"]
        self.methods = ["client_secret_basic"]
        self.issuer = self.url
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Any:
        match request.method, request.path:
            case "GET", [".well-known", "openid-configuration"]:
                return self._discovery()
            case "GET", ["authorize"]:
                raise self._authorize(request.query)
            case "POST", ["token"]:
                return self._token(request)
            case "GET", ["keys"]:
                key = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
                return {"keys": [key | {"kid": "1", "alg": "RS256", "use": "sig"}]}
            case "GET", ["info"]:
                return self._info(str(request.headers.get("Authorization")))
        raise AnswerError(404, {"error": "not_found"})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/info",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": self.scopes,
            "token_endpoint_auth_methods_supported": self.methods,
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, query: dict[str, str]) -> AnswerError:
        """Lead back with a code, or with the error that the standard names."""
        self.asked.append(query)
        if query.get("client_id") != CLIENT or not query.get("redirect_uri"):
            return AnswerError(400, {"error": "invalid_client"})
        error = ""
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            error = "invalid_request"
        elif not {"openid"} <= set(query.get("scope", "").split()) <= set(self.scopes):
            error = "invalid_scope"
        elif self.person is None:
            error = "access_denied"
        code = secrets.token_urlsafe(16)
        if self.person is not None:
            self._codes[code] = (query, dict(self.person))
        sent = {"error": error} if error else {"code": code}
        back = urlencode(sent | {"state": query.get("state", "")})
        return AnswerError(302, {}, {"Location": f"{query['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self._check_client(str(request.headers.get("Authorization", "")), form)
        asked, person = self._codes.pop(form.get("code", ""), ({}, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = asked.get("redirect_uri") == form.get("redirect_uri") and asked.get("code_challenge") == challenge
        if form.get("grant_type") != "authorization_code" or not asked or not same:
            raise AnswerError(400, {"error": "invalid_grant"})
        token = secrets.token_urlsafe(16)
        self._tokens[token] = person
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": self._sign(asked, person)}

    def _check_client(self, authorization: str, form: dict[str, str]) -> None:
        """Refuse a client whose secret is wrong, or was sent in a way that this provider does not take."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if "client_secret_basic" in self.methods and authorization == f"Basic {basic}":
            return
        if "client_secret_post" in self.methods and (form.get("client_id"), form.get("client_secret")) == (
            CLIENT,
            SECRET,
        ):
            return
        raise AnswerError(401, {"error": "invalid_client"})

    def _sign(self, asked: dict[str, str], person: dict[str, Any]) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "sub": person["sub"], "aud": CLIENT, "iat": now, "exp": now + 300}
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        claims = {name: value for name, value in (claims | self.id_token).items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "1"})

    def _info(self, authorization: str) -> dict[str, Any]:
        person = self._tokens.get(authorization.removeprefix("Bearer "))
        if person is None:
            raise AnswerError(401, {"error": "invalid_token"})
        return person | self.info
