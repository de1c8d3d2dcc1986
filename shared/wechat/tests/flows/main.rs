//! The client against the simulated WeChat, which keeps account of everything a client does wrong.
//!
//! Where the peculiarities of the protocol are tested, here and in the unit tests of `src`:
//!
//! | peculiarity | tests |
//! |---|---|
//! | 301 without Location, answer in the body | `wire::a_redirect_…`, every login in desktop mode |
//! | desktop mode and its headers, 1203 | `login::an_account_without_the_web_…`, `login::who_is_refused_…`, `wire::…` |
//! | `pass_ticket` encoded, `+ / =` in keys, cookie dates and domains | `wire::a_redirect_…`, `src/cookies.rs` |
//! | numbers as text, ids above 2^53 | `src/wire/lenient.rs`, `src/send.rs`, `messages::text_comes_…` |
//! | UTF-8 unescaped both ways | `src/send.rs`, `messages::text_goes_out_…`, `messages::text_comes_…` |
//! | synccheck, keys that grow, old keys, `ContinueFlag` | `src/sync.rs`, `messages::every_batch_…` |
//! | groups that are not saved, groups without members, short entries | `contacts::groups_…`, `messages::stage`, `messages::changes_…` |
//! | no echo, the phone's own messages | `messages::the_phone_…`, `src/incoming/tests.rs` |
//! | senders, entities, emoji, mentions | `src/text.rs`, `src/emoji.rs`, `messages::groups_…` |
//! | locations, friend requests, every `MsgType` | `src/incoming/tests.rs`, `media::every_kind_…` |
//! | ranges, empty answers, the data ticket | `media::media_of_…`, `media::an_empty_…` |
//! | chunks, announced uploads | `media::files_…` |
//! | what survives a login (`seq` of pictures, Uin) | `src/wire/contact.rs`, `contacts::the_list_…` |
//! | one login replaces another | `login::one_login_…` |

mod contacts;
mod login;
mod media;
mod messages;
mod support;
mod trouble;
mod wire;
