//! The function for requests that API Gateway has no route for. API Gateway accepts no route that ends in a slash, so
//! this function redirects each such path to the one without; every other path is 404.

use axum::{Router, response::Redirect, routing::any};
use boot::Grant;
use http::Uri;

use crate::api::{endpoint::spellings, endpoints::ROUTES};

/// The AWS operations that the function may call, besides writing its log.
pub const GRANTS: &[Grant] = &[];

pub fn router() -> Router {
    let mut paths: Vec<String> = ROUTES.iter().flat_map(|route| spellings(route.path).into_iter().skip(1)).collect();
    paths.sort();
    paths.dedup();
    paths.iter().fold(Router::new(), |router, path| router.route(path, any(remove_slash)))
}

async fn remove_slash(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("{}{query}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use boot::OsIds;
    use tower::ServiceExt;

    use super::*;
    use crate::api::router::complete;

    #[tokio::test]
    async fn a_path_with_a_slash_is_redirected_to_the_one_without() {
        let ask = async |path: &str| {
            let request = http::Request::post(path).body(Body::empty()).unwrap();
            let answer = complete(router(), Arc::new(OsIds), ()).oneshot(request).await.unwrap();
            let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
            (answer.status().as_u16(), to)
        };
        assert_eq!(ask("/send/?text=%E5%A5%BD").await, (308, Some("/send?text=%E5%A5%BD".to_owned())));
        assert_eq!(ask("/members/973e46d8/").await, (308, Some("/members/973e46d8".to_owned())));
        assert_eq!(ask("/nothing/").await, (404, None));
        assert_eq!(ask("//example.com/").await, (404, None));
        assert_eq!(ask("//").await, (404, None));
        assert_eq!(ask("/").await, (404, None));
    }
}
