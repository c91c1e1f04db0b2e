"""Makes an issuer's key, and signs tokens with it.

tokens.py make KEY JWKS
tokens.py sign KEY CLAIMS      claims in JSON, in place of those that are right
"""

import json
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

if sys.argv[1] == "make":
    key = ec.generate_private_key(ec.SECP256R1())
    with open(sys.argv[2], "wb") as file:
        file.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    numbers = key.public_key().public_numbers()
    x, y = (jwt.utils.base64url_encode(it.to_bytes(32, "big")).decode() for it in (numbers.x, numbers.y))
    public = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "k1", "alg": "ES256", "use": "sig"}
    with open(sys.argv[3], "w") as file:
        json.dump({"keys": [public]}, file)
else:
    claims = {
        "iss": "https://id.our.test", "aud": "mail.our.test", "email": "alice@our.test",
        "scope": "openid mail", "exp": int(time.time()) + 300,
    }
    claims.update(json.loads(sys.argv[3]))
    with open(sys.argv[2]) as file:
        print(jwt.encode(claims, file.read(), algorithm="ES256", headers={"kid": "k1"}))
