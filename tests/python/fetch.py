"""Fetches a mailbox with Python's poplib, octet for octet.

fetch.py [--tls stls|implicit] [--ca FILE] [--delete] HOST PORT USER SECRET FOLDER
Message n goes to FOLDER/n.eml; its UIDL is a line on standard output.
"""

import argparse
import pathlib
import poplib
import ssl

parser = argparse.ArgumentParser()
parser.add_argument("--tls", choices=["stls", "implicit"])
parser.add_argument("--ca")
parser.add_argument("--delete", action="store_true")
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("user")
parser.add_argument("secret")
parser.add_argument("folder", type=pathlib.Path)
args = parser.parse_args()

# Its own limit is 2048 octets; real messages have longer lines.
poplib._MAXLINE = 1 << 20

context = ssl.create_default_context(cafile=args.ca)
if args.tls == "implicit":
    client = poplib.POP3_SSL(args.host, args.port, timeout=60, context=context)
else:
    client = poplib.POP3(args.host, args.port, timeout=60)
if args.tls == "stls":
    client.stls(context=context)
client.user(args.user)
client.pass_(args.secret)
for number in range(1, client.stat()[0] + 1):
    _, lines, _ = client.retr(number)
    (args.folder / f"{number}.eml").write_bytes(b"".join(line + b"\r\n" for line in lines))
    print(client.uidl(number).decode().split()[2])
    if args.delete:
        client.dele(number)
client.quit()
