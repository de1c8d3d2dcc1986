//! Which representation a request's `Accept` header asks for.

use http::{HeaderMap, header};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Representation {
    Page,
    Picture,
    Json,
}

/// The first media type of the header that is `offered`. JSON if none is; quality values are not read.
pub(crate) fn preferred(headers: &HeaderMap, offered: &[Representation]) -> Representation {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let media_types = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
    let representation = |media_type: &str| match media_type {
        "text/html" => Some(Representation::Page),
        "application/json" | "*/*" => Some(Representation::Json),
        _ => media_type.starts_with("image/").then_some(Representation::Picture),
    };
    media_types.filter_map(representation).find(|found| offered.contains(found)).unwrap_or(Representation::Json)
}
