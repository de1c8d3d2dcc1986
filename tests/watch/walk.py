"""Calls every endpoint of a relay whose functions run elsewhere, through a login, messages in both directions and a
logout. Prints each check that fails, and how many passed."""

import json
import os
import queue
import re
import shlex
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import control, create_signature, request

FUNCTIONS = os.environ["FUNCTIONS"]
RELAY = shlex.split(os.environ["RELAY"])
# The output of `cargo run -p local --example endpoints`.
with open(os.environ["ENDPOINTS"], encoding="utf-8") as file:
    ENDPOINTS = json.load(file)
TOKEN, UIN = "walk-token", 1500000001
received = queue.Queue()
# The paths that were requested from the functions.
called = set()
passed, failed = 0, 0


class Callback(BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received.put((dict(self.headers), message))
        text = {"msg_type": "text", "text": "收到: " + message["content"]["text"]}
        reply = json.dumps(text).encode() if message["type"] == "Text" else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *arguments):
        pass


def call(path, method="GET", body=None, **headers):
    """A request to the functions."""
    called.add(urllib.parse.urlsplit(path).path)
    return request(FUNCTIONS + path, method, body, **headers)


def check(what, found, wanted):
    global passed, failed
    if found == wanted:
        passed += 1
    else:
        failed += 1
        print(f"{what}: found {found!r}, wanted {wanted!r}", flush=True)


class Program:
    """A program that calls the API for an app."""

    def __init__(self, app):
        self.credentials = {"app_id": app["app_id"], "app_secret": app["app_secret"]}

    def secret(self, path, method="GET", **params):
        return self.send(path, method, params, {})

    def signed(self, path, method="GET", body=None, **params):
        timestamp = str(int(time.time()))
        return self.send(path, method, params, {
            "timestamp": timestamp, "signature": create_signature(TOKEN, timestamp)}, body)

    def send(self, path, method, params, more, body=None):
        headers = params.pop("headers", {})
        query = urllib.parse.urlencode(self.credentials | more | params)
        return call(f"{path}?{query}", method, body, **headers)

    def samples(self, online, values):
        """Sends the sample of every endpoint that needs this state, and checks the fields of the response. `values` stand
        for the words in braces."""
        def fill(text):
            for word, value in values.items():
                text = text.replace("{" + word + "}", value)
            return text

        for endpoint in ENDPOINTS:
            sample = endpoint["sample"]
            if sample["online"] != online:
                continue
            path, params = fill(sample["path"]), dict(urllib.parse.parse_qsl(fill(sample["query"])))
            if sample["auth"] == "none":
                status, answer, _ = call(path, sample["method"])
            else:
                status, answer, _ = getattr(self, sample["auth"])(path, sample["method"], **params)
            # Without fields the answer is no JSON; a redirect was followed.
            if not sample["fields"]:
                check(f"sample of {endpoint['binary']}", status, 200)
                continue
            # The OpenAPI document has no `success`.
            own = [] if "openapi" in sample["fields"] else ["success"]
            check(f"sample of {endpoint['binary']}", (status in (200, 202), answer.get("success", True), sorted(answer)),
                  (True, True, sorted([*sample["fields"], *own])))


def never_called():
    """The paths of the endpoints that match no request."""
    for path in sorted(path for endpoint in ENDPOINTS for path in endpoint["paths"]):
        pattern = re.sub(r"\\{\\\*\w+\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", pattern)
        if not any(re.fullmatch(f"{pattern}/?", one) for one in called):
            yield path


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{server.server_port}/callback"
    made = subprocess.run([*RELAY, "app", "create", "walk", "--token", TOKEN, "--callback", callback, "--json"],
                          check=True, capture_output=True)
    program = Program(json.loads(made.stdout))
    control("accounts", {"uin": UIN, "nick_name": "我", "friends": 25, "groups": 1, "members_per_group": 4,
                         "official_accounts": 1, "named_friends": [{"nick_name": "小红"}]})

    # Without credentials.
    status, root, _ = call("/")
    check("/", (status, root["name"], root["console"]), (200, "wechat-relay", None))
    status, page, headers = call(root["docs"].removeprefix(FUNCTIONS))
    check("/ links to /docs", (status, headers["content-type"].split(";")[0], b"<html" in page),
          (200, "text/html", True))
    for asset in re.findall(rb'="(/docs/[^"]+)"', page):
        status, _, headers = call(asset.decode())
        check(asset, (status, headers["content-encoding"]), (200, "gzip"))
    _, page, _ = call("/", accept="text/html")
    missing = [path for endpoint in ENDPOINTS for path in endpoint["paths"] if f" {path}</code>".encode() not in page]
    check("endpoints that the page lacks", missing, [])

    # From the QR code to the login, as a program, a browser and an image viewer see it.
    status, login, _ = program.secret("/login")
    check("/login", (status, login["status"]), (202, "0"))
    _, page, headers = program.secret("/login", headers={"accept": "text/html"})
    check("/login as a page", (headers["content-type"].split(";")[0], b"<html" in page), ("text/html", True))
    _, image, headers = program.secret("/login/", headers={"accept": "image/png"})
    check("/login as a picture", (headers["content-type"], image[:4]), ("image/png", b"\x89PNG"))
    uuid = login["uuid"]
    check("/check-login", program.secret("/check-login", uuid=uuid)[1]["status"], "408")
    check("offline /send", program.signed("/send", "POST", {"msg_type": "text", "puid": "00000000", "text": "x"})[0], 404)
    control("login", {"uuid": uuid, "uin": UIN})
    status, standing, _ = program.secret("/check-login", uuid=uuid, seen="408", wait="20")
    if standing["status"] == "201":
        status, standing, _ = program.secret("/check-login", uuid=uuid, seen="201", wait="20")
    check("/check-login in the end", (status, standing["status"], standing["alive"]), (200, "200", True))
    control(f"accounts/{UIN}?wait=polling")

    # Lists, by signature and by access token.
    status, friends, _ = program.signed("/friends", page=2)
    check("/friends", (status, friends["count"], len(friends["results"])), (200, 27, 7))
    check("/friends links", friends["previous"].split("?")[0], f"{FUNCTIONS}/friends")
    check("/access_token", program.secret("/access_token", "POST")[0], 200)
    status, token, _ = program.secret("/access-token", "POST")
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    for path in ["/firends", "/friends/", "/groups", "/mps"]:
        status, answer, _ = call(path, **bearer)
        check(path, (status, answer["success"]), (200, True))
    group = call("/groups", **bearer)[1]["results"][0]["puid"]
    members = call(f"/members/{group}", **bearer)
    check("/members", (members[0], members[1]["count"]), (200, 4))
    check("/members of an unknown group", call("/members/00000000/", **bearer)[0], 404)
    status, session, _ = call("/session", **bearer)
    check("/session", (status, session["state"], session["user"]["nick_name"]), (200, "online", "我"))

    # In: to the callback by the dispatcher, and its reply back into the chat.
    control("push", {"uin": UIN, "from": {"friend": "小红"}, "text": "你好"})
    headers, message = received.get(timeout=60)
    check("callback", (message["type"], message["content"]["text"]), ("Text", "你好"))
    check("webhook-id", headers["webhook-id"].startswith("msg_"), True)
    sent = control(f"sent?uin={UIN}&at_least=1")["sent"]
    check("reply", [(one["to_name"], one["text"]) for one in sent], [("小红", "收到: 你好")])

    # Out.
    puid = message["send_user"]
    text = {"msg_type": "text", "puid": puid, "text": "666"}
    status, job, _ = program.signed("/send", "POST", text, wait="20")
    check("/send", (status, job["status"], {name: job[name] for name in text}), (200, "sent", text))
    check("/send/<id>", call(f"/send/{job['id']}", **bearer)[1]["status"], "sent")
    check("/send to an unknown contact", program.signed("/send", "POST", text | {"puid": "00000000"})[0], 404)
    status, history, _ = call(f"/message?chat={puid}", **bearer)
    check("/message", [row["content"]["text"] for row in history["results"]], ["666", "收到: 你好", "你好"])
    check("/messages/", call("/messages/?type=Text", **bearer)[1]["count"], 3)
    # A friend request, for those that accept one.
    control("push", {"uin": UIN, "from": {"special": "fmessage"},
                     "kind": {"friend_request": {"person": {"nick_name": "新朋友"}, "words": "你好"}}})
    _, asked = received.get(timeout=60)
    check("friend request", asked["type"], "Friends")
    values = {"friend": puid, "group": group, "job": job["id"], "ticket": asked["content"]["ticket"]}
    program.samples(True, values)

    # Errors.
    status, answer, headers = call("/friends", "DELETE", **bearer)
    check("405", (status, answer["code"], headers["allow"]), (405, "method_not_allowed", "GET,HEAD"))
    status, answer, _ = call("/friends")
    check("401", (status, answer["code"]), (401, "unauthorized"))

    status, answer, _ = program.signed("/logout", "POST")
    check("/logout", (status, answer["state"]), (200, "offline"))
    check("account at WeChat", control("accounts")["accounts"][0]["online"], False)
    program.samples(False, values)
    check("violations", control("violations?tolerated=false")["violations"], [])
    check("paths that were never called", list(never_called()), [])
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(failed != 0)


main()
