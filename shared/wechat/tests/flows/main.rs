//! The client against the simulator, which records every violation of the protocol.
//!
//! Tests of the protocol's peculiarities, here and in the unit tests of `src`:
//!
//! | peculiarity | tests |
//! |---|---|
//! | 301 without Location, answer in the body | `wire::a_redirect_…`, every login in desktop mode |
//! | desktop mode and its headers, 1203 | `login::an_account_without_web_…`, `login::a_refused_…`, `wire::…` |
//! | `pass_ticket` encoded, `+ / =` in keys, cookie dates and domains | `wire::a_redirect_…`, `src/cookies.rs` |
//! | numbers as text, ids above 2^53 | `src/wire/lenient.rs`, `src/send.rs`, `messages::received_text_…` |
//! | unescaped UTF-8 in both directions | `src/send.rs`, `messages::sent_text_…`, `messages::received_text_…` |
//! | synccheck, keys that grow, old keys, `ContinueFlag` | `src/sync.rs`, `messages::all_batches_…` |
//! | unsaved groups, groups without members, short entries | `contacts::described_groups_…`, `messages::stage`, `messages::a_batch_…` |
//! | no echo, messages from the phone | `messages::the_phones_…`, `src/incoming/tests.rs` |
//! | senders, entities, emoji, mentions | `src/text.rs`, `src/emoji.rs`, `messages::messages_in_a_group_…` |
//! | locations, friend requests, every `MsgType` | `src/incoming/tests.rs`, `media::every_kind_…` |
//! | ranges, empty answers, the data ticket | `media::media_…`, `media::a_download_…` |
//! | text that is not UTF-8, `null` anywhere, ids of 0 | `odd`, `src/incoming/entry.rs`, `src/wire/repair.rs` |
//! | chunks, announced uploads | `media::files_…` |
//! | values that survive a login (`seq` of pictures, Uin) | `src/wire/contact.rs`, `contacts::the_contact_list_…` |
//! | a login ends the previous session | `login::a_new_login_…` |

mod contacts;
mod errors;
mod login;
mod media;
mod messages;
mod odd;
mod support;
mod wire;
