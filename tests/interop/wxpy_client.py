"""wxpy on itchat 1.2.32, the client of the relay's predecessor: browser login, contacts, puid, inbound
and outbound messages, logout."""

import html
import html.parser
import os
import queue
import tempfile

from simulated import account, control, expect, finish, no_violations, point_at_simulator, quiet

point_at_simulator()
# itchat 1.2.32 needs this method, which Python 3.9 removed.
html.parser.HTMLParser.unescape = staticmethod(html.unescape)

with quiet():
    from wxpy import FRIENDS, TEXT, Bot, Friend, Group

UIN = account(1002)
steps, received, checked = [], queue.Queue(), []


def photo():
    with open("photo.png", "wb") as file:
        file.write(b"\x89PNG" + bytes(100))
    return "photo.png"


def on_qr(uuid, status, qrcode):
    steps.append(status)
    if status == "0":
        control("scan", {"uuid": uuid, "uin": UIN})
    elif status == "201":
        control("confirm", {"uuid": uuid})


bot = Bot(qr_callback=on_qr, login_callback=lambda: None)
expect("login steps", steps, ["0", "201", "200"])
expect("own name", html.unescape(bot.self.name), "小明 & 😄")
checked.append("logged in as a browser by QR code")

friends = bot.friends()
expect("friends and the account itself", len(friends), 13)
lei = friends.search("老李")[0]
expect("a friend", (html.unescape(lei.nick_name), lei.city, lei.sex), ("李雷 <3", "深圳", 1))
groups = bot.groups()
expect("groups", sorted(html.unescape(group.name) for group in groups), ["Group 1", "Group 2", "家 & 友"])
expect("official accounts", [mp.name for mp in bot.mps()], ["Official 1"])
checked.append(f"{len(friends) - 1} friends, {len(groups)} groups, 1 official account")

by_name = {html.unescape(group.name): group for group in groups}
large = by_name["Group 1"]
large.update_group(members_details=True)
expect("members with all data", len(large.members), 60)
checked.append("60 members in two batches")

puids = bot.enable_puid(os.path.join(tempfile.mkdtemp(), "puid.pkl"))
expect("puid", lei.puid, lei.user_name[-8:])
expect("puids", len({friend.puid for friend in friends}), 13)
checked.append("13 puids")


@bot.register(msg_types=TEXT, except_self=False, run_async=False)
def on_text(message):
    received.put(message)


@bot.register(msg_types=FRIENDS, run_async=False)
def on_request(message):
    received.put(message)


control("accounts/%d" % UIN, wait="polling")
control("push", [
    {"uin": UIN, "from": {"friend": "老李"}, "text": "你好 <b> & 😂\n第二行"},
    {"uin": UIN, "from": {"group": {"group": "家 & 友", "member": "三叔"}}, "text": "@明哥\u2005吃饭"},
    {"uin": UIN, "from": {"phone": {"to": "Group 2"}}, "text": "from the phone"},
    {"uin": UIN, "from": {"special": "fmessage"}, "kind": {"friend_request": {
        "person": {"nick_name": "王五", "sex": 1}, "words": "我是王五"}}},
])
message = received.get(timeout=30)
expect("text of a friend", (message.text, message.sender, message.is_at), ("你好 <b> & 😂\n第二行", lei, None))
expect("kind of the chat", isinstance(message.chat, Friend), True)
message = received.get(timeout=30)
expect("text in a group", (message.text, message.is_at), ("@明哥\u2005吃饭", True))
expect("author of the text in a group", (isinstance(message.chat, Group), message.member.name), (True, "叔叔"))
message = received.get(timeout=30)
expect("text of the phone", (message.text, message.sender, message.receiver.name), ("from the phone", bot.self, "Group 2"))
message = received.get(timeout=30)
expect("a friend request", (message.type, message.text, message.card.name), ("Friends", "我是王五", "王五"))
new_friend = bot.accept_friend(message.card)
expect("the new friend", new_friend.name, "王五")
checked.append("received 3 texts, accepted a friend request")

lei.send("收到 <3 & 😂")
by_name["Group 2"].send("群里好")
bot.file_helper.send("记一下")
sent = control("sent", uin=UIN, at_least=3)["sent"]
expect("sent", [(s["to"], s["text"]) for s in sent], [
    ("friend/10", "收到 <3 & 😂"),
    ("group/1", "群里好"),
    ("filehelper", "记一下"),
])
checked.append("sent 3")

lei.send_image(photo())
expect("a picture", control("sent", uin=UIN, at_least=4)["sent"][3]["kind"], "image")
group = bot.create_group([lei, new_friend], topic="新群")
expect("a new group", (group.name, len(group)), ("新群", 3))
group.rename_group("新新群")
checked.append("sent a picture, made and renamed a group")

bot.logout()
control("accounts/%d" % UIN, wait="offline")
checked.append("logged out")
finish("wxpy", checked, no_violations())
