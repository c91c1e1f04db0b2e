"""Times a program of the full screen: what it shows, when, with how much memory, and how soon it answers keys.

frames.py TEXT UNTIL KEYS ORDER MEANWHILE COMMAND...

Starts the command in a terminal of 80 columns and 24 rows and prints one JSON object:

  frame_ms     from its exec to the first frame in which TEXT is seen
  complete_ms  from its exec to the first frame from then on in which UNTIL isn't seen; as frame_ms where that is empty
  anon_mib     its anonymous memory until then, the most that was seen
  key_ms       with KEYS above 0: from a key to what was drawn for it, the 99th of a hundred, for at most so many keys
  key_max_ms   the slowest
  keys         how many there were until complete_ms; with a MEANWHILE, as `["program", "word"]`, which is begun when the
               list is whole: until that ends, which has to end well
  order_ms     with an ORDER, as `ot=(threads`: from these keys, pressed when the list is whole, until what is behind `=` is seen

Keys are k and j in turn: the cursor goes a row up and down again, so it tells which drawing is whose. Then the program
is left by q.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

TEXT, UNTIL, KEYS, ORDER, MEANWHILE = sys.argv[1:6]
COMMAND = sys.argv[6:]
KEYS = int(KEYS)
COLUMNS, ROWS = 80, 24
PATIENCE = 900  # seconds
QUIT_PATIENCE = 60
LOOK_AT_MEMORY_EVERY = 0.02

SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[()*+][A-Za-z0-9]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>78cDEHM])")


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e6


class Screen:
    """As much of a terminal as tells what is shown: characters, places, and what is erased."""

    def __init__(self):
        self.rows = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.left = b""

    def has(self, text):
        return any(text in "".join(row) for row in self.rows)

    def take(self, octets):
        octets = self.left + octets
        at = 0
        while at < len(octets):
            if octets[at] == 0x1B:
                found = SEQUENCE.match(octets, at)
                if not found:
                    # The rest comes with the next octets; what never ends is let go.
                    if len(octets) - at < 64:
                        break
                    at += 1
                    continue
                self.obey(found[1])
                at = found.end()
                continue
            end = octets.find(b"\x1b", at)
            end = len(octets) if end < 0 else end
            self.write(octets[at:end].decode("utf-8", "replace"))
            at = end
        self.left = octets[at:]

    def write(self, text):
        for letter in text:
            if letter == "\r":
                self.column = 0
            elif letter == "\n":
                self.row = min(self.row + 1, ROWS - 1)
            elif letter == "\b":
                self.column = max(self.column - 1, 0)
            elif letter >= " ":
                if self.column < COLUMNS:
                    self.rows[self.row][self.column] = letter
                self.column += 1

    def obey(self, sequence):
        if not sequence.startswith(b"["):
            return
        numbers = [int(n) if n.isdigit() else 0 for n in sequence[1:-1].split(b";")]
        first = numbers[0]
        kind = sequence[-1:]
        if kind in b"Hf":
            second = numbers[1] if len(numbers) > 1 else 1
            self.row = min(max(first, 1), ROWS) - 1
            self.column = min(max(second, 1), COLUMNS) - 1
        elif kind == b"d":
            self.row = min(max(first, 1), ROWS) - 1
        elif kind == b"G":
            self.column = min(max(first, 1), COLUMNS) - 1
        elif kind == b"C":
            self.column += max(first, 1)
        elif kind == b"K" and first == 0:
            self.rows[self.row][self.column :] = [" "] * max(COLUMNS - self.column, 0)
        elif kind == b"J":
            self.rows = [[" "] * COLUMNS for _ in range(ROWS)]


class Program:
    def __init__(self):
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # Its size is set before anything is asked for it.
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.write(writing, f"{now()}".encode())
            os.execvpe(COMMAND[0], COMMAND, {**os.environ, "TERM": "xterm"})
        os.close(writing)
        self.began = float(os.read(reading, 64))
        os.close(reading)
        self.looked = 0
        self.anonymous = 0
        self.screen = Screen()
        self.seen = b""

    def since(self):
        return now() - self.began

    def look_at_memory(self):
        if time.monotonic() - self.looked < LOOK_AT_MEMORY_EVERY:
            return
        self.looked = time.monotonic()
        with open(f"/proc/{self.pid}/status") as status:
            kib = next((line.split()[1] for line in status if line.startswith("RssAnon:")), 0)
        self.anonymous = max(self.anonymous, int(kib) / 1024)

    def read(self, patience=LOOK_AT_MEMORY_EVERY):
        """What it has drawn, and when; nothing where it draws nothing for a while."""
        if not select.select([self.terminal], [], [], patience)[0]:
            self.look_at_memory()
            return b"", self.since()
        octets = os.read(self.terminal, 65536)
        at = self.since()
        assert octets, "it has ended"
        self.screen.take(octets)
        return octets, at

    def until_text(self):
        """Until the text has been written, wherever, in whatever colours."""
        text = TEXT.encode()
        while True:
            octets, at = self.read()
            self.seen = (self.seen + octets)[-65536:]
            if octets and text in SEQUENCE.sub(b"", self.seen).translate(None, b" \r\n"):
                return at
            assert at < PATIENCE * 1e3, self.shown()

    def is_complete(self):
        return not UNTIL or not self.screen.has(UNTIL)

    def until_complete(self, at):
        while not self.is_complete():
            octets, came = self.read()
            at = came if octets else at
            assert came < PATIENCE * 1e3, self.shown()
        self.looked = 0
        self.look_at_memory()
        return at

    def pressed(self, key, row):
        """Milliseconds until the cursor is in the row."""
        pressed = self.since()
        os.write(self.terminal, key)
        while True:
            octets, at = self.read()
            if octets and self.screen.row == row:
                return at - pressed
            assert at - pressed < PATIENCE * 1e3, (key, row, self.screen.row, self.shown())

    def keys(self, meanwhile):
        took = []
        rest = self.screen.row
        while len(took) < KEYS and meanwhile():
            took.append(self.pressed(b"k", rest - 1))
            took.append(self.pressed(b"j", rest))
        return sorted(took)

    def ordered(self):
        keys, wanted = ORDER.split("=")
        pressed = self.since()
        os.write(self.terminal, keys.encode())
        while True:
            octets, at = self.read()
            if octets and self.screen.has(wanted):
                return at - pressed
            assert at - pressed < PATIENCE * 1e3, self.shown()

    def shown(self):
        return "\n".join("".join(row).rstrip() for row in self.screen.rows)

    def leave(self):
        os.write(self.terminal, b"q")
        until = time.monotonic() + QUIT_PATIENCE
        try:
            while time.monotonic() < until and os.read(self.terminal, 65536):
                pass
        except OSError:
            pass  # The terminal is nobody's any more.
        if time.monotonic() >= until:
            os.kill(self.pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0, self.shown()


program = Program()
drawn = program.until_text()
figures = {"frame_ms": drawn}
if KEYS and MEANWHILE:
    program.until_complete(drawn)
    beside = subprocess.Popen(json.loads(MEANWHILE), stdout=subprocess.DEVNULL)
    took = program.keys(lambda: beside.poll() is None)
    assert beside.wait() == 0, MEANWHILE
elif KEYS:
    took = program.keys(lambda: not program.is_complete())
if KEYS:
    figures["keys"] = len(took)
    drawn = program.since()
    if took:
        figures["key_ms"] = took[min(len(took) * 99 // 100, len(took) - 1)]
        figures["key_max_ms"] = took[-1]
figures["complete_ms"] = program.until_complete(drawn)
if ORDER:
    figures["order_ms"] = program.ordered()
figures["anon_mib"] = program.anonymous
program.leave()
print(json.dumps(figures))
