"""Thunderbird, from an address and a password to a mailbox that mutt reads, too.

thunderbird.py FOLDER PICTURE

Runs where nothing but this host's loopback is reachable, and has well-known ports: `postroad up`, a screen that nobody
sees, and Thunderbird, whose windows it drives over Marionette. FOLDER is empty and ours; the last screen is in PICTURE.
"""

import base64
import fcntl
import imaplib
import json
import os
import pathlib
import smtplib
import socket
import struct
import subprocess
import sys
import time

PASSWORD = "correct-horse"
PATIENCE = 60  # seconds
DOMAIN = "example.test"
FOLDER = pathlib.Path(sys.argv[1])
PICTURE = pathlib.Path(sys.argv[2])

# Only what would ask questions, or look for other hosts. Settings aren't guessed: they are told, or there are none.
SETTINGS = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.auto_config.guess.enabled": False,
    "mailnews.auto_config_url": "",
    "mailnews.mx_service_url": "",
    "mailnews.start_page.enabled": False,
    "network.manage-offline-status": False,
    "offline.autoDetect": False,
}

# What each script of ours finds in Thunderbird's main window.
HELPERS = """
    function find(id, within = document) {
        let found = within.getElementById?.(id);
        for (const element of found ? [] : within.querySelectorAll("*")) {
            found = element.shadowRoot && find(id, element.shadowRoot);
            if (found) return found;
        }
        return found;
    }
    const pane = window.gTabmail?.currentAbout3Pane;
    const account = MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap");
    const root = account?.incomingServer.rootFolder;
    function row(subject) {
        for (let i = 0; i < (pane.gDBView?.rowCount ?? 0); i++)
            if (pane.gDBView.getMsgHdrAt(i).mime2DecodedSubject == subject) return i;
        return -1;
    }
"""


class Marionette:
    """What drives Thunderbird (firefox-source-docs: Marionette protocol, version 3)."""

    def __init__(self):
        self.socket = until(lambda: connected(2828), "Thunderbird has not come up")
        self.socket.settimeout(PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.last = 0
        self.receive()
        self.command("WebDriver:NewSession", {})
        self.command("Marionette:SetContext", {"value": "chrome"})

    def receive(self):
        digits = b""
        while (octet := self.stream.read(1)) != b":":
            assert octet.isdigit(), (digits, octet)
            digits += octet
        return json.loads(self.stream.read(int(digits)))

    def command(self, name, parameters):
        self.last += 1
        octets = json.dumps([0, self.last, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(octets), octets))
        _, number, error, result = self.receive()
        assert number == self.last and not error, (name, parameters, error)
        return result

    def run(self, script, *arguments, kind="WebDriver:ExecuteScript"):
        parameters = {"script": HELPERS + script, "args": arguments, "sandbox": "system"}
        return self.command(kind, parameters)["value"]

    def run_to_end(self, script, *arguments):
        """A script that calls its last argument when it is done."""
        return self.run(script, *arguments, kind="WebDriver:ExecuteAsyncScript")

    def until(self, script, what, *arguments):
        return until(lambda: self.run(script, *arguments), what)

    def picture(self, path):
        shot = self.command("WebDriver:TakeScreenshot", {"full": False, "hash": False})
        path.write_bytes(base64.b64decode(shot["value"]))

    # The dialogue that asks for a new account.

    def fill_in(self, field, text):
        self.until("return !!find(arguments[0])", f"there is no {field}", field)
        script = """
            const field = find(arguments[0]);
            field.focus();
            field.value = arguments[1];
            field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
        """
        self.run(script, field, text)

    def go_on(self, view):
        self.until("return find('forward')?.disabled === false", f"no way on to {view}")
        self.run("find('forward').click()")
        shown = "const view = find(arguments[0]); return view && !view.hidden"
        self.until(shown, f"{view} is not shown", view)

    # The mailbox.

    def select(self, subject):
        script = """
            const at = row(arguments[0]);
            if (at < 0) return false;
            pane.threadTree.selectedIndex = at;
            return pane.gDBView.numSelected == 1;
        """
        self.until(script, f"{subject} can't be selected", subject)

    def perform(self, command, *folder):
        script = """
            const to = arguments[1] && root.getChildNamed(arguments[1]);
            pane.commandController.doCommand(arguments[0], to);
        """
        self.run(script, command, *folder)

    def subjects(self, condition="true"):
        """Letters of the folder that is shown, whose header `h` meets a condition."""
        script = f"""
            const subjects = [];
            for (let i = 0; i < (pane.gDBView?.rowCount ?? 0); i++) {{
                const h = pane.gDBView.getMsgHdrAt(i);
                if ({condition}) subjects.push(h.mime2DecodedSubject);
            }}
            return subjects.sort();
        """
        return self.run(script)


def until(condition, what):
    """What a condition gives when it is met."""
    end = time.monotonic() + PATIENCE
    while not (met := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return met


def connected(port):
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None


def raise_loopback():
    """`ip link set lo up`, which not every system has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = 0x1 | 0x40
        request = struct.pack("16sh14x", b"lo", up_and_running)
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS, netdevice(7)


def start(name, *command, **options):
    """A program, with its log in FOLDER."""
    log = (FOLDER / f"{name}.log").open("w")
    options = {"stdout": log} | options
    return subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, **options)


def postroad():
    command = ["/mnt/postroad", "up", "--offset", "0", "--dir", FOLDER / "up", "--json"]
    command += ["--domain", DOMAIN, "--user", f"alice:{PASSWORD}"]
    up = start("up", *command, stdout=subprocess.PIPE)
    ready = json.loads(up.stdout.readline())
    assert ready["ports"]["http"] == 80 and ready["ports"]["imaps"] == 993, ready


def thunderbird():
    profile = FOLDER / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in SETTINGS.items()]
    (profile / "user.js").write_text("".join(lines))
    numbers, display = os.pipe()
    screen = ["Xvfb", "-displayfd", str(display), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    start("screen", *screen, pass_fds=[display])
    os.close(display)
    display = os.read(numbers, 16).decode().strip()
    home = FOLDER / "home"
    home.mkdir()
    environment = os.environ | {
        "DISPLAY": f":{display}",
        "HOME": str(home),
        "GDK_BACKEND": "x11",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        # It makes namespaces of its own, which not every container allows.
        "MOZ_DISABLE_CONTENT_SANDBOX": "1",
        "NO_AT_BRIDGE": "1",
    }
    command = ["thunderbird", "--no-remote", "--profile", profile]
    command += ["--marionette", "--remote-allow-system-access"]
    start("thunderbird", *command, env=environment)
    return Marionette()


def deliver(numbers):
    with smtplib.LMTP("127.0.0.1", 24) as client:
        for number in numbers:
            letter = (
                f"Subject: letter {number}\r\nFrom: Anna <anna@client.test>\r\nTo: alice@{DOMAIN}\r\n"
                f"Date: Sun, 29 Nov 2026 12:{number:02}:00 +0000\r\nMessage-ID: <{number}@client.test>\r\n\r\n"
                f"this is {number}\r\n"
            )
            client.sendmail("anna@client.test", [f"alice@{DOMAIN}"], letter)


def held(mailbox):
    """What a mailbox holds, as a third client sees it: flags (without those of Thunderbird's own) by subjects."""
    with imaplib.IMAP4("127.0.0.1", 143) as client:
        client.login("alice", PASSWORD)
        if client.select(mailbox, readonly=True)[0] != "OK":
            return {}
        _, lines = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        letters = {}
        for line in lines:
            if isinstance(line, tuple):
                flags = imaplib.ParseFlags(line[0])
                subject = line[1].decode().split(": ")[1].strip()
                letters[subject] = sorted(f.decode() for f in flags if f.startswith(b"\\") and f != b"\\Recent")
        return letters


def expect(mailbox, letters):
    try:
        until(lambda: held(mailbox) == letters, mailbox)
    except AssertionError:
        raise AssertionError(f"{mailbox} holds {held(mailbox)}, not {letters}") from None


def mutt(keys):
    """mutt at the same mailbox, by keys."""
    home = FOLDER / "mutt"
    home.mkdir(exist_ok=True)
    settings = home / "muttrc"
    settings.write_text(
        f'set imap_user=alice\nset imap_pass={PASSWORD}\nset folder="imaps://localhost/"\n'
        f'set certificate_file="{FOLDER}/up/tls/ca.pem"\nset ssl_force_tls=yes\nset confirmcreate=no\n'
        f'set confirmappend=no\nset quit=yes\nset wait_key=no\nset move=no\nset delete=yes\nset mbox_type=Maildir\n'
        f'push "{keys}<limit>~A<enter><sync-mailbox><quit>"\n'
    )
    settings.chmod(0o600)
    command = f"mutt -F {settings} -f imaps://localhost/INBOX"
    on_terminal = ["script", "--quiet", "--return", "--command", command, "/dev/null"]
    environment = os.environ | {"HOME": str(home), "TERM": "vt100"}
    done = subprocess.run(on_terminal, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout


def only(condition):
    return f"<limit>{condition}<enter>"


def set_up(client):
    """From an address and a password to an account: that it found our settings is all it can know of us."""
    client.run("window.openAccountHub('MAIL')")
    client.fill_in("realName", "Alice")
    client.fill_in("email", f"alice@{DOMAIN}")
    client.go_on("emailConfigFoundSubview")
    client.picture(PICTURE.with_name("thunderbird-found.png"))
    client.go_on("emailPasswordSubview")
    client.fill_in("password", PASSWORD)
    client.go_on("emailAddedSuccessSubview")
    client.run("find('forward').click()")
    told = client.run("""
        const servers = [account.incomingServer, MailServices.outgoingServer.defaultServer];
        const [incoming, outgoing] = servers;
        return [
            [incoming.hostname, incoming.port, incoming.socketType, incoming.username],
            [outgoing.serverURI.host, outgoing.serverURI.port, outgoing.socketType, outgoing.username],
        ];
    """)
    name, inside_tls, user = f"mail.{DOMAIN}", 3, f"alice@{DOMAIN}"
    assert told == [[name, 993, inside_tls, user], [name, 465, inside_tls, user]], told
    client.run("pane.displayFolder(root.getChildNamed('INBOX').URI)")


def cycle(client):
    """Reads 1, flags 2, moves 3, deletes 4 and looks for 5."""
    all_letters = [f"letter {number}" for number in range(1, 7)]
    until(lambda: client.subjects() == all_letters, "not all letters are listed")

    client.select("letter 1")
    text = """
        const message = pane.messageBrowser.contentWindow?.getMessagePaneBrowser?.();
        return !!message?.contentDocument?.body?.textContent.includes(arguments[0]);
    """
    client.until(text, "letter 1 is not shown", "this is 1")

    client.select("letter 2")
    client.until(text, "letter 2 is not shown", "this is 2")
    client.perform("cmd_markAsFlagged")
    client.run("root.createSubfolder('Archive', null)")
    client.until("return root.containsChildNamed('Archive')", "there is no Archive")
    client.select("letter 3")
    client.until(text, "letter 3 is not shown", "this is 3")
    client.perform("cmd_moveMessage", "Archive")
    until(lambda: "letter 3" not in client.subjects(), "letter 3 is still there")
    client.select("letter 4")
    client.until(text, "letter 4 is not shown", "this is 4")
    client.perform("cmd_delete")
    until(lambda: "letter 4" not in client.subjects(), "letter 4 is still there")
    # It shows the next letter then.
    client.select("letter 1")

    found = client.run_to_end("""
        const [text, done] = arguments;
        const search = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
        const term = search.createTerm();
        term.attrib = Ci.nsMsgSearchAttrib.Body;
        term.op = Ci.nsMsgSearchOp.Contains;
        const value = term.value;
        value.attrib = term.attrib;
        value.str = text;
        term.value = value;
        term.booleanAnd = true;
        search.appendTerm(term);
        // On the server: by SEARCH.
        search.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, root.getChildNamed("INBOX"));
        const hits = [];
        search.registerListener({
            onSearchHit: header => hits.push(header.mime2DecodedSubject),
            onSearchDone: () => done(hits),
            onNewSearch: () => {},
        });
        search.search(null);
    """, "this is 5")
    assert found == ["letter 5"], found

    expect("Archive", {"letter 3": ["\\Seen"]})
    expect("Trash", {"letter 4": ["\\Seen"]})
    until(lambda: set(held("INBOX")) == {"letter 1", "letter 2", "letter 5", "letter 6"}, "INBOX")
    letters = held("INBOX")
    assert letters["letter 1"] == ["\\Seen"] and letters["letter 2"] == ["\\Flagged", "\\Seen"], letters


def beside_mutt(client):
    """What Thunderbird has flagged mutt finds; what mutt does Thunderbird sees, though nobody asks it to look."""
    saved = FOLDER / "saved"
    mutt(
        only("~F") + f"<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{saved}<enter>"
        + only("~s letter.5") + "<flag-message>"
        + only("~s letter.6") + "<delete-message>"
        + only("~s letter.1") + "<save-message><kill-line>=Archive<enter>"
    )
    texts = [path.read_text() for path in saved.glob("*/*")]
    assert len(texts) == 1 and "this is 2" in texts[0], texts
    until(lambda: client.subjects() == ["letter 2", "letter 5"], "Thunderbird has not seen what is gone")
    until(lambda: client.subjects("h.isFlagged") == ["letter 2", "letter 5"], "Thunderbird has not seen the flag")
    deliver([7])
    until(lambda: "letter 7" in client.subjects(), "Thunderbird has not seen the new letter")
    client.run("pane.displayFolder(root.getChildNamed('Archive').URI)")
    until(lambda: client.subjects() == ["letter 1", "letter 3"], "Archive has not got letter 1")
    client.run("pane.displayFolder(root.getChildNamed('INBOX').URI)")
    client.select("letter 2")


def main():
    raise_loopback()
    postroad()
    deliver(range(1, 7))
    client = thunderbird()
    try:
        set_up(client)
        cycle(client)
        beside_mutt(client)
    finally:
        client.picture(PICTURE)


main()
