//! `multipart/form-data`, the format of uploads.

use std::fmt::Write;

use reqwest::header::HeaderValue;

/// A form whose last part is a file.
pub(crate) struct Form<'a> {
    fields: Vec<(&'a str, &'a str)>,
    file_name: &'a str,
    content_type: &'a str,
}

impl<'a> Form<'a> {
    pub(crate) fn new(file_name: &'a str, content_type: &'a str) -> Self {
        Self { fields: Vec::new(), file_name, content_type }
    }

    pub(crate) fn field(&mut self, key: &'a str, value: &'a str) -> &mut Self {
        self.fields.push((key, value));
        self
    }

    /// The form's content type and its bytes. `random` gives 128 bits that nobody can foresee: they make the boundary
    /// between the parts, which must not occur in any of them.
    pub(crate) fn encode(&self, bytes: &[u8], mut random: impl FnMut() -> u128) -> (HeaderValue, Vec<u8>) {
        loop {
            let boundary = format!("----RelayFormBoundary{:032x}", random());
            if !self.contains(&boundary, bytes) {
                let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
                return (content_type.expect("a boundary is letters, digits and dashes"), self.with(&boundary, bytes));
            }
        }
    }

    fn contains(&self, boundary: &str, bytes: &[u8]) -> bool {
        self.fields.iter().any(|(_, value)| value.contains(boundary))
            || self.file_name.contains(boundary)
            || bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes())
    }

    fn with(&self, boundary: &str, bytes: &[u8]) -> Vec<u8> {
        let mut head = String::new();
        for (key, value) in &self.fields {
            let _ = write!(head, "--{boundary}\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n");
        }
        let _ = write!(
            head,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            quoted(self.file_name),
            self.content_type,
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let mut form = Vec::with_capacity(head.len() + bytes.len() + tail.len());
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(tail.as_bytes());
        form
    }
}

/// A file name, escaped for quotes as browsers do it.
pub(crate) fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The content type as a header's value; anything that cannot be one is an unknown type.
pub(crate) fn content_type(given: &str) -> &str {
    let valid = given.contains('/') && given.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if valid { given } else { "application/octet-stream" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_occurs_in_no_part() {
        let mut numbers = [1, 2, 3, 4].into_iter();
        let boundary = |number: u128| format!("----RelayFormBoundary{number:032x}");
        let (in_name, in_field) = (boundary(1), boundary(2));
        let in_bytes = format!("x\r\n--{}--\r\n", boundary(3));
        let mut form = Form::new(&in_name, "image/png");
        form.field("id", &in_field);
        let (content_type, bytes) = form.encode(in_bytes.as_bytes(), || numbers.next().unwrap());
        assert_eq!(content_type, format!("multipart/form-data; boundary={}", boundary(4)));
        assert_eq!(String::from_utf8(bytes).unwrap().matches(&boundary(4)).count(), 3);
    }

    #[test]
    fn a_name_or_a_type_cannot_add_a_header() {
        assert_eq!(quoted("a\"\r\nX: y.txt"), "a%22%0D%0AX: y.txt");
        assert_eq!(content_type("text/plain; charset=utf-8"), "text/plain; charset=utf-8");
        for wrong in ["text/plain\r\nX: y", "", "text", "text/\u{7}", "文/本"] {
            assert_eq!(content_type(wrong), "application/octet-stream", "{wrong:?}");
        }
    }
}
