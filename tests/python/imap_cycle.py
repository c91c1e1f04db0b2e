"""Goes once through all that a mail reader does over IMAP, with Python's imaplib.

imap_cycle.py [--tls starttls|implicit] [--ca FILE] [--compress] HOST PORT USER SECRET
The inbox holds letters with the subjects "letter 1" to "letter 6". Afterwards 1 is read, 2 flagged, 3 moved to Archive,
4 deleted, 5 copied to Archive, and a "letter 7" appended to "Entwürfe & Übriges/日本". Any surprise is an exception.
"""

import argparse
import imaplib
import re
import ssl
import time
import zlib

parser = argparse.ArgumentParser()
parser.add_argument("--tls", choices=["starttls", "implicit"])
parser.add_argument("--ca")
parser.add_argument("--compress", action="store_true")
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("user")
parser.add_argument("secret")
args = parser.parse_args()

# As each encoding of names has them (RFC 3501 §5.1.3, RFC 6855).
DRAFTS = "Entwürfe & Übriges.日本"
DRAFTS_UTF7 = b'"Entw&APw-rfe &- &ANw-briges.&ZeVnLA-"'
LETTER = "Subject: letter 7\r\nFrom: anna@client.test\r\n\r\nÜber {9}\r\nund {3+}\r\n".encode()


def connect():
    context = ssl.create_default_context(cafile=args.ca)
    if args.tls == "implicit":
        client = imaplib.IMAP4_SSL(args.host, args.port, ssl_context=context, timeout=60)
    else:
        client = imaplib.IMAP4(args.host, args.port, timeout=60)
    if args.tls == "starttls":
        ok(client.starttls(ssl_context=context))
    return client


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def number_of(client, subject):
    """The UID of a letter, found by what FETCH tells of all."""
    data = ok(client.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    for part in data:
        if isinstance(part, tuple) and part[1].strip() == f"Subject: {subject}".encode():
            return re.search(rb"UID (\d+)", part[0]).group(1).decode()
    raise AssertionError(f"no {subject} in {data}")


def flags_of(client, uid):
    data = ok(client.uid("FETCH", uid, "(FLAGS)"))
    return set(imaplib.ParseFlags(data[0])) - {rb"\Recent"}


def exists(client):
    """How many letters the server has told of since the last look."""
    return [int(number) for number in client.response("EXISTS")[1] if number is not None]


def deflate(client):
    """COMPRESS (RFC 4978), which imaplib doesn't know."""
    imaplib.Commands.setdefault("COMPRESS", ("AUTH", "SELECTED"))
    assert "COMPRESS=DEFLATE" in ok(client.capability())[0].decode().split()
    ok(client._simple_command("COMPRESS", "DEFLATE"))
    inflater, deflater = zlib.decompressobj(-15), zlib.compressobj(wbits=-15)
    sock, came = client.socket(), bytearray()

    def taken(octets):
        taken = bytes(came[:octets])
        del came[:octets]
        return taken

    def fill():
        octets = sock.recv(4096)
        came.extend(inflater.decompress(octets))
        return octets

    def read(octets):
        while len(came) < octets and fill():
            pass
        return taken(octets)

    def readline():
        while b"\n" not in came and fill():
            pass
        return taken(came.index(b"\n") + 1 if b"\n" in came else len(came))

    def send(octets):
        sock.sendall(deflater.compress(octets) + deflater.flush(zlib.Z_SYNC_FLUSH))

    client.read, client.readline, client.send = read, readline, send
    status, answer = client._simple_command("COMPRESS", "DEFLATE")
    assert status == "NO" and answer[0].startswith(b"[COMPRESSIONACTIVE]"), answer


def read_and_flag(client):
    count = int(ok(client.select("INBOX"))[0])
    assert count == 6, count
    uid = number_of(client, "letter 1")
    data = ok(client.uid("FETCH", uid, "(RFC822 RFC822.SIZE ENVELOPE BODYSTRUCTURE)"))
    whole = data[0][1]
    assert whole.endswith(b"\r\nthis is 1\r\n"), whole
    told = b"".join(b"".join(part) if isinstance(part, tuple) else part for part in data)
    assert f"RFC822.SIZE {len(whole)}".encode() in told, told
    assert b'"letter 1"' in told and b'("TEXT" "PLAIN"' in told.upper(), told
    date = ok(client.uid("FETCH", uid, "(INTERNALDATE)"))
    assert imaplib.Internaldate2tuple(date[0]) is not None, date
    assert flags_of(client, uid) == {rb"\Seen"}
    ok(client.uid("STORE", number_of(client, "letter 2"), "+FLAGS", r"(\Flagged $Work)"))
    assert flags_of(client, number_of(client, "letter 2")) == {rb"\Flagged", b"$Work"}
    ok(client.uid("STORE", number_of(client, "letter 2"), "-FLAGS.SILENT", "($Work)"))
    ok(client.uid("FETCH", number_of(client, "letter 6"), "(BODY.PEEK[TEXT])"))


def copy_move_delete(client):
    ok(client.create("Archive"))
    status, answer = client.uid("COPY", number_of(client, "letter 5"), "Nowhere")
    assert status == "NO" and b"TRYCREATE" in answer[0], answer
    ok(client.uid("COPY", number_of(client, "letter 5"), "Archive"))
    imaplib.Commands.setdefault("MOVE", ("SELECTED",))
    ok(client.uid("MOVE", number_of(client, "letter 3"), "Archive"))
    ok(client.uid("STORE", number_of(client, "letter 4"), "+FLAGS", r"(\Deleted)"))
    # The one that was moved, and then this one.
    assert ok(client.expunge()) == [b"3", b"3"]
    assert ok(client.status("Archive", "(MESSAGES UNSEEN)")) == [b"Archive (MESSAGES 2 UNSEEN 2)"]
    assert int(ok(client.select("INBOX"))[0]) == 4


def append_and_list(client):
    ok(client.create(DRAFTS_UTF7.decode()))
    ok(client.append(DRAFTS_UTF7.decode(), r"(\Draft \Seen)", imaplib.Time2Internaldate(1e9), LETTER))
    names = ok(client.list())
    assert any(line.endswith(DRAFTS_UTF7) for line in names), names
    ok(client.subscribe(DRAFTS_UTF7.decode()))
    names = ok(client.lsub())
    assert any(line.endswith(DRAFTS_UTF7) for line in names), names
    ok(client.select(DRAFTS_UTF7.decode(), readonly=True))
    data = ok(client.fetch("1", "(INTERNALDATE FLAGS BODY.PEEK[])"))
    assert data[0][1] == LETTER, data
    assert time.mktime(imaplib.Internaldate2tuple(data[0][0])) == 1e9, data
    ok(client.unselect())
    ok(client.enable("UTF8=ACCEPT"))
    names = ok(client.list())
    assert any(line.endswith(f'"{DRAFTS}"'.encode()) for line in names), names
    ok(client.select(f'"{DRAFTS}"'))
    ok(client.close())


def idle(client, other):
    """News while one waits: a letter, a flag, and a letter that goes."""
    ok(client.select("INBOX"))
    ok(other.select("INBOX"))
    tag = client._new_tag()
    client.send(tag + b" IDLE\r\n")
    assert client.readline().startswith(b"+")
    ok(other.append("INBOX", None, None, LETTER))
    wait_for(client, rb"\* 5 EXISTS")
    ok(other.noop())
    ok(other.store("5", "+FLAGS", r"(\Answered)"))
    wait_for(client, rb"\* 5 FETCH .*\\Answered")
    ok(other.store("5", "+FLAGS.SILENT", r"(\Deleted)"))
    wait_for(client, rb"\* 5 FETCH .*\\Deleted")
    ok(other.expunge())
    wait_for(client, rb"\* 5 EXPUNGE")
    client.send(b"DONE\r\n")
    wait_for(client, re.escape(tag) + b" OK")
    ok(client.noop())


def notified(client, other):
    """News that come by themselves (NOTIFY, RFC 5465), of the mailbox that is open and of another one."""
    imaplib.Commands.setdefault("NOTIFY", ("AUTH", "SELECTED"))
    events = "(MessageNew MessageExpunge FlagChange)"
    ok(client._simple_command("NOTIFY", f"SET (SELECTED {events}) (mailboxes Archive {events})"))
    ok(other.append("INBOX", None, None, LETTER))
    wait_for(client, rb"\* 5 EXISTS")
    ok(other.store("5", "+FLAGS", r"(\Deleted)"))
    wait_for(client, rb"\* 5 FETCH .*\\Deleted")
    ok(other.expunge())
    wait_for(client, rb"\* 5 EXPUNGE")
    ok(other.append("Archive", None, None, LETTER))
    wait_for(client, rb"\* STATUS Archive \(MESSAGES 3 ")
    ok(other.select("Archive"))
    ok(other.store("3", "+FLAGS", r"(\Deleted)"))
    ok(other.expunge())
    wait_for(client, rb"\* STATUS Archive \(MESSAGES 2 ")
    ok(client._simple_command("NOTIFY", "NONE"))


def wait_for(client, pattern):
    while True:
        line = client.readline()
        assert line, "the connection is closed"
        if re.match(pattern, line):
            return


client, other = connect(), connect()
if args.tls is None:
    ok(client.login(args.user, args.secret))
else:
    ok(client.authenticate("PLAIN", lambda _: f"\0{args.user}\0{args.secret}".encode()))
if args.compress:
    deflate(client)
ok(other.login(args.user, args.secret))
try:
    other.select("Nowhere")
    ok(other.fetch("1", "FLAGS"))
    raise AssertionError("a mailbox that isn't there was opened")
except imaplib.IMAP4.error:
    pass
read_and_flag(client)
copy_move_delete(client)
append_and_list(client)
idle(client, other)
notified(client, other)
client.logout()
other.logout()
