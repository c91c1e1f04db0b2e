"""An authorization server (RFC 6749, RFC 7636, RFC 8414, RFC 8628) for one user who always says yes.

authorization_server.py CERTIFICATE KEY SIGNING_KEY MOODS

Prints its port, then what it is asked, a line each. Its tokens are those of tokens.py. Files in the folder MOODS change what
it does: while "revoked" is there no refresh token is good; "stale" has the next token be one that no server takes, "deny" has
the user say no, "another" and "nobody" say that somebody else or nobody has answered (RFC 9207), and all four are gone then.
"""

import base64
import hashlib
import http.server
import json
import os
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

import jwt

certificate, key, signing_key, moods = sys.argv[1:]
with open(signing_key) as file:
    signs_with = file.read()
codes, refreshes, devices = {}, set(), {}
lock = threading.Lock()


def log(line):
    print(line, flush=True)


def is_in_mood(mood):
    path = os.path.join(moods, mood)
    if not os.path.exists(path):
        return False
    if mood != "revoked":
        os.unlink(path)
    return True


def tokens():
    claims = {
        "iss": "https://id.our.test", "aud": "mail.our.test", "email": "alice@our.test",
        "scope": "openid mail", "exp": int(time.time()) + 300, "jti": secrets.token_hex(8),
    }
    if is_in_mood("stale"):
        claims["aud"] = "nobody"
    refresh = secrets.token_urlsafe(32)
    refreshes.add(refresh)
    return {
        "access_token": jwt.encode(claims, signs_with, algorithm="ES256", headers={"kid": "k1"}),
        "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh,
    }


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        octets = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        log(f"GET {url.path}")
        if url.path == "/.well-known/oauth-authorization-server":
            return self.answer(200, {
                "issuer": base, "authorization_endpoint": base + "/auth", "token_endpoint": base + "/token",
                "device_authorization_endpoint": base + "/device", "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            })
        if url.path != "/auth":
            return self.answer(404, {})
        wanted = {"response_type": "code", "client_id": "postroad", "code_challenge_method": "S256", "scope": "openid mail"}
        assert wanted.items() <= query.items(), query
        assert query["redirect_uri"].startswith("http://127.0.0.1:"), query
        back = {"state": query["state"], "iss": base}
        with lock:
            if is_in_mood("another"):
                back["iss"] = "https://id.another.test"
            if is_in_mood("nobody"):
                del back["iss"]
            if is_in_mood("deny"):
                back |= {"error": "access_denied", "error_description": "The user said no"}
            else:
                back["code"] = secrets.token_urlsafe(16)
                codes[back["code"]] = (query["code_challenge"], query["redirect_uri"])
        self.answer(302, {}, Location=query["redirect_uri"] + "?" + urllib.parse.urlencode(back))

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        log(f"POST {self.path} {form.get('grant_type', '-')}")
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        if form.get("client_id") != "postroad" or form.get("client_secret") != "not a secret":
            return self.answer(401, {"error": "invalid_client"})
        with lock:
            if self.path == "/device":
                code = secrets.token_urlsafe(16)
                devices[code] = ["authorization_pending"]
                return self.answer(200, {
                    "device_code": code, "user_code": "WDJB-MJHT", "verification_uri": base + "/type-it",
                    "expires_in": 300, "interval": 1,
                })
            self.answer(*self.granted(form))

    def granted(self, form):
        kind = form.get("grant_type")
        if kind == "authorization_code":
            challenge, redirect = codes.pop(form.get("code"), (None, None))
            hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            shown = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
            if challenge == shown and redirect == form.get("redirect_uri"):
                return 200, tokens()
        elif kind == "refresh_token" and form.get("refresh_token") in refreshes and not is_in_mood("revoked"):
            # Each is good for one use.
            refreshes.remove(form["refresh_token"])
            return 200, tokens()
        elif kind == "urn:ietf:params:oauth:grant-type:device_code" and form.get("device_code") in devices:
            waits = devices[form["device_code"]]
            return (400, {"error": waits.pop(0)}) if waits else (200, tokens())
        return 400, {"error": "invalid_grant", "error_description": "It is good no more"}


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
base = f"https://localhost:{server.server_port}"
print(server.server_port, flush=True)
server.serve_forever()
