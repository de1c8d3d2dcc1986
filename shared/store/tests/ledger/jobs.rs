//! Jobs.

use domain::{
    channel::Cursor,
    id::{JobId, Seq},
    job::{Command, Job, JobState},
};
use store::{Checkpoint, Claim, Due};

use crate::support::{APP, Ledger, at, is_conflict, is_corrupt, job_id, message, puid};

fn job(id: &str, shard: u16, seconds: i64) -> Job {
    let command = Command::SendText { to: puid("friend01"), text: "好的".into() };
    Job::queued(job_id(id), APP.clone(), shard, command, at(seconds))
}

fn ids(due: &[Due<JobId>]) -> Vec<&str> {
    due.iter().map(|due| due.id.as_str()).collect()
}

#[tokio::test]
async fn a_job_is_written_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let first = job("one", 0, 0);
    assert!(store.put_job(&first).await.unwrap());
    assert!(!store.put_job(&Job { command: Command::Logout, ..first.clone() }).await.unwrap());
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), Some(first));
    assert_eq!(store.job(&APP, &job_id("two")).await.unwrap(), None);
    for (id, command) in [("login", Command::Login), ("logout", Command::Logout)] {
        let job = Job { command, ..job(id, 0, 0) };
        assert!(store.put_job(&job).await.unwrap());
        assert_eq!(store.job(&APP, &job_id(id)).await.unwrap(), Some(job));
    }
}

#[tokio::test]
async fn a_job_claimed_again_is_uncertain_and_ends_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    store.put_job(&job("one", 0, 0)).await.unwrap();
    let claimed =
        |uncertain, seconds| Job { state: JobState::Sending { uncertain }, updated: at(seconds), ..job("one", 0, 0) };
    assert_eq!(store.claim_job(&APP, &job_id("one"), at(1)).await.unwrap(), Claim::Ours(claimed(false, 1)));
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), Some(claimed(false, 1)));
    assert_eq!(store.claim_job(&APP, &job_id("one"), at(2)).await.unwrap(), Claim::Ours(claimed(true, 2)));
    let sent = JobState::Sent { message_id: Some(6_050_338_562_629_220_245) };
    assert!(store.finish_job(&claimed(true, 2), sent.clone(), at(3)).await.unwrap());
    let done = Some(Job { state: sent, updated: at(3), ..job("one", 0, 0) });
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), done);
    assert!(!store.finish_job(&claimed(true, 2), JobState::Failed { why: "x".into() }, at(4)).await.unwrap());
    assert_eq!(store.claim_job(&APP, &job_id("one"), at(5)).await.unwrap(), Claim::Done);
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), done);
}

#[tokio::test]
async fn an_unclaimed_job_can_fail_and_an_unknown_job_cannot_be_claimed() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    store.put_job(&job("one", 0, 0)).await.unwrap();
    let failed = JobState::Failed { why: "not online".into() };
    assert!(store.finish_job(&job("one", 0, 0), failed.clone(), at(1)).await.unwrap());
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap().unwrap().state, failed);
    assert_eq!(store.claim_job(&APP, &job_id("two"), at(1)).await.unwrap(), Claim::Done);
    assert!(!store.finish_job(&job("two", 0, 0), failed, at(1)).await.unwrap());
    assert_eq!(store.job(&APP, &job_id("two")).await.unwrap(), None);
}

#[tokio::test]
async fn appending_a_sent_message_and_ending_its_job_is_one_transaction() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let checkpoint = Checkpoint { login_number: 1, cursor: Cursor::new("{}") };
    store.put_job(&job("one", 0, 0)).await.unwrap();
    store.append(&APP, &message(1, "theirs"), None).await.unwrap();
    // The sequence number is in use, so the job does not end.
    assert!(is_conflict(&store.append_sent(&message(1, "ours"), &checkpoint, &job("one", 0, 0), at(1)).await));
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), Some(job("one", 0, 0)));
    let sent = message(2, "ours");
    store.append_sent(&sent, &checkpoint, &job("one", 0, 0), at(2)).await.unwrap();
    let newest = store.tail(&APP, 1).await.unwrap().remove(0);
    assert_eq!((&newest.message, newest.checkpoint.as_ref()), (&sent, Some(&checkpoint)));
    assert_eq!(newest.sent_by, Some(job_id("one")));
    let found = store.newest(&APP, 1, |message| message.id == sent.id).await.unwrap().unwrap();
    assert_eq!((&found.message, found.sent_by), (&sent, Some(job_id("one"))));
    assert!(store.newest(&APP, 1, |message| message.seq == Seq::FIRST).await.unwrap().is_none(), "it is one row back");
    assert!(store.newest(&APP, 2, |message| message.seq == Seq::FIRST).await.unwrap().is_some());
    let state = JobState::Sent { message_id: Some(sent.id) };
    assert_eq!(store.job(&APP, &job_id("one")).await.unwrap(), Some(Job { state, updated: at(2), ..job("one", 0, 0) }));
    assert!(store.open_jobs(0).await.unwrap().is_empty());
    // The job has ended, so the message is not appended.
    assert!(is_conflict(&store.append_sent(&message(3, "again"), &checkpoint, &job("one", 0, 0), at(3)).await));
    assert!(is_conflict(&store.append_sent(&message(3, "again"), &checkpoint, &job("two", 0, 0), at(3)).await));
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(2));
}

#[tokio::test]
async fn an_unfinished_job_is_overdue_after_a_minute() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    for (id, shard, seconds) in [("late", 0, 10), ("early", 0, 0), ("other", 1, 0), ("ended", 0, 0)] {
        store.put_job(&job(id, shard, seconds)).await.unwrap();
    }
    store.finish_job(&job("ended", 0, 0), JobState::Sent { message_id: None }, at(1)).await.unwrap();
    assert!(store.overdue_jobs(0, at(59), 10).await.unwrap().is_empty());
    assert_eq!(ids(&store.overdue_jobs(0, at(60), 10).await.unwrap()), ["early"]);
    assert_eq!(ids(&store.overdue_jobs(0, at(70), 10).await.unwrap()), ["early", "late"]);
    assert_eq!(ids(&store.overdue_jobs(0, at(70), 1).await.unwrap()), ["early"]);
    assert_eq!(ids(&store.open_jobs(0).await.unwrap()), ["early", "late"]);
    assert_eq!(ids(&store.open_jobs(1).await.unwrap()), ["other"]);
    store.claim_job(&APP, &job_id("early"), at(61)).await.unwrap();
    assert_eq!(ids(&store.open_jobs(0).await.unwrap()), ["early", "late"]);
}

#[tokio::test]
async fn only_one_sweep_postpones_an_overdue_job() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    store.put_job(&job("one", 0, 0)).await.unwrap();
    let due = store.overdue_jobs(0, at(60), 10).await.unwrap().remove(0);
    assert_eq!((&due.app, due.at), (&*APP, at(60).as_millisecond()));
    assert!(store.postpone_job(&due, at(60)).await.unwrap());
    assert!(!store.postpone_job(&due, at(60)).await.unwrap());
    assert!(store.overdue_jobs(0, at(119), 10).await.unwrap().is_empty());
    let again = store.overdue_jobs(0, at(120), 10).await.unwrap().remove(0);
    store.finish_job(&job("one", 0, 0), JobState::Sent { message_id: None }, at(121)).await.unwrap();
    assert!(!store.postpone_job(&again, at(121)).await.unwrap());
    assert!(store.open_jobs(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_are_kept_for_a_week() {
    let ledger = Ledger::start().await;
    ledger.store.put_job(&job("one", 0, 0)).await.unwrap();
    let row = ledger.item(&format!("APP#{}", *APP), "JOB#one").await.unwrap();
    assert_eq!(row["ttl"].as_n().unwrap(), &at(7 * 24 * 3_600).as_second().to_string());
}

#[tokio::test]
async fn an_unreadable_job_is_reported() {
    let ledger = Ledger::start().await;
    ledger.store.put_job(&job("one", 0, 0)).await.unwrap();
    ledger.spoil(&format!("APP#{}", *APP), "JOB#one", "command").await;
    assert!(is_corrupt(ledger.store.job(&APP, &job_id("one")).await, "JOB#one"));
    assert!(is_corrupt(ledger.store.claim_job(&APP, &job_id("one"), at(1)).await, "JOB#one"));
}
