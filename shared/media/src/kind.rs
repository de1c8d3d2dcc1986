//! The type of media, by their first bytes.

/// The type of bytes that nothing is known about.
pub(crate) const UNKNOWN: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// The type of an object, and whether a browser may show it in the API's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    pub content_type: &'static str,
    /// Only types that cannot run scripts. Any other object is offered as a download.
    pub inline: bool,
}

impl MediaType {
    /// The type that `first`, the first bytes of an object, tells. A name or a header is never asked.
    pub fn of(first: &[u8]) -> Self {
        let content_type = match first {
            // Formats of voice messages; the library takes short ones for shell scripts.
            [b'#', b'!', b'A', b'M', b'R', ..] => "audio/amr",
            [b'#', b'!', b'S', b'I', b'L', b'K', ..] | [2, b'#', b'!', b'S', b'I', b'L', b'K', ..] => "audio/silk",
            _ => infer::get(first).map_or(UNKNOWN, |found| found.mime_type()),
        };
        let inline = matches!(
            content_type,
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/bmp" | "image/heif" | "image/avif"
        ) || content_type.starts_with("audio/")
            || content_type.starts_with("video/");
        // HTML and XML, SVG among them, get no type that a browser would run.
        let content_type =
            if content_type.starts_with("text/") || content_type.ends_with("xml") { UNKNOWN } else { content_type };
        Self { content_type, inline }
    }

    /// Text that the relay itself writes.
    pub fn text() -> Self {
        Self { content_type: TEXT, inline: true }
    }

    pub(crate) fn disposition(self) -> &'static str {
        if self.inline { "inline" } else { "attachment" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        for (bytes, content_type, inline) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], "image/jpeg", true),
            (b"\x89PNG\r\n\x1a\n", "image/png", true),
            (b"GIF89a", "image/gif", true),
            (b"ID3\x03", "audio/mpeg", true),
            (b"#!AMR\n", "audio/amr", true),
            (b"\x00\x00\x00\x18ftypmp42", "video/mp4", true),
            (b"%PDF-1.7", "application/pdf", false),
            (b"<!DOCTYPE html><script>", UNKNOWN, false),
            (b"<html><body>", UNKNOWN, false),
            (b"<?xml version=\"1.0\"?><svg xmlns", UNKNOWN, false),
            (b"<svg onload=alert(1)>", UNKNOWN, false),
            (b"plain", UNKNOWN, false),
            (b"", UNKNOWN, false),
        ] {
            let found = MediaType::of(bytes);
            assert_eq!((found.content_type, found.inline), (content_type, inline), "{bytes:?}");
        }
    }
}
