//! Signed links: beside each media path of a response, a URL that opens it for an hour without credentials.

use domain::{
    app::App,
    media::{MediaPath, PREFIX},
};
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// How long a link works.
const VALID: SignedDuration = SignedDuration::from_hours(1);

/// Signs links to the media of one app.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    base: Option<&'a Url>,
    app: &'a App,
    expires: Timestamp,
}

impl<'a> Links<'a> {
    /// `base` is the API's URL; without it there are no links.
    pub fn new(base: Option<&'a Url>, app: &'a App, now: Timestamp) -> Self {
        Self { base, app, expires: now.saturating_add(VALID).unwrap_or(now) }
    }

    /// The link that opens a path of the API; `None` for a text that is none.
    pub fn link(&self, path: &str) -> Option<String> {
        let path = MediaPath::parse(path.strip_prefix(PREFIX)?)?;
        self.base.map(|base| path.link(base, self.app, self.expires))
    }
}
