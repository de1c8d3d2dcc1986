use serde_json::{Value, json};

use domain::{contact::ContactKind, message::Refer};

use super::*;
use crate::session::tests::session;

const GROUP: &str = "@@9419e194";

/// A message from a friend, with some fields changed.
fn wire(fields: &Value) -> AddMsg {
    let mut message = json!({
        "MsgId": "6050338562629220245", "FromUserName": "@b506", "ToUserName": "@me", "MsgType": 1, "Content": "",
        "Status": 3, "ImgStatus": 1, "CreateTime": 1_578_367_966, "VoiceLength": 0, "PlayLength": 0, "FileName": "",
        "FileSize": "", "MediaId": "", "Url": "", "AppMsgType": 0, "StatusNotifyCode": 0, "StatusNotifyUserName": "",
        "RecommendInfo": {"UserName": "", "NickName": "", "QQNum": 0, "Content": "", "Sex": 0, "Ticket": ""},
        "ForwardFlag": 0, "AppInfo": {"AppID": "", "Type": 0}, "HasProductId": 0, "Ticket": "", "ImgHeight": 0,
        "ImgWidth": 0, "SubMsgType": 0, "NewMsgId": 6_050_338_562_629_220_245_i64, "OriContent": "", "EncryFileName": ""
    });
    for (key, value) in fields.as_object().unwrap() {
        message[key] = value.clone();
    }
    serde_json::from_str(&message.to_string()).unwrap()
}

fn incoming(fields: &Value) -> Incoming {
    match parse(&session(), wire(fields)) {
        Entry::Message(message) => *message,
        Entry::RecentGroups(groups) => panic!("groups {groups:?}"),
    }
}

fn stranger(id: &str) -> Peer {
    Peer::new(id, ContactKind::Stranger)
}

fn group(id: &str) -> Peer {
    Peer::new(id, ContactKind::Group)
}

fn content_of(fields: &Value) -> Content {
    incoming(fields).content
}

#[test]
fn a_text_from_a_friend() {
    let message = incoming(&json!({"Content": "a &lt;b&gt;<br/>c<span class=\"emoji emoji1f604\"></span>"}));
    assert_eq!(
        message,
        Incoming {
            id: 6_050_338_562_629_220_245,
            direction: Direction::In,
            chat: stranger("@b506"),
            sender: Some(stranger("@b506")),
            is_at: None,
            create_time: "2020-01-07T03:32:46Z".parse().unwrap(),
            content: Content::Text { text: "a <b>\nc😄".into() },
            media: None,
            refer: None,
        }
    );
}

#[test]
fn a_text_in_a_group_has_a_sender_and_mentions() {
    let say = |text: &str| incoming(&json!({"FromUserName": GROUP, "Content": format!("@0a1b:<br/>{text}")}));
    let message = say("hi:<br/>there");
    assert_eq!((message.chat, message.sender), (group(GROUP), Some(stranger("@0a1b"))));
    assert_eq!(message.content, Content::Text { text: "hi:\nthere".into() });
    assert_eq!(message.is_at, Some(false));
    assert_eq!(say("@小明<span class=\"emoji emoji1f604\"></span>\u{2005}在吗").is_at, Some(true));
    assert_eq!(say("@小明<span class=\"emoji emoji1f604\"></span> 在吗").is_at, Some(false));
}

#[test]
fn a_message_from_the_phone_has_no_sender_prefix() {
    let message = incoming(&json!({"FromUserName": "@me", "ToUserName": GROUP, "Content": "@0a1b:<br/>quoted"}));
    assert_eq!((message.direction, message.chat), (Direction::Out, group(GROUP)));
    assert_eq!(message.sender, Some(Peer::new("@me", ContactKind::Myself)));
    assert_eq!(message.content, Content::Text { text: "@0a1b:\nquoted".into() });
    let message = incoming(&json!({"FromUserName": "@me", "ToUserName": "filehelper", "Content": "x"}));
    assert_eq!((message.chat, message.is_at), (stranger("filehelper"), None));
}

#[test]
fn a_location_in_a_group_has_two_separators() {
    let fields = json!({
        "FromUserName": GROUP, "SubMsgType": 48,
        "Content": "@0a1b:<br/>浦东新区 &amp; 1号:<br/>/cgi-bin/mmwebwx-bin/webwxgetpubliclinkimg?url=xxx&msgid=74&pictype=location",
        "Url": "http://apis.map.qq.com/uri/v1/geocoder?coord=31.241798,121.504715",
        "OriContent": "<?xml version=\"1.0\"?>\n<msg>\n\t<location x=\"31.241798\" y=\"121.504715\" scale=\"15\" \
            label=\"浦东新区 &amp; 1号\" maptype=\"0\" poiname=\"东方明珠\" poiid=\"\" />\n</msg>\n"
    });
    let message = incoming(&fields);
    assert_eq!(message.sender, Some(stranger("@0a1b")));
    assert_eq!(
        message.content,
        Content::Map {
            x: 31.241_798,
            y: 121.504_715,
            scale: Some(15),
            label: Some("浦东新区 & 1号".into()),
            maptype: Some("0".into()),
            poiname: Some("东方明珠".into()),
            poiid: None,
            url: Some("http://apis.map.qq.com/uri/v1/geocoder?coord=31.241798,121.504715".into()),
            text: Some("浦东新区 & 1号".into()),
        }
    );
}

#[test]
fn a_location_without_xml_is_read_from_its_url() {
    let fields = json!({"SubMsgType": 48, "Content": "here:<br/>/cgi-bin/x", "Url": "http://m/?coord=1.5,-2&z=1"});
    assert!(matches!(content_of(&fields), Content::Map { x: 1.5, y: -2.0, label: None, .. }));
    // Impossible coordinates are no location: the ledger cannot store NaN.
    for url in ["http://m/", "http://m/?coord=NaN,1", "http://m/?coord=1,1e999", "http://m/?coord=181,0"] {
        let fields = json!({"SubMsgType": 48, "Content": "here", "Url": url});
        assert_eq!(content_of(&fields), Content::Text { text: "here".into() }, "{url}");
    }
}

#[test]
fn media_have_no_bytes_yet() {
    let picture = Content::Picture { image: None, img_height: Some(120), img_width: Some(90) };
    assert_eq!(content_of(&json!({"MsgType": 3, "ImgHeight": 120, "ImgWidth": 90})), picture);
    assert_eq!(content_of(&json!({"MsgType": 47, "ImgHeight": 120, "ImgWidth": 90})), picture);
    assert_eq!(
        content_of(&json!({"MsgType": 34, "VoiceLength": 2_340})),
        Content::Recording { record: None, voice_length: Some(2_340) }
    );
    for kind in [43, 62] {
        assert_eq!(
            content_of(&json!({"MsgType": kind, "PlayLength": 7})),
            Content::Video { video: None, play_length: Some(7) }
        );
    }
    assert_eq!(
        content_of(&json!({"MsgType": 49, "AppMsgType": 6, "FileName": "a &amp; b.pdf", "FileSize": "1048576"})),
        Content::Attachment { file: None, file_name: "a & b.pdf".into(), file_size: Some(1_048_576) }
    );
}

#[test]
fn a_friend_request_has_the_ticket_of_recommend_info() {
    let message = incoming(&json!({
        "MsgType": 37, "FromUserName": "fmessage", "Ticket": "",
        "RecommendInfo": {"UserName": "@new", "NickName": "A &amp; B", "Content": "我是<br/>A", "Sex": 2,
            "Province": "浙江", "City": "", "Ticket": "v2_abc@stranger"}
    }));
    assert_eq!((message.chat, message.sender), (stranger("fmessage"), Some(stranger("fmessage"))));
    assert_eq!(
        message.content,
        Content::Friends {
            username: "@new".into(),
            nickname: "A & B".into(),
            text: "我是\nA".into(),
            ticket: "v2_abc@stranger".into(),
            sex: Some(2),
            province: Some("浙江".into()),
            city: None,
        }
    );
}

#[test]
fn a_friend_request_may_name_the_person_only_in_its_xml() {
    let xml = "&lt;msg fromusername=\"wxid_1\" encryptusername=\"v1_1@stranger\" fromnickname=\"A &amp;amp; B\" ticket=\"v2_1@stranger\" /&gt;";
    let content = content_of(&json!({"MsgType": 37, "FromUserName": "fmessage", "Content": xml}));
    let Content::Friends { username, nickname, ticket, .. } = content else { panic!("{content:?}") };
    assert_eq!((username.as_str(), nickname.as_str(), ticket.as_str()), ("v1_1@stranger", "A & B", "v2_1@stranger"));
}

#[test]
fn a_card_has_the_recommended_contact() {
    let fields = json!({
        "MsgType": 42,
        "Content": "&lt;?xml version=\"1.0\"?&gt;<br/>&lt;msg bigheadimgurl=\"http://wx.qlogo.cn/a?b=1&amp;amp;c=2\" nickname=\"T\" /&gt;",
        "RecommendInfo": {"UserName": "@t", "NickName": "T", "Alias": "tom", "Sex": 1, "Signature": "&lt;3"}
    });
    assert_eq!(
        content_of(&fields),
        Content::Card {
            username: "@t".into(),
            nickname: "T".into(),
            alias: Some("tom".into()),
            province: None,
            city: None,
            sign: Some("<3".into()),
            sex: Some(1),
            avatar: Some("http://wx.qlogo.cn/a?b=1&c=2".into()),
        }
    );
}

#[test]
fn a_link_is_decoded() {
    let fields = json!({
        "MsgType": 49, "AppMsgType": 5, "FileName": "A &amp; B", "Url": "https://mp.weixin.qq.com/s?a=1&amp;b=2",
        "Content": "&lt;msg&gt;&lt;appmsg&gt;&lt;title&gt;A &amp;amp; B&lt;/title&gt;&lt;/appmsg&gt;&lt;/msg&gt;"
    });
    let expected = Content::Sharing {
        url: "https://mp.weixin.qq.com/s?a=1&b=2".into(),
        text: "A & B".into(),
        articles: Vec::new(),
    };
    assert_eq!(content_of(&fields), expected);
    // The XML is escaped twice. It is used where the fields are empty.
    let fields = json!({
        "MsgType": 49, "AppMsgType": 33, "FromUserName": GROUP,
        "Content": "@0a1b:<br/>&lt;msg&gt;<br/>&lt;appmsg&gt;&lt;title&gt;A &amp;amp; B&lt;/title&gt;\
            &lt;url&gt;https://mp.weixin.qq.com/s?a=1&amp;amp;b=2&lt;/url&gt;&lt;/appmsg&gt;&lt;/msg&gt;"
    });
    assert_eq!(content_of(&fields), expected);
}

#[test]
fn a_transfer_without_a_url_keeps_its_raw_content() {
    for kind in [2000, 2001] {
        let content = "&lt;msg&gt;&lt;appmsg&gt;&lt;url&gt;&lt;/url&gt;&lt;/appmsg&gt;&lt;/msg&gt;";
        let fields = json!({"MsgType": 49, "AppMsgType": kind, "FileName": "微信转账", "Content": content});
        assert_eq!(content_of(&fields), Content::System { text: content.into() });
    }
}

#[test]
fn a_recall_names_the_recalled_message() {
    let recall = "&lt;sysmsg type=\"revokemsg\"&gt;&lt;revokemsg&gt;&lt;session&gt;@@g&lt;/session&gt;\
        &lt;oldmsgid&gt;1057920614&lt;/oldmsgid&gt;&lt;msgid&gt;2360839023010332147&lt;/msgid&gt;\
        &lt;replacemsg&gt;&lt;![CDATA[\"木子\" 撤回了一条消息]]&gt;&lt;/replacemsg&gt;&lt;/revokemsg&gt;&lt;/sysmsg&gt;";
    let expected =
        Content::Note { text: "\"木子\" 撤回了一条消息".into(), revoked: Some(2_360_839_023_010_332_147) };
    assert_eq!(content_of(&json!({"MsgType": 10_002, "Content": recall})), expected);
    let message =
        incoming(&json!({"MsgType": 10_002, "FromUserName": GROUP, "Content": format!("@0a1b:<br/>{recall}")}));
    assert_eq!(message.sender, Some(stranger("@0a1b")));
    assert_eq!(message.content, expected);
}

#[test]
fn a_notice_has_no_sender() {
    let message = incoming(&json!({"MsgType": 10_000, "FromUserName": GROUP, "Content": "\"A\"修改群名为“B &amp; C”"}));
    assert_eq!((message.sender, message.is_at), (None, Some(false)));
    assert_eq!(message.content, Content::Note { text: "\"A\"修改群名为“B & C”".into(), revoked: None });
}

#[test]
fn a_message_between_two_people_has_no_sender_prefix() {
    let message = incoming(&json!({"Content": "@0a1b:<br/>quoted"}));
    assert_eq!(message.sender, Some(stranger("@b506")));
    assert_eq!(message.content, Content::Text { text: "@0a1b:\nquoted".into() });
    assert_eq!(incoming(&json!({"MsgType": 10_000, "Content": "收到红包"})).sender, None);
}

#[test]
fn an_unknown_message_keeps_its_raw_content() {
    for (kind, raw) in [(50, "&lt;voip/&gt;"), (9999, ""), (77, "x<br/>y"), (10_002, "&lt;sysmsg type=\"pat\"/&gt;")] {
        assert_eq!(content_of(&json!({"MsgType": kind, "Content": raw})), Content::System { text: raw.into() });
    }
}

#[test]
fn a_status_names_only_groups() {
    let status = wire(&json!({"MsgType": 51, "StatusNotifyUserName": "filehelper,@a,@@g,@@h,@@g"}));
    assert!(matches!(parse(&session(), status), Entry::RecentGroups(groups) if groups == [group("@@g"), group("@@h")]));
}

#[test]
fn the_id_may_be_present_only_as_text() {
    assert_eq!(incoming(&json!({"NewMsgId": 0})).id, 6_050_338_562_629_220_245);
}

#[test]
fn media_name_where_their_bytes_are() {
    let source = |fields: &Value| incoming(fields).media.unwrap();
    let picture = source(&json!({"MsgType": 3}));
    assert_eq!(picture.source.as_str(), r#"{"picture":{"message":6050338562629220245}}"#);
    assert_eq!((picture.kind, picture.sticker), (MediaKind::Image, false));
    for sticker in [json!({"MsgType": 47}), json!({"MsgType": 49, "AppMsgType": 8})] {
        let sticker = source(&sticker);
        assert_eq!(sticker.source.as_str(), r#"{"sticker":{"message":6050338562629220245}}"#);
        assert!(sticker.sticker);
    }
    let file = json!({
        "MsgType": 49, "AppMsgType": 6, "FromUserName": GROUP, "Content": "@0a1b:<br/>", "MediaId": "@cdn_1",
        "EncryFileName": "a%20b"
    });
    assert_eq!(
        source(&file).source.as_str(),
        r#"{"file":{"sender":"@@9419e194","media_id":"@cdn_1","encry_file_name":"a%20b"}}"#
    );
    for kind in [1, 37, 42, 48, 10_000, 10_002, 9999] {
        assert_eq!(incoming(&json!({"MsgType": kind})).media, None, "{kind}");
    }
}

#[test]
fn an_impossible_time_becomes_the_nearest_possible_one() {
    for (seconds, expected) in [
        (json!(i64::MIN), "1970-01-01T00:00:00Z"),
        (json!(-1), "1970-01-01T00:00:00Z"),
        (json!(1_578_367_966_000_i64), "9999-12-30T22:00:00Z"),
        (json!(u64::MAX), "1970-01-01T00:00:00Z"),
        (json!("1578367966"), "2020-01-07T03:32:46Z"),
    ] {
        assert_eq!(incoming(&json!({"CreateTime": seconds})).create_time.to_string(), expected, "{seconds}");
    }
}

/// The quotation of a text as the phone's app writes it.
fn quote(kind: u32, content: &str) -> Option<Refer> {
    let xml = format!(
        "<msg><appmsg appid=\"\" sdkver=\"0\"><title>好</title><type>57</type><refermsg><type>{kind}</type>\
         <svrid>2360839023010332147</svrid><fromusr>wxid_1</fromusr><displayname>木子</displayname>\
         <content>{content}</content></refermsg></appmsg></msg>"
    );
    let escaped = xml.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let message = incoming(&json!({"MsgType": 49, "AppMsgType": 57, "Content": escaped}));
    assert_eq!(message.content, Content::Text { text: "好".into() });
    message.refer
}

#[test]
fn a_quote_names_the_quoted_message() {
    let refer = |text: &str| {
        Some(Refer { id: Some(2_360_839_023_010_332_147), sender: Some("木子".into()), text: text.into() })
    };
    assert_eq!(quote(1, "a &lt;b&gt;"), refer("a <b>"));
    assert_eq!(quote(3, "&lt;msg&gt;&lt;img /&gt;&lt;/msg&gt;"), refer("[图片]"));
    let link = "&lt;msg&gt;&lt;appmsg&gt;&lt;title&gt;A&lt;/title&gt;&lt;/appmsg&gt;&lt;/msg&gt;";
    assert_eq!(quote(49, link), refer("A"));
    assert_eq!(quote(49, "broken"), refer("[链接]"));
    // Without its XML such a message stays what it was.
    let broken = incoming(&json!({"MsgType": 49, "AppMsgType": 57, "Content": "&lt;msg"}));
    assert_eq!((broken.content, broken.refer), (Content::System { text: "&lt;msg".into() }, None));
}

#[test]
fn an_older_quote_is_split_where_it_is_unambiguous() {
    const RULER: &str = "- - - - - - - - - - - - - - -";
    let say = |text: &str| {
        let message = incoming(&json!({"Content": text.replace('\n', "<br/>")}));
        let Content::Text { text } = message.content else { panic!("{:?}", message.content) };
        (text, message.refer)
    };
    let (text, refer) = say(&format!("「木子：a：b」\n{RULER}\n好\n的"));
    assert_eq!(text, "好\n的");
    assert_eq!(refer, Some(Refer { id: None, sender: Some("木子".into()), text: "a：b".into() }));
    for plain in [
        "「木子：a」\n好".to_owned(),
        "「木子：a」\n- -\n好".to_owned(),
        format!("「a」\n{RULER}\n好"),
        format!("x「木子：a」\n{RULER}\n好"),
        format!("「木子：「木子：a」\n{RULER}\nb」\n{RULER}\n好"),
    ] {
        assert_eq!(say(&plain), (plain.clone(), None));
    }
}
