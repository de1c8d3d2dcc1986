//! Pictures of contacts.

use std::time::Duration;

use channel::{Batch, Card, ContactPage, Error};
use domain::{contact::ContactKind, job::Command, session::SessionState};
use tokio::time::sleep;

use super::{
    Running, Stage, config,
    scripted::{ACCOUNT, FRIEND, OTHER, batch, new_login, transient},
    settle,
};
use crate::Config;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF";

fn with_avatars() -> Config {
    Config { avatar_every: Some(Duration::from_millis(250)), ..config() }
}

fn friend(user_name: &str, seq: u64) -> Card {
    Card { picture_seq: Some(seq), ..Card::bare(user_name, ContactKind::Friend) }
}

impl Stage {
    /// A session whose contact list has two friends.
    async fn online_with_friends(&self) -> Running {
        let cards = vec![friend(FRIEND, 1), friend(OTHER, 2)];
        self.channel.contacts(Ok(ContactPage { cards, next: None }));
        let running = self.online_with(with_avatars()).await;
        sleep(Duration::from_millis(100)).await;
        running
    }

    fn asked(&self) -> Vec<String> {
        let calls = self.channel.calls().into_iter();
        calls.filter_map(|call| call.strip_prefix("avatar ").map(str::to_owned)).collect()
    }

    async fn bring_card(&self, card: Card) {
        self.channel.bring(Batch { changed: vec![card], ..batch("1", &[]) });
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pictures_come_slowly_once_and_a_restart_asks_for_none_again() {
    let stage = Stage::new().await;
    stage.channel.avatar(Ok(None));
    for _ in 0..2 {
        stage.channel.avatar(Ok(Some(JPEG)));
    }
    let running = stage.online_with_friends().await;
    assert_eq!(stage.asked(), ["@e1d54615 0 -"], "the account itself first, and one at a time");
    sleep(Duration::from_secs(1)).await;
    let mut asked = stage.asked();
    asked.sort();
    assert_eq!(asked, [format!("{FRIEND} 1 -"), format!("{OTHER} 2 -"), "@e1d54615 0 -".to_owned()]);
    assert_eq!(stage.stored("image/avatar/1fee435b.jpg").await.unwrap().content_type, "image/jpeg");
    assert_eq!(stage.stored("image/avatar/e1d54615.jpg").await, None, "it has none");
    assert!(!stage.row().await.avatars_left);
    running.stop().await;
    let running = stage.run_with(with_avatars());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.asked().len(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_picture_is_downloaded_alone() {
    let stage = Stage::new().await;
    let running = stage.online_with_friends().await;
    sleep(Duration::from_secs(1)).await;
    stage.bring_card(friend(FRIEND, 1)).await;
    assert_eq!(stage.asked().len(), 3, "it is the same picture");
    stage.channel.avatar(Ok(Some(JPEG)));
    stage.bring_card(friend(FRIEND, 7)).await;
    assert_eq!(stage.asked()[3..], [format!("{FRIEND} 7 -")]);
    assert!(stage.stored("image/avatar/1fee435b.jpg").await.is_some() && !stage.row().await.avatars_left);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_contacts_looks_for_new_pictures() {
    let stage = Stage::new().await;
    let running = stage.online_with_friends().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.asked().len(), 3);
    let cards = vec![friend(FRIEND, 1), friend(OTHER, 9)];
    stage.channel.contacts(Ok(ContactPage { cards, next: None }));
    stage.command(&running, Command::Update).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.asked()[3..], [format!("{OTHER} 9 -")]);
    assert!(!stage.row().await.avatars_left);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_continues_where_it_was() {
    let stage = Stage::new().await;
    stage.channel.avatar(Ok(None));
    // The second picture keeps failing until the worker is gone.
    for _ in 0..2 {
        stage.channel.avatar(Err(transient()));
    }
    let running = stage.online_with_friends().await;
    sleep(Duration::from_millis(500)).await;
    assert!(stage.row().await.avatars_left);
    running.stop().await;
    let before = stage.asked().len();
    let running = stage.run_with(with_avatars());
    sleep(Duration::from_secs(20)).await;
    assert!(stage.asked().len() >= before + 2 && !stage.row().await.avatars_left);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_fails_is_left_for_the_next_time_and_a_rate_limit_is_kept() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        stage.channel.avatar(Err(transient()));
    }
    stage.channel.avatar(Err(Error::RateLimited { after: Duration::from_mins(1) }));
    let running = stage.online_with_friends().await;
    sleep(Duration::from_secs(50)).await;
    assert_eq!(stage.asked().len(), 4);
    sleep(Duration::from_mins(8)).await;
    assert_eq!(stage.asked().len(), 6, "both friends");
    assert!(stage.row().await.avatars_left, "the account's own is left");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_leaves_the_rest_for_the_next_login() {
    let stage = Stage::new().await;
    let ended = Error::LoggedOut { code: 1101 };
    stage.channel.avatar(Err(ended.clone()));
    let running = stage.online_with_friends().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((stage.asked().len(), stage.row().await.state), (1, SessionState::Online), "the loop decides");
    stage.channel.push_login(Err(Error::Refused { reason: "no".to_owned() }));
    stage.channel.wait(Err(ended));
    settle().await;
    assert!(stage.row().await.avatars_left);
    stage.channel.start_login(Ok(new_login("qr-2")));
    stage.command(&running, Command::Login).await;
    stage.channel.contacts(Ok(ContactPage { cards: vec![friend(FRIEND, 1), friend(OTHER, 2)], next: None }));
    stage.channel.confirm(ACCOUNT);
    sleep(Duration::from_secs(5)).await;
    assert_eq!((stage.asked().len(), stage.row().await.avatars_left), (4, false));
    running.stop().await;
}
