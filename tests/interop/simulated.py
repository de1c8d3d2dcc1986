"""Connects the Python clients to the simulator, and wraps its control API.

The clients are unmodified packages. Every `requests` session gets an adapter that redirects each
request for a WeChat host to the simulator and keeps the Host header.
"""

import contextlib
import io
import os
import sys
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

ORIGIN = os.environ["SIMULATOR"]
WECHAT = (".qq.com", ".wechat.com")


class ToSimulator(HTTPAdapter):
    def send(self, request, **options):
        parts = urlsplit(request.url)
        if parts.hostname.endswith(WECHAT):
            # Changes a copy, so that the client stores cookies for the original address.
            request = request.copy()
            request.headers["Host"] = parts.netloc
            home = urlsplit(ORIGIN)
            request.url = urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))
        return super().send(request, **options)


def point_at_simulator():
    adapter = ToSimulator(pool_connections=10, pool_maxsize=10)
    requests.Session.get_adapter = lambda self, url: adapter


def quiet():
    """Hides the block character that itchat prints when it is imported."""
    return contextlib.redirect_stdout(io.StringIO())


def control(path, body=None, **query):
    """Sends a POST if there is a body, otherwise a GET. Returns the JSON of the response."""
    address = f"{ORIGIN}/_sim/{path}" + ("?" + urlencode(query) if query else "")
    response = requests.get(address) if body is None else requests.post(address, json=body)
    response.raise_for_status()
    return response.json()


def uploaded(media_id):
    """Returns the bytes of a file that a client uploaded."""
    return requests.get(f"{ORIGIN}/_sim/uploads/{media_id}").content


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found!r}, wanted {wanted!r}")


def account(uin, **more):
    """Adds an account with names and groups that are hard for clients: entities, emoji, an unsaved group."""
    control("accounts", {
        "uin": uin,
        "nick_name": "小明 & 😄",
        "friends": 10,
        "groups": 2,
        "members_per_group": 60,
        "official_accounts": 1,
        "named_friends": [
            {"nick_name": "李雷 <3", "remark_name": "老李", "sex": 1, "province": "广东", "city": "深圳"},
            {"nick_name": "韩梅梅😂"},
        ],
        "named_groups": [{
            "nick_name": "家 & 友",
            "saved": False,
            "my_display_name": "明哥",
            "members": [
                {"nick_name": "李雷 <3"},
                {"nick_name": "三叔", "display_name": "叔叔", "city": "杭州"},
            ],
        }],
        **more,
    })
    return uin


def no_violations():
    """Fails if the client broke a rule. Returns the names of the broken rules that WeChat tolerates."""
    broken = control("violations", tolerated="false")["violations"]
    expect("violations", broken, [])
    tolerated = control("violations", tolerated="true")["violations"]
    return sorted({violation["rule"] for violation in tolerated})


def finish(client, checked, tolerated):
    print(f"{client}: {', '.join(checked)} … ok", flush=True)
    if tolerated:
        print(f"{client}: tolerated: {', '.join(tolerated)}", flush=True)
    sys.stdout.flush()
    # Exits at once, because the clients leave threads that wait in a long poll.
    os._exit(0)
