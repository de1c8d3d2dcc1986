"""A program of the predecessor: it knows the relay from the predecessor's README alone, and uses the standard library. It
logs in, lists friends, groups and members, sends each kind of message, answers messages that it is called back with, and
reads the history with filters.

The simulator is its phone: it scans the QR code, writes messages, and shows what has been sent."""

import hashlib
import json
import os
import queue
import re
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELAY, SIMULATOR = os.environ["RELAY_API"], os.environ["SIMULATOR"]
APP_ID, APP_SECRET, TOKEN = os.environ["APP_ID"], os.environ["APP_SECRET"], os.environ["TOKEN"]
UIN = 1500000003
PICTURE = (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
           b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82")
FILES = {"/picture.png": PICTURE, "/report.txt": "报告\n".encode() * 1000,
         "/film.mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(5000)}
# A file of each kind of media.
MEDIA = {"image": "/picture.png", "file": "/report.txt", "video": "/film.mp4"}

received, replies = queue.Queue(), queue.Queue()


# As the README has it.
def create_signature(token: str, timestamp: str, reverse=False):
    data = [token, timestamp]
    data.sort(reverse=reverse)
    key = ''.join(data)
    return hashlib.sha1(key.encode()).hexdigest()


class Program(BaseHTTPRequestHandler):
    """The URL that the app was made with, and the files that it sends."""

    def do_POST(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        signed = query.get("signature") == create_signature(TOKEN, query.get("timestamp", ""))
        received.put((signed, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.answer(json.dumps(replies.get(timeout=30)).encode(), "application/json")

    def do_GET(self):
        self.answer(FILES[self.path], "application/octet-stream")

    def do_HEAD(self):
        self.do_GET()

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def phone(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    address = urllib.request.Request(f"{SIMULATOR}/_sim/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(address, timeout=60) as response:
        return json.load(response)


def signed():
    timestamp = str(int(time.time()))
    return {"app_id": APP_ID, "app_secret": APP_SECRET,
            "timestamp": timestamp, "signature": create_signature(TOKEN, timestamp)}


def fetch(address, form=None):
    data = None if form is None else urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(address, data, timeout=60) as response:
        answer = json.load(response)
    expect(f"success of {address}", answer["success"], True)
    return answer


def get(path, **params):
    return fetch(f"{RELAY}{path}?{urllib.parse.urlencode(signed() | params)}")


def pages(path, **params):
    """The rows of all pages."""
    page, rows = get(path, **params), []
    while True:
        rows += page["results"]
        if page["next"] is None:
            expect(f"count of {path}", len(rows), page["count"])
            return rows
        page = fetch(page["next"])


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found!r}, wanted {wanted!r}")


def expect_form(row, form):
    """The fields of a row, with what each must look like: a pattern of its JSON."""
    for name, pattern in form.items():
        if not re.fullmatch(pattern, json.dumps(row[name], ensure_ascii=False)):
            raise SystemExit(f"{name} of {row}: wanted {pattern}")


PUID, TIME, TEXT = r'"[0-9a-f]{8,}"', r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?"', r'".+"'
PLAIN, MAYBE = r'"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"', r'null|".*"'
FRIEND = {"puid": PUID, "insert_time": TIME, "update_time": TIME, "name": TEXT, "nick_name": TEXT, "user_name": r'"@.+"',
          "remark_name": MAYBE, "avatar": r'"/media/image/avatar/[0-9a-f]+\.jpg"', "signature": MAYBE, "sex": "null|[012]",
          "province": MAYBE, "city": MAYBE, "is_friend": "true|false", "friend": "true|false", "owner": PUID}
GROUP = {"puid": PUID, "member_count": r"\d+", "insert_time": TIME, "update_time": TIME, "name": TEXT, "nick_name": TEXT,
         "user_name": r'"@@.+"', "avatar": r'"/media/image/avatar/[0-9a-f]+\.jpg"', "owner": PUID}
MESSAGE = {"id": r"-?\d+", "insert_time": TIME, "update_time": TIME, "type": r'"[A-Z][a-z]+"', "is_at": "null|true|false",
           "send_user": f"null|{PUID}", "send_group": f"null|{PUID}", "maps": f"null|{PUID}", "receiver": f"null|{PUID}",
           "receiver_group": f"null|{PUID}", "owner": PUID}
CONTENT = {"id": r"\d+", "insert_time": TIME, "update_time": TIME, "message": r"-?\d+"}


def log_in():
    """`/login` answers once there is a QR code; the phone scans it."""
    fetch(f"{RELAY}/login?{urllib.parse.urlencode({'app_id': APP_ID, 'app_secret': APP_SECRET})}")
    uuid = phone("uuids?n=1")["uuid"]
    phone("login", {"uuid": uuid, "uin": UIN})
    phone(f"accounts/{UIN}?wait=polling")


def sent(number):
    return phone(f"sent?uin={UIN}&at_least={number}")["sent"][number - 1]


def written(body):
    """A message that a friend writes, as the relay calls back with it."""
    phone("push", {"uin": UIN, "from": {"friend": "小红"}} | body)
    is_signed, message = received.get(timeout=60)
    expect("the callback's signature", is_signed, True)
    expect_form(message, MESSAGE | {"create_time": TIME, "receive_time": TIME})
    expect_form(message["content"], CONTENT)
    expect("message of the content", message["content"]["message"], message["id"])
    return message


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["CALLBACK_PORT"])), Program)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = f"http://127.0.0.1:{server.server_port}"
    phone("accounts", {"uin": UIN, "nick_name": "我", "friends": 45, "groups": 2, "members_per_group": 30,
                       "official_accounts": 1, "named_friends": [{"nick_name": "小红", "sex": 2, "city": "深圳"}]})
    log_in()

    friends = pages("/firends")
    # The account itself is among its friends, as in the README.
    expect("friends", len(friends), 47)
    for friend in friends:
        expect_form(friend, FRIEND)
    owner = friends[0]["owner"]
    puid = next(friend["puid"] for friend in friends if friend["nick_name"] == "小红")
    groups = pages("/groups")
    expect("groups", len(groups), 2)
    for group in groups:
        expect_form(group, GROUP)
    members = pages(f"/members/{groups[0]['puid']}")
    expect("members", len(members), groups[0]["member_count"])
    for member in members:
        expect_form(member, FRIEND)

    text = {"msg_type": "text", "puid": puid, "text": "666"}
    answer = fetch(f"{RELAY}/send?{urllib.parse.urlencode(signed())}", text)
    expect("echo", {name: answer[name] for name in text}, text)
    expect("text at WeChat", (sent(1)["to_name"], sent(1)["text"]), ("小红", "666"))
    to_group = {"msg_type": "text", "puid": groups[1]["puid"], "group": "True", "text": "大家好"}
    fetch(f"{RELAY}/send?{urllib.parse.urlencode(signed())}", to_group)
    expect("text in a group", sent(2)["text"], "大家好")
    number = 2
    for kind, path in MEDIA.items():
        media = {"msg_type": kind, "puid": puid, "url": files + path}
        answer = fetch(f"{RELAY}/send?{urllib.parse.urlencode(signed())}", media)
        expect("echo", {name: answer[name] for name in media}, media)
        number += 1
        expect(f"{kind} at WeChat", uploaded(sent(number)), FILES[path])

    replies.put({"msg_type": "text", "text": "收到"})
    message = written({"text": "测试"})
    expect("callback", (message["type"], message["content"]["text"], message["send_user"], message["receiver"]),
           ("Text", "测试", puid, owner))
    number += 1
    expect("reply", (sent(number)["to_name"], sent(number)["text"]), ("小红", "收到"))
    for kind, path in MEDIA.items():
        replies.put({"msg_type": kind, "url": files + path})
        written({"text": f"请发 {kind}"})
        number += 1
        expect(f"{kind} as a reply", uploaded(sent(number)), FILES[path])
    replies.put({})
    expect("picture", written({"kind": {"picture": {"width": 4, "height": 3}}})["type"], "Picture")

    history = pages("/message")
    for row in history:
        expect_form(row, MESSAGE | {"create_time": PLAIN, "receive_time": PLAIN})
        expect_form(row["content"], CONTENT)
    first = next(row for row in history if row["id"] == message["id"])
    for name in ["type", "create_time", "receive_time", "send_user", "receiver"]:
        rows = pages("/message", **{name: first[name]})
        expect(f"the message by {name}", message["id"] in [row["id"] for row in rows], True)
        expect(f"messages by {name}", {row[name] for row in rows}, {first[name]})
    expect("messages of a group", pages("/message", send_group=groups[0]["puid"]), [])
    expect("messages to a group", [row["content"]["text"] for row in pages("/message", receiver_group=groups[1]["puid"])],
           ["大家好"])
    expect("messages of an official account", pages("/message", maps="00000000"), [])
    expect("violations", phone("violations?tolerated=false")["violations"], [])
    print(f"readme: login, {len(friends)} friends, groups, members, {number} sent, replies, "
          f"{len(history)} messages … ok", flush=True)


def uploaded(message):
    """The bytes of a message that WeChat has taken."""
    with urllib.request.urlopen(f"{SIMULATOR}/_sim/uploads/{message['media_id']}", timeout=60) as response:
        return response.read()


main()
