//! Pages that load nothing from elsewhere.

use axum::response::{IntoResponse, Response};
use http::header;

/// A page of `template`. `directives` is the part of its content security policy that allows something: `{{nonce}}` there
/// and in the template becomes `nonce`, so that only the page's own styles and scripts take effect.
pub(crate) fn page(template: &str, nonce: &str, directives: &str) -> Response {
    let directives = directives.replace("{{nonce}}", nonce);
    let policy =
        format!("default-src 'none'; {directives}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, template.replace("{{nonce}}", nonce)).into_response()
}
