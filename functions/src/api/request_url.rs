//! The URL of a request, as its caller knows it.

use http::request::Parts;
use url::{Host, Url};

/// The API's URL: `public` if that is set, else the host that the caller used, as proxies forward it.
pub(crate) fn base(parts: &Parts, public: Option<&Url>) -> Url {
    public.cloned().unwrap_or_else(|| requested(parts))
}

/// The request's URL under the API's.
pub(crate) fn of(parts: &Parts, base: &Url) -> Url {
    let mut url = base.clone();
    let path = format!("{}{}", url.path().trim_end_matches('/'), parts.uri.path());
    url.set_path(&path);
    url.set_query(parts.uri.query());
    url
}

fn requested(parts: &Parts) -> Url {
    let forwarded = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let host = forwarded("x-forwarded-host").or_else(|| forwarded("host"));
    let host = host.or_else(|| parts.uri.authority().map(ToString::to_string)).unwrap_or_default();
    let mut url =
        Url::parse(&format!("http://{host}/")).unwrap_or_else(|_| Url::parse("http://localhost/").expect("a URL"));
    // The Lambda runtime assumes TLS unless a proxy forwards the scheme. `cargo lambda watch` forwards none and has no TLS.
    let scheme = forwarded("x-forwarded-proto")
        .or_else(|| parts.uri.scheme_str().filter(|_| !is_loopback(&url)).map(str::to_owned));
    if scheme.is_some_and(|scheme| scheme == "https") {
        url.set_scheme("https").expect("both schemes are special");
    }
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_follow_the_address_that_the_caller_used() {
        let url = |headers: &[(&str, &str)], public: Option<&str>| {
            let request = headers.iter().fold(http::Request::get("/friends/?a=%E6%9D%8E&page=2"), |request, header| {
                request.header(header.0, header.1)
            });
            let (parts, ()) = request.body(()).unwrap().into_parts();
            of(&parts, &base(&parts, public.map(|url| Url::parse(url).unwrap()).as_ref())).to_string()
        };
        assert_eq!(url(&[("host", "127.0.0.1:9000")], None), "http://127.0.0.1:9000/friends/?a=%E6%9D%8E&page=2");
        let proxied = [("host", "inner"), ("x-forwarded-proto", "https,http"), ("x-forwarded-host", "relay.example")];
        assert_eq!(url(&proxied, None), "https://relay.example/friends/?a=%E6%9D%8E&page=2");
        assert_eq!(url(&proxied, Some("https://a.b/c/")), "https://a.b/c/friends/?a=%E6%9D%8E&page=2");
        assert_eq!(url(&[("host", "nonsense/?")], None), "http://nonsense/friends/?a=%E6%9D%8E&page=2");
        assert_eq!(url(&[], None), "http://localhost/friends/?a=%E6%9D%8E&page=2");

        // As the Lambda runtime builds requests.
        let on_lambda = |host: &str| {
            let request = http::Request::get(format!("https://{host}/mps")).header("host", host);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            of(&parts, &base(&parts, None)).to_string()
        };
        assert_eq!(on_lambda("relay.example"), "https://relay.example/mps");
        for host in ["127.0.0.1:9000", "[::1]:9000", "localhost:9000"] {
            assert_eq!(on_lambda(host), format!("http://{host}/mps"));
        }
    }
}
