//! The bytes at a URL that an app's program has given. Only addresses that the policy allows are called.

use futures_util::{StreamExt, stream};
use guard::Failed;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_DISPOSITION, LOCATION},
};
use tokio::time::timeout;
use url::Url;

use super::staged::Incoming;
use crate::{context::WorkerContext, session::transfer::Failure};

/// Redirects that are followed; each target is vetted.
const REDIRECTS: u32 = 3;

/// Requests a URL, and returns its bytes once they begin to come.
pub(super) async fn fetch(worker: &WorkerContext, url: &str) -> Result<Incoming, Failure> {
    let mut url = Url::parse(url).map_err(|error| Failure::lasting(format!("the URL cannot be read: {error}")))?;
    for _ in 0..=REDIRECTS {
        let response = get(worker, &url).await?;
        if let Some(target) = redirect(&response) {
            url = url.join(target).map_err(|_| Failure::lasting("the URL redirects to what is no URL"))?;
            continue;
        }
        let status = response.status();
        if !status.is_success() {
            let why = format!("the URL answered {}", status.as_u16());
            let may_pass = status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            return Err(if may_pass { Failure::passing(why) } else { Failure::lasting(why) });
        }
        let limit = worker.config.max_media_bytes;
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(Failure::lasting(format!("the media have more than {limit} bytes")));
        }
        let disposition = response.headers().get(CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
        let name = disposition.and_then(file_name);
        let bytes = stream::try_unfold(response, |mut response| async move {
            Ok(response.chunk().await.map_err(failure)?.map(|chunk| (chunk, response)))
        });
        return Ok(Incoming { name, bytes: bytes.boxed() });
    }
    Err(Failure::lasting(format!("the URL redirects more than {REDIRECTS} times")))
}

async fn get(worker: &WorkerContext, url: &Url) -> Result<Response, Failure> {
    let refused = |why: String| Failure::lasting(format!("the URL may not be called: {why}"));
    worker.config.media_urls.check_url(url).map_err(|error| refused(error.to_string()))?;
    let client = worker.fetcher().ok_or_else(|| Failure::passing("the HTTP client cannot be made"))?;
    let idle = worker.config.media_idle;
    match timeout(idle, client.get(url.clone()).send()).await {
        Ok(answer) => answer.map_err(failure),
        Err(_) => Err(Failure::passing(format!("the URL did not answer within {} s", idle.as_secs()))),
    }
}

fn failure(error: reqwest::Error) -> Failure {
    match guard::failed(error) {
        Failed::Refused(refused) => Failure::lasting(format!("the URL may not be called: {refused}")),
        Failed::Unreachable(why) => Failure::passing(format!("the URL cannot be reached: {why}")),
    }
}

/// The target of a redirect.
fn redirect(response: &Response) -> Option<&str> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers().get(LOCATION).filter(|_| is_redirect)?.to_str().ok()
}

/// The file's name in a `Content-Disposition`; the encoded form is preferred (RFC 6266).
fn file_name(disposition: &str) -> Option<String> {
    let parameter = |wanted: &str| {
        disposition.split(';').skip(1).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
        })
    };
    let encoded = parameter("filename*")
        .and_then(|value| value.splitn(3, '\'').nth(2))
        .map(|value| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned());
    encoded.or_else(|| parameter("filename").map(str::to_owned)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_name_that_its_server_gives_it() {
        for (disposition, name) in [
            ("attachment; filename=\"a b.pdf\"", Some("a b.pdf")),
            ("attachment; filename=a.pdf", Some("a.pdf")),
            ("attachment; filename=\"x\"; FILENAME*=UTF-8''%E6%8A%A5%E5%91%8A.pdf", Some("报告.pdf")),
            ("inline", None),
            ("attachment; filename=\"\"", None),
        ] {
            assert_eq!(file_name(disposition).as_deref(), name, "{disposition}");
        }
    }
}
