"""A mail program that is told of changes (RFC 2177) and keeps a list of its own, by what it is told alone.

idle.py PORT USER PASSWORD STOP

Idles; each letter that comes it answers (a flag). Where there is a file STOP it looks once more, and writes its list as
JSON: [[UID, SUBJECT, FLAGS], ...]. Whatever the server says that can't be is an error.
"""

import json
import pathlib
import re
import select
import socket
import sys

port, user, password, stop = sys.argv[1:]
stop = pathlib.Path(stop)
PATIENCE = 60  # seconds
LOOK_EVERY = 0.2


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("localhost", int(port)), timeout=PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.letters = []
        self.tags = 0
        self.exists = 0
        assert self.line().startswith(b"* OK")
        self.command(f"LOGIN {user} {password}")
        self.command("SELECT INBOX")
        self.fetch_new()

    def line(self):
        """A line, with the literals in it."""
        line = self.stream.readline()
        while literal := re.search(rb"\{(\d+)\}\r\n$", line):
            line += self.stream.read(int(literal[1])) + self.stream.readline()
        assert line, "the connection is closed"
        return line

    def send(self, text):
        self.tags += 1
        tag = f"t{self.tags}"
        self.socket.sendall(f"{tag} {text}\r\n".encode())
        return tag.encode()

    def command(self, text):
        self.until(self.send(text), text)

    def until(self, tag, text):
        while not (line := self.line()).startswith(tag + b" "):
            self.told(line)
        assert line.startswith(tag + b" OK"), (text, line)

    def told(self, line):
        if exists := re.match(rb"\* (\d+) EXISTS", line):
            # RFC 9051 7.4.1: only EXPUNGE makes it less.
            assert int(exists[1]) >= len(self.letters), line
            self.exists = int(exists[1])
        elif expunged := re.match(rb"\* (\d+) EXPUNGE", line):
            number = int(expunged[1])
            assert 1 <= number <= self.exists, line
            self.exists -= 1
            if number <= len(self.letters):
                del self.letters[number - 1]
        elif fetched := re.match(rb"\* (\d+) FETCH ", line):
            self.told_of(int(fetched[1]), line)
        else:
            harmless = rb"\* (OK|FLAGS|CAPABILITY|LIST|\d+ RECENT)\b|\+ "
            assert re.match(harmless, line), line

    def told_of(self, number, line):
        flags = re.search(rb"FLAGS \(([^)]*)\)", line)
        flags = sorted(set(flags[1].decode().split()) - {"\\Recent"}) if flags else None
        uid = re.search(rb"UID (\d+)", line)
        subject = re.search(rb"Subject: ([^\r]*)", line)
        assert number <= self.exists, line
        if number <= len(self.letters):
            letter = self.letters[number - 1]
            assert not uid or letter[0] == int(uid[1]), (letter, line)
            letter[2] = flags if flags is not None else letter[2]
        elif subject:
            assert number == len(self.letters) + 1 and uid and flags is not None, (self.letters, line)
            assert not self.letters or self.letters[-1][0] < int(uid[1]), (self.letters, line)
            self.letters.append([int(uid[1]), subject[1].decode(), flags])
        # Else it is about one that is fetched next.

    def fetch_new(self):
        """Gives the UIDs of letters that weren't known."""
        known = {uid for uid, _, _ in self.letters}
        while len(self.letters) < self.exists:
            first = max(known, default=0) + 1
            self.command(f"UID FETCH {first}:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [uid for uid, _, _ in self.letters if uid not in known]

    def idle(self):
        """Until it is told something, or is to stop."""
        tag = self.send("IDLE")
        while not (line := self.line()).startswith(b"+ "):
            self.told(line)
        seen = self.exists
        while not stop.exists() and self.exists == seen:
            # What is in the stream's buffer isn't seen by select; a server that says two lines at once says both.
            if select.select([self.socket], [], [], LOOK_EVERY)[0]:
                self.told(self.line())
        self.socket.sendall(b"DONE\r\n")
        self.until(tag, "IDLE")


client = Client()
print("ready", flush=True)
answered = 0
while not stop.exists():
    client.idle()
    for uid in client.fetch_new():
        # It may be gone again.
        client.command(f"UID STORE {uid} +FLAGS (\\Answered)")
        answered += 1
client.command("NOOP")
client.fetch_new()
client.command("NOOP")
print(json.dumps([answered, client.letters]))
