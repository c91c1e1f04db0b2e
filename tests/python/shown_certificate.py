"""Prints the certificate that a POP3 server shows: python3 shown_certificate.py pop3s|pop3 PORT"""

import poplib
import ssl
import sys

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
port = int(sys.argv[2])
if sys.argv[1] == "pop3s":
    server = poplib.POP3_SSL("127.0.0.1", port, context=context)
else:
    server = poplib.POP3("127.0.0.1", port)
    server.stls(context)
print(ssl.DER_cert_to_PEM_cert(server.sock.getpeercert(True)))
