"""Prepares a relay for schemathesis: an app that is logged in, with contacts and a message of each kind. Prints its
credentials as variables of a shell. With `--token` only a new access token; with `--violations` checks that the simulator
has seen no request that WeChat would refuse."""

import base64
import gzip
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from harness import control, request

API, UIN = os.environ["API"], 1500000002
ASSETS = Path(__file__).parents[2] / "functions/src/api/endpoints/swagger-ui/README.md"
KINDS = [
    {"picture": {"width": 4, "height": 3}},
    {"voice": {"length_ms": 900}},
    {"video": {"seconds": 3}},
    "sticker",
    {"file": {"name": "报告.pdf"}},
    {"link": {"title": "标题", "url": "https://example.com/"}},
    {"card": {"nick_name": "名片", "alias": "ming", "province": "广东", "city": "深圳"}},
    {"location": {"latitude": "22.500000", "longitude": "114.000000", "label": "深圳", "poi_name": "公园"}},
    {"friend_request": {"person": {"nick_name": "新朋友"}, "words": "我是新朋友"}},
    {"recall": {"msg_id": "1", "notice": "小红撤回了一条消息"}},
    {"quote": {"text": "同意", "msg_id": "1", "sender": "小红", "quoted": "你好"}},
    {"post": {"articles": [{"title": "文章", "url": "https://example.com/a"}]}},
    {"system": {"text": "以上是打招呼的内容"}},
]


def call(path, method="GET", **headers):
    status, answer, _ = request(API + path, method, **headers)
    assert status < 300, (path, status, answer)
    return answer


def basic(app_id, app_secret):
    return "Basic " + base64.b64encode(f"{app_id}:{app_secret}".encode()).decode()


def token(app_id, app_secret):
    return call("/access-token", "POST", authorization=basic(app_id, app_secret))["access_token"]


def show(**variables):
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def documented():
    """`/docs` shows the document with files of this relay alone, which are those that were checked in."""
    page = call("/docs").decode()
    assert "//" not in page, page
    sums = set(re.findall(r"`([0-9a-f]{64})`", ASSETS.read_text(encoding="utf-8")))
    assets = re.findall(r'="(/docs/[^"]+)"', page)
    found = {hashlib.sha256(gzip.decompress(call(asset))).hexdigest() for asset in assets}
    assert found == sums, (found, sums)
    assert call("/openapi.json")["openapi"] == "3.1.0"


def logged_in():
    created = subprocess.run([*shlex.split(os.environ["RELAY"]), "app", "create", "contract", "--token", "token", "--json"],
                             check=True, capture_output=True)
    app = json.loads(created.stdout)
    control("accounts", {"uin": UIN, "nick_name": "我", "friends": 25, "groups": 2, "members_per_group": 30,
                         "official_accounts": 2, "named_friends": [{"nick_name": "小红"}]})
    secret = f"app_id={app['app_id']}&app_secret={app['app_secret']}"
    uuid = call(f"/login?{secret}")["uuid"]
    control("login", {"uuid": uuid, "uin": UIN})
    status = "408"
    while status != "200":
        status = call(f"/check-login?{secret}&uuid={uuid}&seen={status}&wait=20")["status"]
        assert status != "400", "the login has ended"
    control(f"accounts/{UIN}?wait=polling")
    return app


def written_to(bearer):
    friend = {"uin": UIN, "from": {"friend": "小红"}}
    control("push", [friend | {"text": "你好 😂"}, *[friend | {"kind": kind} for kind in KINDS],
                     friend | {"fields": {"MsgType": 9999, "Content": "未知"}}])
    control("push", [{"uin": UIN, "from": {"official_account": "official/0"}, "text": "公告"}])
    cursor, missing = "0", len(KINDS) + 3
    while missing > 0:
        answer = call(f"/messages?after={cursor}&wait=20", authorization=bearer)
        assert answer["results"], f"{missing} messages have not arrived"
        cursor, missing = answer["cursor"], missing - len(answer["results"])


def main():
    if sys.argv[1:] == ["--violations"]:
        found = control("violations?tolerated=false")["violations"]
        # User name and ticket of a friend request are the caller's own, and here they are made up.
        made_up = {("webwxverifyuser", "user_name_unknown"), ("webwxverifyuser", "verify_ticket")}
        found = [violation for violation in found if (violation["endpoint"], violation["rule"]) not in made_up]
        assert found == [], found
    elif sys.argv[1:] == ["--token"]:
        show(ACCESS_TOKEN=token(os.environ["APP_ID"], os.environ["APP_SECRET"]))
    else:
        documented()
        app = logged_in()
        access_token = token(app["app_id"], app["app_secret"])
        written_to(f"Bearer {access_token}")
        show(APP_ID=app["app_id"], APP_SECRET=app["app_secret"], ACCESS_TOKEN=access_token)


main()
