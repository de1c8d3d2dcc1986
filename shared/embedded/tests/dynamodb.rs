//! The features of DynamoDB that the ledger needs, through the SDK.

mod support;

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use support::{TABLE, create_table, dynamodb, in_memory, new_row, number, rows, text};

#[tokio::test]
async fn a_failed_conditional_put_returns_the_existing_row() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    new_row(&client, "app", 1).item("who", text("first")).send().await.expect("the row is new");

    let error = new_row(&client, "app", 1)
        .item("who", text("second"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .expect_err("the row exists")
        .into_service_error();

    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(conflict) = error else {
        unreachable!()
    };
    assert_eq!(conflict.item().expect("old row")["who"], text("first"));
}

#[tokio::test]
async fn one_of_many_writers_of_a_new_row_succeeds() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;

    let writers = (0..16).map(|_| new_row(&client, "app", 1).send());
    let won = futures_util::future::join_all(writers).await.into_iter().flatten().count();

    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_sparse_index_holds_only_rows_that_have_its_key() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    new_row(&client, "app", 1).send().await.expect("not due");
    for (sk, due_at) in [(2, 30), (3, 10), (4, 20)] {
        new_row(&client, "app", sk)
            .item("due_pk", text("shard-0"))
            .item("due_at", number(due_at))
            .send()
            .await
            .expect("due");
    }

    let due = client
        .query()
        .table_name(TABLE)
        .index_name("due")
        .key_condition_expression("due_pk = :shard AND due_at <= :now")
        .expression_attribute_values(":shard", text("shard-0"))
        .expression_attribute_values(":now", number(20))
        .send()
        .await
        .expect("query");

    let in_order: Vec<_> = due.items().iter().map(|row| row["sk"].clone()).collect();
    assert_eq!(in_order, [number(3), number(4)]);
}

#[tokio::test]
async fn a_transaction_writes_all_or_nothing_and_names_the_failed_write() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    new_row(&client, "app", 2).send().await.expect("row 2");
    let put = |sk: usize| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", text("app"))
            .item("sk", number(sk))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .expect("put");
        TransactWriteItem::builder().put(put).build()
    };
    let write =
        |rows: [usize; 2]| client.transact_write_items().set_transact_items(Some(rows.map(put).to_vec())).send();

    let error = write([1, 2]).await.expect_err("row 2 exists").into_service_error();

    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("{error:?}");
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert_eq!(rows(&client, "app").await, 1);
    write([3, 4]).await.expect("both are new");
    assert_eq!(rows(&client, "app").await, 3);
}

#[tokio::test]
async fn a_page_starts_where_the_last_one_ended() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    for sk in 1..=7 {
        new_row(&client, "app", sk).send().await.expect("row");
    }

    let mut seen = Vec::new();
    let mut from = None;
    loop {
        let page = client
            .query()
            .table_name(TABLE)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text("app"))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(3)
            .set_exclusive_start_key(from)
            .send()
            .await
            .expect("page");
        seen.extend(page.items().iter().map(|row| row["sk"].clone()));
        from = page.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }

    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1].map(number));
}

#[tokio::test]
async fn a_response_longer_than_a_packet_is_complete() {
    let services = in_memory().await;
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    let body = "字".repeat(40_000);
    for sk in 1..=4 {
        new_row(&client, "app", sk).item("body", text(&body)).send().await.expect("row");
    }

    let page = client
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", text("app"))
        .send()
        .await
        .expect("page");

    assert_eq!(page.count(), 4);
    assert!(page.items().iter().all(|row| row["body"] == text(&body)));
}
