"""Keeps a mailbox busy: busy.py MAILDIR PROGRAM.

Until PROGRAM, a user agent of ours, has indexed all letters for a search of their texts: letters come in, other programs
mark letters, and letters are written and sent. Fails where one of these does. Says how many letters came, and how many
were sent.
"""

import json
import os
import subprocess
import sys
import time

MAILDIR, PROGRAM = sys.argv[1:]
BETWEEN = 0.01  # seconds
ONE_SENT_OF = 10

# Older than all others, so that the rows on the screen stay where they are.
LETTER = """From: Late <late@host.example>
To: me@local.example
Subject: number {number}
Date: Sat, 1 Jan 2000 10:00:00 +0000
Message-ID: <late{number}@host.example>

Words.
"""


def deliver(number):
    name = f"1600000000.M{number}P2.busy"
    path = os.path.join(MAILDIR, "tmp", name)
    with open(path, "x") as file:
        file.write(LETTER.format(number=number))
    os.rename(path, os.path.join(MAILDIR, "new", name))


def mark(name):
    path = os.path.join(MAILDIR, "cur", name)
    os.rename(path, path.replace(":2,", ":2,F"))


def send(number):
    words = [PROGRAM, "send", "--to", "you@sink.example", "--subject", f"number {number}"]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


names = sorted(name for name in os.listdir(os.path.join(MAILDIR, "cur")) if name.endswith(":2,S"))
search = subprocess.Popen([PROGRAM, "search", "~b 'quaggas of zzqx'"], stdout=subprocess.DEVNULL)
came, sending = 0, []
while search.poll() is None and came < len(names):
    deliver(came)
    mark(names[came])
    came += 1
    if came % ONE_SENT_OF == 0:
        sending.append(send(came))
    time.sleep(BETWEEN)
assert search.wait() == 0 and all(one.wait() == 0 for one in sending)
print(json.dumps({"came": came, "sent": len(sending)}))
