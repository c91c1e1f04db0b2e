"""aerc, by the commands that a person types into it.

aerc.py HOME PORT PLAIN-PORT CA USER PASSWORD

Reads letter 1, flags 2, moves 3 and copies 5 into Archive, deletes 4. Waits for each with a second client, at PLAIN-PORT.
"""

import fcntl
import imaplib
import os
import pathlib
import pty
import re
import select
import struct
import sys
import termios
import time

home, port, plain_port, ca, user, password = sys.argv[1:]
home = pathlib.Path(home)
PATIENCE = 60  # seconds

settings = home / ".config/aerc"
settings.mkdir(parents=True)
accounts = settings / "accounts.conf"
accounts.write_text(
    f"[alice]\nsource = imaps://{user}:{password}@localhost:{port}\nfrom = Alice <alice@our.test>\n"
    "default = INBOX\ncache-headers = false\n"
)
accounts.chmod(0o600)
(settings / "aerc.conf").write_text(
    "[ui]\nmouse-enabled = false\nnew-message-bell = false\n[viewer]\npager = cat\n[filters]\ntext/plain = cat\n"
)
# Each key is what it is, and a colon begins a command.
(settings / "binds.conf").write_text("[messages]\n[view]\n[compose]\n$ex = :\n$noinherit = true\n")


class Terminal:
    """aerc, and what it has shown since something was typed."""

    def __init__(self):
        self.process, self.screen = pty.fork()
        if self.process == 0:
            environment = os.environ | {
                "HOME": str(home),
                "TERM": "vt100",
                "SSL_CERT_FILE": ca,
                "XDG_RUNTIME_DIR": str(home),
            }
            os.execvpe("aerc", ["aerc"], environment)
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.shown = b""

    def look(self):
        while select.select([self.screen], [], [], 0)[0]:
            try:
                self.shown += os.read(self.screen, 65536)
            except OSError:  # it has ended
                return

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not (met := condition()):
            assert time.monotonic() < end, f"{what}; aerc shows {self.text()!r}"
            self.look()
            time.sleep(0.05)
        return met

    def text(self):
        """Without spaces: those that are on the screen already aren't drawn."""
        return re.sub(rb"\x1b[\[\(][0-9;?]*[a-zA-Z]|\s|\x0f", b"", self.shown).decode(errors="replace")

    def until_shown(self, *texts):
        texts = [text.replace(" ", "") for text in texts]
        self.until(lambda: all(text in self.text() for text in texts), f"{texts} isn't shown")

    def type(self, command):
        self.look()
        self.shown = b""
        os.write(self.screen, f":{command}\r".encode())

    def ended(self):
        self.look()
        process, status = os.waitpid(self.process, os.WNOHANG)
        return process and [status]


def held(mailbox):
    with imaplib.IMAP4("localhost", int(plain_port)) as client:
        client.login(user, password)
        if client.select(mailbox, readonly=True)[0] != "OK":
            return {}
        _, lines = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        letters = {}
        for line in lines:
            if isinstance(line, tuple):
                flags = imaplib.ParseFlags(line[0])
                subject = line[1].decode().split("letter ")[1].strip()
                letters[int(subject)] = {flag.decode() for flag in flags} - {"\\Recent"}
        return letters


aerc = Terminal()
aerc.until_shown("letter 1", "letter 6")


# The newest is at the top, and has the number 0. What is taken away is below what follows, whose number stays so.
aerc.type("select 5")
aerc.type("view")
aerc.until_shown("this is 1")
aerc.type("close")
aerc.type("select 4")
aerc.type("flag")
aerc.until(lambda: "\\Flagged" in held("INBOX")[2], "letter 2 is not flagged")
aerc.type("select 3")
aerc.type("move -p Archive")
aerc.until(lambda: 3 not in held("INBOX") and 3 in held("Archive"), "letter 3 is not in Archive")
aerc.type("select 2")
aerc.type("delete")
aerc.until(lambda: 4 not in held("INBOX"), "letter 4 is still there")
aerc.type("select 1")
aerc.type("copy -p Archive")
aerc.until(lambda: 5 in held("Archive"), "letter 5 is not in Archive")
aerc.type("quit")
status = aerc.until(aerc.ended, "it does not end")
assert status == [0], status
