//! Bodies of type `multipart/form-data`: parameters, and a file that streams into the bucket.
//!
//! The caller is authenticated before the file is read. So its credentials are in the query, in a header, or in parts before
//! the file's.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header;
use media::{MediaStore, PutError};
use multer::{Field, Multipart};

use crate::api::{
    auth::{AuthMode, Caller, MAX_BODY, admit},
    error::ApiError,
    params::Params,
    state::AppState,
};

/// The name of the part with the file.
pub(crate) const FILE: &str = "file";

/// An authenticated caller, and the file that it sends along.
pub(crate) struct FormCaller {
    pub(crate) caller: Caller,
    pub(crate) file: Option<FilePart>,
}

/// The part of a form with a file, still to be read; the parts after it come afterwards.
pub(crate) struct FilePart {
    field: Field<'static>,
    form: Multipart<'static>,
    budget: Arc<Budget>,
}

impl FromRequest<AppState> for FormCaller {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (essence, _) = kind.split_once(';').unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Ok(Self { caller: Caller::from_request(request, state).await?, file: None });
        }
        let boundary = multer::parse_boundary(kind).map_err(|error| malformed(&error))?;
        let (parts, body) = request.into_parts();
        let mut params = Params::from_query(parts.uri.query())?;
        let budget = Arc::new(Budget::default());
        budget.allow(MAX_BODY as u64);
        let mut form = Multipart::new(Budget::watch(&budget, body), boundary);
        let field = read_parts(&mut form, &budget, &mut params).await?;
        let caller = admit(&parts, params, state, AuthMode::Signature).await?;
        Ok(Self { caller, file: field.map(|field| FilePart { field, form, budget }) })
    }
}

impl FilePart {
    /// The name that the part gives the file.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.field.file_name().filter(|name| !name.is_empty())
    }

    /// Stores the file, of `limit` bytes at most, under `key`; without a key it is read and dropped. Then adds the
    /// parameters that come after it.
    pub(crate) async fn read(
        mut self,
        params: &mut Params,
        store: &MediaStore,
        key: Option<&str>,
        limit: u64,
    ) -> Result<(), ApiError> {
        self.budget.allow(limit.saturating_add(MAX_BODY as u64));
        if let Some(key) = key {
            store.put_stream(key, &mut self.field, limit).await.map_err(|error| match error {
                PutError::Source(error) => self.budget.fault(&error),
                PutError::Empty => ApiError::field(FILE, "is empty"),
                PutError::TooLarge { limit } => ApiError::FileTooLarge(limit),
                PutError::Store(error) => ApiError::Media(error),
            })?;
        }
        drop(self.field);
        self.budget.allow(limit.saturating_add(MAX_BODY as u64));
        match read_parts(&mut self.form, &self.budget, params).await? {
            None => Ok(()),
            Some(_) => Err(ApiError::Malformed("it may have one file".to_owned())),
        }
    }
}

/// Adds the parts of the form up to the file's, which is returned.
async fn read_parts(
    form: &mut Multipart<'static>,
    budget: &Budget,
    params: &mut Params,
) -> Result<Option<Field<'static>>, ApiError> {
    let (mut read, mut length) = (Vec::new(), 0);
    let file = loop {
        let Some(mut field) = form.next_field().await.map_err(|error| budget.fault(&error))? else { break None };
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(ApiError::Malformed("each part must have a name".to_owned()));
        };
        if name == FILE {
            break Some(field);
        }
        if field.file_name().is_some() {
            return Err(ApiError::Malformed(format!("the part with the file must have the name {FILE}")));
        }
        let mut value = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| budget.fault(&error))? {
            length += chunk.len();
            if length > MAX_BODY {
                return Err(ApiError::TooLarge("parameters may have 256 KiB"));
            }
            value.extend_from_slice(&chunk);
        }
        read.push((name, value));
    };
    params.add_parts(read)?;
    Ok(file)
}

fn malformed(error: &multer::Error) -> ApiError {
    ApiError::Malformed(error.to_string())
}

/// The bytes of a body that may still be read. The parser would keep a part's head of any length in memory.
#[derive(Default)]
struct Budget {
    read: AtomicU64,
    /// A chunk is refused if this many bytes came before it: on Lambda, the body is one chunk.
    limit: AtomicU64,
}

impl Budget {
    /// Allows so many bytes after those that were read so far.
    fn allow(&self, bytes: u64) {
        self.limit.store(self.read.load(Ordering::Relaxed).saturating_add(bytes), Ordering::Relaxed);
    }

    fn is_used_up(&self) -> bool {
        self.read.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed)
    }

    fn watch(budget: &Arc<Self>, body: Body) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send + use<> {
        let budget = Arc::clone(budget);
        body.into_data_stream().map(move |chunk| {
            if budget.is_used_up() {
                return Err("the budget is used up".into());
            }
            let chunk = chunk?;
            budget.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            Ok(chunk)
        })
    }

    /// Why the form cannot be read.
    fn fault(&self, error: &multer::Error) -> ApiError {
        if self.is_used_up() { ApiError::TooLarge("parameters may have 256 KiB") } else { malformed(error) }
    }
}
