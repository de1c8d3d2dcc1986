"""The simulator as the Python clients see it, and its control API.

The clients are installed packages, untouched. They are pointed at the simulator from outside: every
requests session gets an adapter that takes what is addressed to a WeChat host to the simulator, with
the Host header as it was.
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
            # A copy: cookies are kept for the address that the client asked for.
            request = request.copy()
            request.headers["Host"] = parts.netloc
            home = urlsplit(ORIGIN)
            request.url = urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))
        return super().send(request, **options)


def point_at_simulator():
    adapter = ToSimulator(pool_connections=10, pool_maxsize=10)
    requests.Session.get_adapter = lambda self, url: adapter


def quiet():
    """itchat writes a block character when it is imported."""
    return contextlib.redirect_stdout(io.StringIO())


def control(path, body=None, **query):
    """POST when there is a body, else GET; the answer's JSON."""
    address = f"{ORIGIN}/_sim/{path}" + ("?" + urlencode(query) if query else "")
    answer = requests.get(address) if body is None else requests.post(address, json=body)
    answer.raise_for_status()
    return answer.json()


def uploaded(media_id):
    """The bytes of a file that a client sent."""
    return requests.get(f"{ORIGIN}/_sim/uploads/{media_id}").content


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found!r}, wanted {wanted!r}")


def account(uin, **more):
    """An account with everything that has surprised somebody."""
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
    """Fails if the client broke a rule; returns the names of those that WeChat tolerates."""
    broken = control("violations", tolerated="false")["violations"]
    expect("violations", broken, [])
    tolerated = control("violations", tolerated="true")["violations"]
    return sorted({violation["rule"] for violation in tolerated})


def finish(client, checked, tolerated):
    print(f"{client}: {', '.join(checked)} … ok", flush=True)
    if tolerated:
        print(f"{client}: tolerated: {', '.join(tolerated)}", flush=True)
    sys.stdout.flush()
    # The clients leave threads behind that wait in a long poll.
    os._exit(0)
