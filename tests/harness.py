"""What the Python programs of the tests share: requests, the simulator's control API, signatures."""

import hashlib
import json
import os
import urllib.error
import urllib.request


def create_signature(token: str, timestamp: str, reverse=False):
    data = [token, timestamp]
    data.sort(reverse=reverse)
    key = ''.join(data)
    return hashlib.sha1(key.encode()).hexdigest()


def request(address, method="GET", body=None, **headers):
    """Status, body (decoded if it is JSON) and headers of the response."""
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["content-type"] = "application/json"
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(address, data=data, method=method, headers=headers), timeout=120)
    except urllib.error.HTTPError as error:
        response = error
    content, kind = response.read(), response.headers.get("content-type", "")
    return response.status, json.loads(content) if kind.startswith("application/json") else content, response.headers


def control(path, body=None):
    """A request to the simulator."""
    status, answer, _ = request(f"{os.environ['SIMULATOR']}/_sim/{path}", "GET" if body is None else "POST", body)
    assert status < 300, (path, status, answer)
    return answer
