//! Pages of a list, with absolute links that keep the caller's own query.
//!
//! As in Django REST framework: a `page` that is no number, or past the end, is 404 `invalid_page`; a `page_size` that
//! is no positive number is passed over, and one above the limit counts as the limit.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::page::{DEFAULT_SIZE, MAX_SIZE, PageRequest, link};
use serde::Serialize;
use url::Url;

use crate::api::{error::ApiError, params::Params};

/// The page that a request asks for.
pub fn requested(params: &Params) -> Result<PageRequest, ApiError> {
    let page = params.get("page").map_or(Some(1), |page| page.parse().ok().filter(|page| *page > 0));
    Ok(PageRequest { page: page.ok_or(ApiError::InvalidPage)?, size: size(params) })
}

/// The page size that a request asks for, in rows.
pub fn size(params: &Params) -> u32 {
    let asked = params.get("page_size").and_then(|size| size.parse::<u64>().ok()).filter(|size| *size > 0);
    asked.map_or(DEFAULT_SIZE, |size| u32::try_from(size).unwrap_or(MAX_SIZE).min(MAX_SIZE))
}

#[derive(Serialize)]
struct Body<Row> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Row>,
    success: bool,
}

/// A page of `count` rows as the contract shows it; `url` is the request's own.
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

/// A page of rows that are all at hand.
pub fn cut<'a, Row: Serialize + 'a>(
    params: &Params,
    url: &Url,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<Response, ApiError> {
    let request = requested(params)?;
    let (mut count, mut page) = (0, Vec::new());
    for row in rows {
        if count >= request.offset() && page.len() < request.size as usize {
            page.push(row);
        }
        count += 1;
    }
    respond(request, url, count, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_are_read_as_django_rest_framework_does() {
        let ask = |query| requested(&Params::of_query(Some(query)));
        let page = |page, size| PageRequest { page, size };
        assert_eq!(ask("").unwrap(), page(1, 20));
        assert_eq!(ask("page=3&page_size=50").unwrap(), page(3, 50));
        assert_eq!(ask("page_size=101").unwrap(), page(1, 100));
        assert_eq!(ask("page_size=99999999999999").unwrap(), page(1, 100));
        assert_eq!(ask("page_size=0").unwrap(), page(1, 20));
        assert_eq!(ask("page_size=x").unwrap(), page(1, 20));
        for wrong in ["page=0", "page=-1", "page=x", "page=1.5"] {
            assert!(matches!(ask(wrong), Err(ApiError::InvalidPage)), "{wrong}");
        }
    }
}
