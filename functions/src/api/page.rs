//! Pages of a list, with absolute links that keep the caller's query.
//!
//! As in Django REST framework, a `page` that is not a number or is past the end is 404 `invalid_page`, and a `page_size`
//! above the limit counts as the limit. Unlike there, a `page_size` that is not a positive number is refused.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::page::{DEFAULT_SIZE, MAX_SIZE, PageRequest, link};
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::api::{error::ApiError, params::Params};

/// The requested page.
pub fn request(params: &Params) -> Result<PageRequest, ApiError> {
    let page = params.get("page").map_or(Some(1), |page| page.parse().ok().filter(|page| *page > 0));
    Ok(PageRequest { page: page.ok_or(ApiError::InvalidPage)?, size: size(params)? })
}

/// The requested page size, in rows.
pub fn size(params: &Params) -> Result<u32, ApiError> {
    let Some(size) = params.get("page_size") else { return Ok(DEFAULT_SIZE) };
    let size = size.parse::<u64>().ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| ApiError::field("page_size", "must be a number from 1 to 100"))?;
    Ok(u32::try_from(size).unwrap_or(MAX_SIZE).min(MAX_SIZE))
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{Row}Page")]
pub(crate) struct Body<Row> {
    /// Rows on all pages.
    #[schemars(example = 313)]
    count: u64,
    /// The URL of the next page.
    #[schemars(url, example = &"https://relay.example/friends?page=2")]
    next: Option<String>,
    /// The URL of the page before.
    #[schemars(url, example = None::<String>)]
    previous: Option<String>,
    results: Vec<Row>,
    #[schemars(extend("const" = true))]
    success: bool,
}

/// The response with one page, `results`, of `count` rows. `url` is the request's.
pub fn respond<Row: Serialize>(
    request: PageRequest,
    url: &Url,
    count: u64,
    results: Vec<Row>,
) -> Result<Response, ApiError> {
    if !request.exists(count) {
        return Err(ApiError::InvalidPage);
    }
    let next = request.has_next(count).then(|| link(url, request.page + 1));
    let previous = (request.page > 1).then(|| link(url, request.page - 1));
    Ok(Json(Body { count, next, previous, results, success: true }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_django_rest_framework_does_and_odd_sizes_refused() {
        let ask = |query| request(&Params::from_query(Some(query)).unwrap());
        let page = |page, size| PageRequest { page, size };
        assert_eq!(ask("").unwrap(), page(1, 20));
        assert_eq!(ask("page=3&page_size=50").unwrap(), page(3, 50));
        assert_eq!(ask("page_size=101").unwrap(), page(1, 100));
        assert_eq!(ask("page_size=99999999999999").unwrap(), page(1, 100));
        for wrong in ["page_size=0", "page_size=x", "page_size=-1", "page_size=1.5"] {
            assert!(matches!(ask(wrong), Err(ApiError::Invalid(_))), "{wrong}");
        }
        for wrong in ["page=0", "page=-1", "page=x", "page=1.5"] {
            assert!(matches!(ask(wrong), Err(ApiError::InvalidPage)), "{wrong}");
        }
    }
}
