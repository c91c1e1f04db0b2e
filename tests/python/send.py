"""Sends files as messages, octet for octet, with Python's smtplib.

send.py [--tls starttls|implicit] [--ca FILE] [--user NAME --password SECRET] HOST PORT FROM TO FILE...
"%d" in FROM stands for the file's place in the row, from 0.
One line a file on standard output: the code and text of the reply to its data. Exits 1 where any was refused.
"""

import argparse
import smtplib
import ssl
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--tls", choices=["starttls", "implicit"])
parser.add_argument("--ca")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("sender")
parser.add_argument("recipient")
parser.add_argument("files", nargs="+")
args = parser.parse_args()

context = ssl.create_default_context(cafile=args.ca)
if args.tls == "implicit":
    client = smtplib.SMTP_SSL(args.host, args.port, timeout=60, context=context)
else:
    client = smtplib.SMTP(args.host, args.port, timeout=60)
if args.tls == "starttls":
    client.starttls(context=context)
client.ehlo_or_helo_if_needed()
if args.user:
    client.login(args.user, args.password)

refused = 0
for index, name in enumerate(args.files):
    with open(name, "rb") as file:
        octets = file.read()
    options = ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
    client.mail(args.sender.replace("%d", str(index)), options)
    code, text = client.rcpt(args.recipient)
    if code == 250:
        code, text = client.data(octets)
    if code != 250:
        refused += 1
        client.rset()
    print(code, text.decode(errors="replace").replace("\n", " "))
client.quit()
sys.exit(refused > 0)
