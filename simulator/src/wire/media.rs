//! Small generated media, for messages that were pushed without any.

use super::image;
use crate::push::Kind;

/// Valid bytes for the kind of message. They differ from message to message.
pub(crate) fn placeholder(kind: &Kind, id: u64) -> Vec<u8> {
    match kind {
        Kind::Picture { .. } => image::picture(id),
        Kind::Sticker => gif(id),
        Kind::Voice { .. } => mp3(id),
        Kind::Video { .. } => mp4(id),
        Kind::File { name } => format!("{name} {id}\n").into_bytes(),
        Kind::Link { .. }
        | Kind::Post { .. }
        | Kind::Quote { .. }
        | Kind::Card { .. }
        | Kind::Location { .. }
        | Kind::FriendRequest { .. }
        | Kind::Recall { .. }
        | Kind::System { .. } => Vec::new(),
    }
}

/// The small version of a picture. Its bytes differ from the picture's.
pub(crate) fn thumbnail(id: u64) -> Vec<u8> {
    image::picture(!id)
}

/// Determines the `Content-Type` from the first bytes.
pub(crate) fn content_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', ..] => "image/gif",
        [0xff, 0xd8, ..] => "image/jpeg",
        [0xff, 0xfb, ..] | [b'I', b'D', b'3', ..] => "audio/mp3",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// A GIF of one pixel.
fn gif(id: u64) -> Vec<u8> {
    let colour = crate::names::scramble(id).to_le_bytes();
    let mut file = b"GIF89a\x01\x00\x01\x00\x80\x00\x00".to_vec();
    file.extend([colour[0], colour[1], colour[2], 0, 0, 0]);
    file.extend(b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b");
    file
}

/// Four silent frames (MPEG-1 layer 3, 128 kbit/s, 44.1 kHz: 417 bytes each). The padding of the last one
/// contains the id.
fn mp3(id: u64) -> Vec<u8> {
    const FRAMES: usize = 4;
    const FRAME: usize = 417;
    let mut file = Vec::with_capacity(FRAMES * FRAME);
    for _ in 0..FRAMES {
        file.extend([0xff, 0xfb, 0x90, 0x00]);
        file.resize(file.len() + FRAME - 4, 0);
    }
    let end = file.len() - 8;
    file[end..].copy_from_slice(&id.to_be_bytes());
    file
}

/// An MP4 with a file type box and an empty box. The empty box contains the id.
fn mp4(id: u64) -> Vec<u8> {
    let mut file = vec![0, 0, 0, 20];
    file.extend(b"ftypisom\x00\x00\x02\x00isom");
    file.extend([0, 0, 0, 16]);
    file.extend(b"free");
    file.extend(id.to_be_bytes());
    file
}
