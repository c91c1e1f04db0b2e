"""Asks for a mail program's settings, checks the files by schema, and logs in wherever they say.

settings.py --ca CA --schemas FOLDER --into FOLDER HTTP-PORT HTTPS-PORT DOMAIN USER PASSWORD
"""

import argparse
import http.client
import imaplib
import pathlib
import plistlib
import poplib
import smtplib
import ssl
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

parser = argparse.ArgumentParser()
for option in ["--ca", "--schemas", "--into"]:
    parser.add_argument(option, type=pathlib.Path, required=True)
for argument in ["http", "https"]:
    parser.add_argument(argument, type=int)
for argument in ["domain", "user", "password"]:
    parser.add_argument(argument)
options = parser.parse_args()
address = f"{options.user}@{options.domain}"
tls = ssl.create_default_context(cafile=options.ca)


def ask(host, path, body=None, inside_tls=True):
    if inside_tls:
        connection = http.client.HTTPSConnection(host, options.https, context=tls)
    else:
        connection = http.client.HTTPConnection(host, options.http)
    method = "GET" if body is None else "POST"
    connection.request(method, path, body, {"Content-Type": "text/xml"} if body else {})
    response = connection.getresponse()
    return response, response.read()


def valid(octets, schema):
    path = options.into / f"{schema}.xml"
    path.write_bytes(octets)
    subprocess.run(["xmllint", "--noout", "--nonet", "--relaxng", options.schemas / schema, path], check=True)
    return ElementTree.fromstring(octets)


def log_in(kind, host, port, at_once, user):
    kind = kind.lower()
    if kind == "imap":
        client = imaplib.IMAP4_SSL(host, port, ssl_context=tls) if at_once else imaplib.IMAP4(host, port)
        if not at_once:
            client.starttls(tls)
        client.login(user, options.password)
        client.logout()
    elif kind.startswith("pop"):
        client = poplib.POP3_SSL(host, port, context=tls) if at_once else poplib.POP3(host, port)
        if not at_once:
            client.stls(tls)
        client.user(user)
        client.pass_(options.password)
        client.quit()
    else:
        assert kind == "smtp", kind
        client = smtplib.SMTP_SSL(host, port, context=tls) if at_once else smtplib.SMTP(host, port)
        if not at_once:
            client.starttls(context=tls)
        client.login(user, options.password)
        client.quit()
    return kind, at_once


def thunderbird():
    kinds = set()
    for inside_tls in [True, False]:
        for host, path in [
            (f"autoconfig.{options.domain}", f"/mail/config-v1.1.xml?emailaddress={options.user}%40{options.domain}"),
            (f"mail.{options.domain}", "/.well-known/autoconfig/mail/config-v1.1.xml"),
        ]:
            response, octets = ask(host, path, inside_tls=inside_tls)
            assert response.status == 200, response.status
            root = valid(octets, "autoconfig.rng")
            assert [domain.text for domain in root.iter("domain")] == [options.domain]
            for server in [*root.iter("incomingServer"), *root.iter("outgoingServer")]:
                kinds.add(log_in(
                    server.get("type"),
                    server.findtext("hostname"),
                    int(server.findtext("port")),
                    {"SSL": True, "STARTTLS": False}[server.findtext("socketType")],
                    server.findtext("username").replace("%EMAILADDRESS%", address),
                ))
    assert kinds == {(kind, at_once) for kind in ["imap", "pop3", "smtp"] for at_once in [True, False]}, kinds


def outlook():
    space = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    question = f"""<?xml version="1.0" encoding="utf-8"?>
        <Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
          <Request>
            <EMailAddress>{address}</EMailAddress>
            <AcceptableResponseSchema>{space}</AcceptableResponseSchema>
          </Request>
        </Autodiscover>"""
    host = f"autodiscover.{options.domain}"
    response, octets = ask(host, "/Autodiscover/Autodiscover.xml", question)
    assert response.status == 200, response.status
    kinds = []
    for protocol in valid(octets, "autodiscover.rng").iter(f"{{{space}}}Protocol"):
        told = {field.tag.removeprefix(f"{{{space}}}"): field.text for field in protocol}
        at_once = {"SSL": True, "TLS": False}[told["Encryption"]]
        kinds.append(log_in(told["Type"], told["Server"], int(told["Port"]), at_once, told["LoginName"]))
    assert kinds == [("imap", True), ("pop3", True), ("smtp", True)], kinds
    for wrong in ["", question.replace(options.domain, "elsewhere.test"), question.replace("2006a", "2099")]:
        response, octets = ask(host, "/autodiscover/autodiscover.xml", wrong)
        root = valid(octets, "autodiscover.rng")
        assert any(element.tag.endswith("ErrorCode") for element in root.iter()), octets
    # Over HTTP it only says where to ask.
    response, octets = ask(host, "/autodiscover/autodiscover.xml", inside_tls=False)
    place = f"https://mail.{options.domain}:{options.https}/autodiscover/autodiscover.xml"
    assert (response.status, response.getheader("Location")) == (302, place), response.getheaders()


def apple():
    for path, named in [(f"/mobileconfig?emailaddress={address}", True), ("/mobileconfig", False)]:
        response, octets = ask(f"mail.{options.domain}", path)
        assert response.getheader("Content-Type").startswith("application/x-apple-aspen-config")
        profile = plistlib.loads(octets, fmt=plistlib.FMT_XML)
        (mail,) = profile["PayloadContent"]
        for payload, kind in [(profile, "Configuration"), (mail, "com.apple.mail.managed")]:
            assert (payload["PayloadType"], payload["PayloadVersion"]) == (kind, 1), payload
            assert payload["PayloadIdentifier"] and payload["PayloadDisplayName"], payload
            assert uuid.UUID(payload["PayloadUUID"]).variant == uuid.RFC_4122, payload
        assert mail["EmailAccountType"] == "EmailTypeIMAP"
        assert mail["OutgoingPasswordSameAsIncomingPassword"] is True
        assert mail.get("EmailAddress") == (address if named else None), mail
        for side, kind in [("Incoming", "imap"), ("Outgoing", "smtp")]:
            told = lambda key: mail.get(f"{side}MailServer{key}")
            assert told("Authentication") == "EmailAuthPassword" and told("UseSSL") is True, mail
            assert told("Username") == (address if named else None), mail
            log_in(kind, told("HostName"), told("PortNumber"), True, address)


thunderbird()
outlook()
apple()
