//! The answers that are JavaScript: `window.code=201;`, `window.QRLogin.uuid = "…";`,
//! `window.synccheck={retcode:"0",selector:"2"}`. The last is not JSON.

/// The value after `key` and `=` or `:`, without quotes; `None` without the key.
pub(crate) fn value<'a>(script: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = script.split_once(key)?;
    let after = after.trim_start().strip_prefix(['=', ':'])?.trim_start();
    match after.chars().next()? {
        quote @ ('"' | '\'') => after[1..].split(quote).next(),
        _ => after.split([';', ',', '}', ' ', '\r', '\n']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_no_quotes() {
        let code = "window.QRLogin.code = 200; window.QRLogin.uuid = \"4dYwQ1iNVA==\";";
        assert_eq!(value(code, "window.QRLogin.code"), Some("200"));
        assert_eq!(value(code, "window.QRLogin.uuid"), Some("4dYwQ1iNVA=="));
        let scanned = "window.code=201;window.userAvatar = 'data:img/jpg;base64,/9j/4AA=';";
        assert_eq!(value(scanned, "window.code"), Some("201"));
        assert_eq!(value(scanned, "window.userAvatar"), Some("data:img/jpg;base64,/9j/4AA="));
        let confirmed = "window.code=200;\nwindow.redirect_uri=\"https://wx2.qq.com/x?ticket=A@b_0&uuid=c==\";";
        assert_eq!(value(confirmed, "window.redirect_uri"), Some("https://wx2.qq.com/x?ticket=A@b_0&uuid=c=="));
        assert_eq!(value(confirmed, "window.userAvatar"), None);
    }

    #[test]
    fn synccheck_is_read_although_it_is_not_json() {
        let check = "window.synccheck={retcode:\"1101\",selector:\"0\"}";
        assert_eq!(value(check, "retcode"), Some("1101"));
        assert_eq!(value(check, "selector"), Some("0"));
        assert_eq!(value("<html>", "retcode"), None);
    }
}
