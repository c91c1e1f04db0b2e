"""Logs in to IMAP over STARTTLS with a token, by Python's imaplib, and prints what the server says to a wrong one.

imap_token.py CA PORT MECHANISM USER TOKEN
"""

import imaplib
import ssl
import sys

ca, port, mechanism, user, token = sys.argv[1:]
if mechanism == "XOAUTH2":
    message = f"user={user}\1auth=Bearer {token}\1\1"
else:
    message = f"n,a={user},\1host=localhost\1port={port}\1auth=Bearer {token}\1\1"
said = []


def answer(challenge):
    said.append(challenge.decode())
    # Behind the message a challenge says what is wrong with it (RFC 7628 §3.2.3).
    return message.encode() if len(said) == 1 else b"\1"


client = imaplib.IMAP4("localhost", int(port), timeout=60)
client.starttls(ssl_context=ssl.create_default_context(cafile=ca))
try:
    client.authenticate(mechanism, answer)
except imaplib.IMAP4.error as error:
    print(said, error)
    sys.exit(1)
client.select()
client.logout()
