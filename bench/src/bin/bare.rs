//! A minimal function with one DynamoDB read: the baseline of the cold start benchmark.
//!
//!     bare TABLE PARTITION SORT

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let [table, pk, sk] = std::array::from_fn(|_| arguments.next().unwrap_or_default());
    let shared = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&shared);
    let handle = async |_: Request| {
        let get = client.get_item().table_name(&table);
        let get = get.key("pk", AttributeValue::S(pk.clone())).key("sk", AttributeValue::S(sk.clone()));
        let found = get.send().await?.item.is_some();
        Ok::<_, Error>(Response::new(Body::Text(format!(r#"{{"success":{found}}}"#))))
    };
    lambda_http::run(service_fn(handle)).await
}
