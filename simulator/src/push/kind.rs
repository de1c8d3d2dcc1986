//! Messages other than text, with the fields that WeChat sets for each kind.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::names::scramble;
use crate::person::Person;
use crate::wire::text;

/// A kind of message other than text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Picture {
        width: u32,
        height: u32,
    },
    Voice {
        /// Milliseconds.
        length_ms: u32,
    },
    Video {
        seconds: u32,
    },
    Sticker,
    /// A file. Its size is the size of the push's `media`.
    File {
        name: String,
    },
    Link {
        title: String,
        url: String,
    },
    /// A post of an official account with several articles. Its title and address are the first one's.
    Post {
        articles: Vec<Article>,
    },
    /// A text that quotes another message.
    Quote {
        text: String,
        /// The id of the quoted message.
        msg_id: String,
        /// The name of its author.
        sender: String,
        quoted: String,
    },
    /// A person's name card.
    Card {
        nick_name: String,
        alias: String,
        province: String,
        city: String,
    },
    Location {
        /// Degrees as text. WeChat sends six decimal places.
        latitude: String,
        longitude: String,
        label: String,
        poi_name: String,
    },
    /// A friend request. It always comes from `fmessage`, regardless of the push's `from`. `RecommendInfo`
    /// contains the ticket that accepts it.
    FriendRequest {
        person: Person,
        words: String,
    },
    /// The recall of the message with this id.
    Recall {
        msg_id: String,
        notice: String,
    },
    /// A notice from WeChat itself, for example "you may now chat".
    System {
        text: String,
    },
}

/// An article of a [`Kind::Post`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    pub title: String,
    pub url: String,
    #[serde(default)]
    pub digest: String,
    /// The address of the picture above the title.
    #[serde(default)]
    pub cover: String,
}

impl Kind {
    /// The `MsgType` of this kind.
    pub(crate) fn msg_type(&self) -> u32 {
        match self {
            Self::Picture { .. } => 3,
            Self::Voice { .. } => 34,
            Self::Video { .. } => 43,
            Self::Sticker => 47,
            Self::File { .. } | Self::Link { .. } | Self::Post { .. } | Self::Quote { .. } => 49,
            Self::Card { .. } => 42,
            Self::FriendRequest { .. } => 37,
            Self::Location { .. } => 1,
            Self::Recall { .. } => 10002,
            Self::System { .. } => 10000,
        }
    }

    /// The `Content` of this kind, escaped for the wire.
    pub(crate) fn content(&self, id: u64, size: usize) -> String {
        match self {
            Self::Picture { .. } => xml(&format!(
                "<?xml version=\"1.0\"?>\n<msg>\n\t<img hdlength=\"{size}\" length=\"{size}\" cdnthumbaeskey=\"0\" />\n</msg>\n"
            )),
            Self::Voice { length_ms } => xml(&format!(
                "<msg><voicemsg endflag=\"1\" cancelflag=\"0\" forwardflag=\"0\" voiceformat=\"4\" \
                 voicelength=\"{length_ms}\" length=\"{size}\" bufid=\"0\" /></msg>"
            )),
            Self::Video { seconds } => xml(&format!(
                "<?xml version=\"1.0\"?>\n<msg>\n\t<videomsg playlength=\"{seconds}\" length=\"{size}\" />\n</msg>\n"
            )),
            Self::Sticker => xml(&format!("<msg><emoji md5=\"{id:032x}\" type=\"2\" len=\"{size}\" /></msg>")),
            Self::File { name } => xml(&format!(
                "<msg><appmsg appid=\"\" sdkver=\"0\"><title>{}</title><des></des><type>6</type>\
                 <appattach><totallen>{size}</totallen><attachid>@cdn_{id:x}</attachid></appattach></appmsg></msg>",
                text::name(name),
            )),
            Self::Link { title, url } => xml(&format!(
                "<msg><appmsg appid=\"\" sdkver=\"0\"><title>{}</title><des></des><type>5</type><url>{}</url></appmsg></msg>",
                text::name(title),
                text::name(url),
            )),
            Self::Post { articles } => xml(&post(articles)),
            Self::Quote { text, msg_id, sender, quoted } => xml(&format!(
                "<msg><appmsg appid=\"\" sdkver=\"0\"><title>{}</title><des></des><type>57</type><url></url><refermsg>\
                 <type>1</type><svrid>{msg_id}</svrid><displayname>{}</displayname><content>{}</content></refermsg>\
                 </appmsg></msg>",
                text::element(text),
                text::element(sender),
                text::element(quoted),
            )),
            Self::Card { nick_name, alias, province, city } => xml(&format!(
                "<?xml version=\"1.0\"?>\n<msg username=\"v1_{id:x}\" nickname=\"{}\" alias=\"{alias}\" \
                 province=\"{province}\" city=\"{city}\" sex=\"0\" />\n",
                text::name(nick_name),
            )),
            Self::FriendRequest { person, words } => xml(&format!(
                "<msg fromusername=\"wxid_{id:x}\" encryptusername=\"v1_{id:x}@stranger\" fromnickname=\"{}\" \
                 content=\"{}\" scene=\"30\" ticket=\"{}\" opcode=\"2\" />",
                text::name(&person.nick_name),
                text::name(words),
                ticket(id),
            )),
            Self::Location { label, .. } => format!(
                "{}:<br/>/cgi-bin/mmwebwx-bin/webwxgetpubliclinkimg?url=xxx&msgid={id}&pictype=location",
                text::message(label),
            ),
            Self::Recall { msg_id, notice } => xml(&format!(
                "<sysmsg type=\"revokemsg\"><revokemsg><session></session><oldmsgid>0</oldmsgid>\
                 <msgid>{msg_id}</msgid><replacemsg><![CDATA[{notice}]]></replacemsg></revokemsg></sysmsg>"
            )),
            Self::System { text } => text::message(text),
        }
    }

    /// The other fields that WeChat sets for this kind.
    pub(crate) fn fields(&self, id: u64, size: usize) -> Map<String, Value> {
        let fields = match self {
            Self::Picture { width, height } => json!({"ImgWidth": width, "ImgHeight": height, "ImgStatus": 2}),
            Self::Voice { length_ms } => json!({"VoiceLength": length_ms}),
            Self::Video { seconds } => json!({"PlayLength": seconds, "ImgWidth": 160, "ImgHeight": 120}),
            Self::Sticker => json!({"ImgWidth": 64, "ImgHeight": 64, "HasProductId": 0}),
            Self::File { name } => json!({
                "AppMsgType": 6,
                "FileName": text::name(name),
                "FileSize": size.to_string(),
                "MediaId": format!("@cdn_{id:x}"),
                "EncryFileName": percent(name),
            }),
            Self::Link { title, url } => json!({
                "AppMsgType": 5, "FileName": text::name(title), "Url": text::name(url),
            }),
            Self::Post { articles } => {
                let first = |field: fn(&Article) -> &str| {
                    articles.first().map_or_else(String::new, |one| text::name(field(one)))
                };
                json!({"AppMsgType": 5, "FileName": first(|one| &one.title), "Url": first(|one| &one.url)})
            }
            Self::Quote { text, .. } => json!({"AppMsgType": 57, "FileName": text::name(text)}),
            Self::Card { nick_name, alias, province, city } => json!({"RecommendInfo": {
                "UserName": format!("@{id:032x}"),
                "NickName": text::name(nick_name), "QQNum": 0,
                "Province": province, "City": city, "Content": "", "Signature": "", "Alias": alias,
                "Scene": 17, "VerifyFlag": 0, "AttrStatus": 0, "Sex": 0, "Ticket": "", "OpCode": 0,
            }}),
            Self::FriendRequest { person, words } => json!({"RecommendInfo": {
                "UserName": "",
                "NickName": text::name(&person.nick_name), "QQNum": 0,
                "Province": person.province, "City": person.city, "Content": text::name(words),
                "Signature": text::name(&person.signature), "Alias": person.alias, "Scene": 30,
                "VerifyFlag": 0, "AttrStatus": 0, "Sex": person.sex, "Ticket": ticket(id), "OpCode": 2,
            }}),
            Self::Location { latitude, longitude, label, poi_name } => json!({
                "SubMsgType": 48,
                "Url": format!("http://apis.map.qq.com/uri/v1/geocoder?coord={latitude},{longitude}"),
                "OriContent": format!(
                    "<?xml version=\"1.0\"?>\n<msg>\n\t<location x=\"{latitude}\" y=\"{longitude}\" scale=\"16\" \
                     label=\"{}\" maptype=\"roadmap\" poiname=\"{}\" poiid=\"\" />\n</msg>\n",
                    text::name(label),
                    text::name(poi_name),
                ),
            }),
            Self::Recall { .. } | Self::System { .. } => Value::Null,
        };
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

fn post(articles: &[Article]) -> String {
    let cdata = |tag: &str, text: &str| format!("<{tag}><![CDATA[{text}]]></{tag}>");
    let items: Vec<String> = articles
        .iter()
        .map(|one| {
            let (title, url) = (cdata("title", &one.title), cdata("url", &one.url));
            format!("<item>{title}{url}{}{}</item>", cdata("digest", &one.digest), cdata("cover", &one.cover))
        })
        .collect();
    let items = items.concat();
    let (title, url) = articles.first().map_or(("", ""), |one| (&one.title, &one.url));
    format!(
        "<msg><appmsg appid=\"\" sdkver=\"0\">{}<des></des><type>5</type>{}<mmreader><category type=\"20\" count=\"{}\">\
         {items}</category></mmreader></appmsg></msg>",
        cdata("title", title),
        cdata("url", url),
        articles.len(),
    )
}

/// The ticket of a friend request.
pub(crate) fn ticket(id: u64) -> String {
    format!("v2_{id:x}{:016x}@stranger", scramble(id))
}

/// Escapes XML in a message. WeChat escapes it like any text.
fn xml(payload: &str) -> String {
    text::message(payload)
}

fn percent(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
