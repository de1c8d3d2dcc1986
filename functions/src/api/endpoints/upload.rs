//! `POST /upload`: a URL that takes a file by `PUT`, for one that is too large for a request to the API. `/send` takes the
//! file by its name.

use axum::routing::on;
use boot::{
    Grant::{Media, Table},
    MediaOperation::PutObject,
    TableOperation::BatchGetItem,
};
use domain::{id::JobId, media::upload_key};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    auth::Caller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    openapi::{Auth, Operation, Reply},
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "upload",
    title: Title { zh: "上传大文件", en: "Upload a large file" },
    routes: &[Route { method: Method::Post, path: "/upload", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Media(PutObject)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: false,
        query: "",
        fields: &["expires_in", "max_bytes", "method", "name", "url"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/upload"],
    summary: "A URL for a file that is too large for a request to the API. `/send` takes the file by its name.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<Upload>>("Where to put the file.")],
    failures: &[],
}];

/// How long the URL works.
const VALID: std::time::Duration = std::time::Duration::from_mins(15);

#[derive(Serialize, JsonSchema)]
struct Upload {
    /// The parameter `upload` of `/send`.
    name: JobId,
    #[schemars(url)]
    url: String,
    #[schemars(extend("const" = "PUT"))]
    method: &'static str,
    /// Seconds.
    expires_in: u64,
    /// The largest file that `/send` takes.
    max_bytes: u64,
}

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<Upload>, ApiError> {
    let name = JobId::generate(&*state.relay.ids);
    let url = state.relay.media.presign_put(&upload_key(&caller.app.id, name.as_str()), VALID).await?;
    let (expires_in, max_bytes) = (VALID.as_secs(), state.config.max_media_bytes);
    Ok(ApiResponse::new(Upload { name, url, method: "PUT", expires_in, max_bytes }))
}

#[cfg(test)]
mod tests {
    use domain::media::upload_key;

    use crate::support::Api;

    #[tokio::test]
    async fn the_url_takes_a_file_without_credentials() {
        let api = Api::start().await;
        let mut answer = api.post("/upload", &[], "").await;
        let url = answer.json["url"].take();
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "expires_in": 900,
          "max_bytes": 104857600,
          "method": "PUT",
          "name": "00000000000000000000000000000009",
          "success": true,
          "url": null
        }
        "#);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let put = client.put(url.as_str().unwrap()).body("bytes").send().await.unwrap();
        assert_eq!(put.status(), 200);
        let key = upload_key(&api.app.id, "00000000000000000000000000000009");
        assert_eq!(api.fixture.relay.media.head(&key).await.unwrap().unwrap().size, 5);
        // It names this object and this method only.
        let other = url.as_str().unwrap().replace("00009", "0000a");
        assert_eq!(client.put(other).body("bytes").send().await.unwrap().status(), 403);
        assert_eq!(client.get(url.as_str().unwrap()).send().await.unwrap().status(), 403);
        assert_eq!(api.get("/upload").await.status, 405);
        assert_eq!(api.request(http::Request::post("/upload")).await.json["code"], "unauthorized");
    }
}
