#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    functions::runtime::serve(&functions::api::endpoints::friends_accept::ENDPOINT).await
}
