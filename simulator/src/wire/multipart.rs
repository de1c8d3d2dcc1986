//! Parser for `multipart/form-data`, the format of uploads.

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) name: String,
    /// Whether the part has a file name.
    pub(crate) is_file: bool,
    pub(crate) bytes: &'a [u8],
}

/// The parts of the form. Returns `None` if the body is not a valid form.
pub(crate) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.get(find(body, first.as_bytes())? + first.len()..)?;
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head_end = find(part, b"\r\n\r\n")?;
        let content = &part[head_end + 4..];
        let length = find(content, between.as_bytes())?;
        parts.push(part_of(std::str::from_utf8(&part[..head_end]).ok()?, &content[..length])?);
        rest = &content[length + between.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

fn part_of<'a>(head: &str, bytes: &'a [u8]) -> Option<Part<'a>> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = line.split("; ").find_map(|item| item.strip_prefix("name="))?.trim_matches('"').to_owned();
    Some(Part { name, is_file: line.contains("filename"), bytes })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_parsed() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n3\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.png\"\r\n\
                    Content-Type: image/png\r\n\r\na\r\n-\r\n--x--\r\n";
        let found = parts("multipart/form-data; boundary=x", body.as_bytes()).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].bytes), ("size", &b"3"[..]));
        assert_eq!((found[1].is_file, found[1].bytes), (true, &b"a\r\n-"[..]));
        assert_eq!(parts("multipart/form-data; boundary=x", b"--x\r\n"), None);
    }
}
