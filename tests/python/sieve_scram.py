"""Logs in to ManageSieve by SCRAM-SHA-256, whose messages gsasl writes and reads.

sieve_scram.py HOST PORT USER SECRET
Exits with 0 where the server let us in and proved that it knows the keys.
"""

import base64
import socket
import subprocess
import sys

host, port, user, secret = sys.argv[1:]
server = socket.create_connection((host, int(port)), timeout=60).makefile("rwb")
gsasl = subprocess.Popen(
    ["gsasl", "--client", "--quiet", "--no-cb", "--mechanism", "SCRAM-SHA-256",
     "--authentication-id", user, "--password", secret],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def until_done():
    lines = []
    while True:
        line = server.readline().decode().rstrip("\r\n")
        lines.append(line)
        if not line or line.startswith(("OK", "NO", "BYE")):
            return lines


def said():
    """The next string or response of the server's."""
    line = server.readline().decode().rstrip("\r\n")
    if line.startswith("{"):
        line = server.read(int(line[1:-1])).decode()
        server.readline()
        return line
    return line.strip('"')


def say(text):
    server.write(text.encode() + b"\r\n")
    server.flush()


greeting = until_done()
offered = next(line for line in greeting if line.startswith('"SASL"'))
assert "SCRAM-SHA-256" in offered and "PLUS" not in offered, offered
say('AUTHENTICATE "SCRAM-SHA-256"')
assert said() == ""
assert gsasl.stdout.readline().strip() == "SCRAM-SHA-256"
first = gsasl.stdout.readline().strip()
say(f'"{first}"')
while True:
    challenge = said()
    if challenge.startswith(("OK", "NO", "BYE")):
        break
    print("S:", base64.b64decode(challenge).decode())
    gsasl.stdin.write(challenge + "\n")
    gsasl.stdin.flush()
    if base64.b64decode(challenge).startswith(b"v="):
        # It has nothing to say to a right proof, and ends at a wrong one.
        assert gsasl.stdout.readline() == "\n", "the server's proof is wrong"
        say('""')
    else:
        say(f'"{gsasl.stdout.readline().strip()}"')
gsasl.kill()
print(challenge)
sys.exit(0 if challenge.startswith("OK") else 1)
