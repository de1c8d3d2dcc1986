#[tokio::main]
async fn main() -> anyhow::Result<()> {
    functions::runtime::dispatch().await
}
