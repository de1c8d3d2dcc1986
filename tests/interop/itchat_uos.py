"""itchat-uos: desktop login, contacts, inbound and outbound messages, logout."""

import base64
import html
import queue

from simulated import account, control, expect, finish, no_violations, point_at_simulator, quiet, uploaded

point_at_simulator()

with quiet():
    import itchat
    from itchat.content import ATTACHMENT, MAP, NOTE, PICTURE, RECORDING, TEXT, VIDEO

UIN = account(1001, no_web=True)
steps, received, checked = [], queue.Queue(), []


def on_qr(uuid, status, qrcode):
    steps.append(status)
    if status == "0":
        expect("the QR code is a PNG", qrcode[:4], b"\x89PNG")
        control("scan", {"uuid": uuid, "uin": UIN})
    elif status == "201":
        control("confirm", {"uuid": uuid})


@itchat.msg_register([TEXT, MAP, NOTE, PICTURE, RECORDING, VIDEO, ATTACHMENT], isFriendChat=True, isGroupChat=True, isMpChat=True)
def on_message(message):
    received.put(message)


itchat.auto_login(qrCallback=on_qr, loginCallback=lambda: None)
itchat.run(blockThread=False)
expect("login steps", steps, ["0", "201", "200"])
myself = itchat.search_friends()
expect("own name", html.unescape(myself["NickName"]), "小明 & 😄")
checked.append("logged in as a desktop by QR code")

friends = itchat.get_friends()
expect("friends and the account itself", len(friends), 13)
lei = itchat.search_friends(remarkName="老李")[0]
expect("a friend", (html.unescape(lei["NickName"]), lei["City"], lei["Sex"]), ("李雷 <3", "深圳", 1))
expect("an emoji in a name", len(itchat.search_friends(nickName="韩梅梅😂")), 1)
groups = itchat.get_chatrooms()
expect("groups", sorted(html.unescape(group["NickName"]) for group in groups), ["Group 1", "Group 2", "家 & 友"])
expect("official accounts", [mp["NickName"] for mp in itchat.get_mps()], ["Official 1"])
checked.append(f"{len(friends) - 1} friends, {len(groups)} groups, 1 official account")

large = itchat.update_chatroom(next(g["UserName"] for g in groups if g["NickName"] == "Group 1"), detailedMember=True)
expect("members with all data", len(large["MemberList"]), 60)
expect("a member's city", large["MemberList"][1]["City"], "深圳")
checked.append("60 members in two batches")

control("accounts/%d" % UIN, wait="polling")
control("push", [
    {"uin": UIN, "from": {"friend": "老李"}, "text": "你好 <b> & 😂\n第二行"},
    {"uin": UIN, "from": {"group": {"group": "家 & 友", "member": "三叔"}}, "text": "@明哥\u2005吃饭 🇨🇳"},
    {"uin": UIN, "from": {"group": {"group": "Group 2", "member": "Friend 1"}}, "text": "早"},
    {"uin": UIN, "from": {"official_account": "Official 1"}, "text": "news"},
    {"uin": UIN, "from": {"phone": {"to": "老李"}}, "text": "from the phone"},
])


def next_text():
    return received.get(timeout=30)


message = next_text()
expect("text of a friend", message["Text"], "你好 <b> & 😂\n第二行")
expect("sender of the text", message["FromUserName"], lei["UserName"])
message = next_text()
expect("text in a group", message["Text"], "@明哥\u2005吃饭 🇨🇳")
expect("its author and mention", (message["ActualNickName"], message["IsAt"]), ("叔叔", True))
message = next_text()
expect("text in another group", (message["Text"], message["ActualNickName"], message["IsAt"]), ("早", "Friend 1", False))
expect("text of an official account", next_text()["Text"], "news")
message = next_text()
expect("text of the phone", (message["Text"], message["ToUserName"]), ("from the phone", lei["UserName"]))
checked.append("received 5 texts")

expect("sending", bool(itchat.send("收到 <3 & \"好\"\n😂", lei["UserName"])), True)
family = next(g["UserName"] for g in groups if g["UserName"] != large["UserName"] and "家" in g["NickName"])
response = itchat.send("群里好", family)
expect("sending to a group", bool(response), True)
expect("revoking", bool(itchat.revoke(response["MsgID"], family, response["LocalID"])), True)
sent = control("sent", uin=UIN, at_least=2)["sent"]
expect("sent", [(s["to_name"], s["text"], s["revoked"]) for s in sent], [
    ("李雷 <3", "收到 <3 & \"好\"\n😂", False),
    ("家 & 友", "群里好", True),
])
checked.append("sent 2, revoked 1")

friend = {"friend": "老李"}
control("push", [
    {"uin": UIN, "from": friend, "kind": {"picture": {"width": 16, "height": 16}}},
    {"uin": UIN, "from": friend, "kind": {"voice": {"length_ms": 900}}},
    {"uin": UIN, "from": friend, "kind": {"video": {"seconds": 2}}, "media": base64.b64encode(b"0000ftyp video").decode()},
    {"uin": UIN, "from": friend, "kind": {"file": {"name": "a & b.txt"}}, "media": base64.b64encode(b"inside").decode()},
    {"uin": UIN, "from": friend, "kind": {"location": {
        "latitude": "31.2", "longitude": "121.4", "label": "人民广场(黄浦)", "poi_name": "广场"}}},
    {"uin": UIN, "from": friend, "kind": {"recall": {"msg_id": "1", "notice": "老李 撤回了一条消息"}}},
])
expect("a picture", received.get(timeout=30)["Text"]()[:4], b"\x89PNG")
expect("a recording", received.get(timeout=30)["Text"]()[:2], b"\xff\xfb")
expect("a video", received.get(timeout=30)["Text"](), b"0000ftyp video")
message = received.get(timeout=30)
expect("a file", (message["Type"], message["Text"]()), ("Attachment", b"inside"))
message = received.get(timeout=30)
expect("a location", (message["Type"], message["Text"]), ("Map", "人民广场(黄浦)"))
expect("a recall", received.get(timeout=30)["Text"], "老李 撤回了一条消息")
expect("an avatar", itchat.get_head_img(userName=lei["UserName"])[:4], b"\x89PNG")
expect("a group's avatar", itchat.get_head_img(chatroomUserName=family)[:4], b"\x89PNG")
checked.append("received a picture, a recording, a video, a file, a location and a recall, fetched 2 avatars")

with open("photo.png", "wb") as file:
    file.write(b"\x89PNG" + bytes(100))
with open("large.bin", "wb") as file:
    file.write(bytes(range(256)) * 2600)
expect("sending a picture", bool(itchat.send_image("photo.png", lei["UserName"])), True)
expect("sending a file in chunks", bool(itchat.send_file("large.bin", lei["UserName"])), True)
sent = control("sent", uin=UIN, at_least=4)["sent"][2:]
expect("sent", [(s["kind"], s["to_name"]) for s in sent], [("image", "李雷 <3"), ("app", "李雷 <3")])
expect("the file arrived", uploaded(sent[1]["media_id"]), bytes(range(256)) * 2600)
checked.append("sent a picture and a file of 2 chunks")

expect("setting a remark", bool(itchat.set_alias(lei["UserName"], "李大哥")), True)
control("accounts/%d" % UIN, wait="confirmed")
checked.append("set a remark")

itchat.logout()
control("accounts/%d" % UIN, wait="offline")
checked.append("logged out")
finish("itchat-uos", checked, no_violations())
