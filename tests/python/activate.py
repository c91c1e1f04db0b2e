"""Starts a program as systemd does with socket activation.

activate.py NAME=ADDRESS... -- PROGRAM ARGUMENT...
ADDRESS is HOST:PORT, [HOST]:PORT or the path of a unix socket.
"""

import os
import socket
import sys

split = sys.argv.index("--")
names = []
for place, word in enumerate(sys.argv[1:split]):
    name, address = word.split("=", 1)
    names.append(name)
    if address.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
    else:
        host, port = address.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), int(port)))
    listener.listen(128)
    # Python's own descriptors begin at 3, too: first all are made, then moved.
    os.dup2(listener.detach(), 100 + place, inheritable=True)
for place in range(len(names)):
    os.dup2(100 + place, 3 + place, inheritable=True)
    os.close(100 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[split + 1], sys.argv[split + 1 :])
