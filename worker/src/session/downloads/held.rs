//! Envelopes that wait for media, so that a chat keeps its order.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{id::Seq, puid::Puid};

/// The held envelopes of an app.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By chat: whether the media of each message are still awaited. The first message of a chat awaits its own, unless
    /// the chat is among `advanced`.
    chats: HashMap<Puid, BTreeMap<Seq, bool>>,
    /// Chats whose first envelopes may go.
    advanced: HashSet<Puid>,
}

impl Held {
    /// Whether the envelope of a message may go at once. Otherwise it is held: until the media of this message, if they
    /// are awaited, and of all earlier messages of the chat have come.
    pub(super) fn admit(&mut self, chat: &Puid, seq: Seq, awaits_media: bool) -> bool {
        let first = self.chats.get(chat).and_then(|held| held.keys().next());
        if !awaits_media && first.is_none_or(|first| *first > seq) {
            return true;
        }
        self.chats.entry(chat.clone()).or_default().entry(seq).or_insert(awaits_media);
        false
    }

    /// Notes that the media of a message have come, or were given up.
    pub(super) fn media_ended(&mut self, chat: &Puid, seq: Seq) {
        if let Some(awaits_media) = self.chats.get_mut(chat).and_then(|held| held.get_mut(&seq)) {
            *awaits_media = false;
            self.advanced.insert(chat.clone());
        }
    }

    /// The envelopes that may go, in the order of each chat. They stay held until they are [`sent`](Self::sent): what comes
    /// meanwhile must not overtake them.
    pub(super) fn released(&self) -> Vec<(Puid, Seq)> {
        let of_chat = |chat: &Puid| {
            let free = self.chats.get(chat).into_iter().flatten().take_while(|(_, awaits_media)| !**awaits_media);
            free.map(|(seq, _)| (chat.clone(), *seq)).collect::<Vec<_>>()
        };
        self.advanced.iter().flat_map(of_chat).collect()
    }

    /// Removes the envelopes that [`released`](Self::released) returned and that were sent.
    pub(super) fn sent(&mut self, envelopes: impl IntoIterator<Item = (Puid, Seq)>) {
        for (chat, seq) in envelopes {
            let Some(held) = self.chats.get_mut(&chat) else { continue };
            held.remove(&seq);
            if held.is_empty() {
                self.chats.remove(&chat);
            }
        }
        self.advanced.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seqs(held: &Held) -> Vec<u64> {
        held.released().into_iter().map(|(_, seq)| seq.get()).collect()
    }

    #[test]
    fn a_chat_waits_from_its_first_media_on_and_other_chats_do_not() {
        let (mut held, [a, b]) = (Held::default(), ["a", "b"].map(Puid::new));
        assert!(held.admit(&a, Seq::new(1), false));
        assert!(!held.admit(&a, Seq::new(2), true));
        assert!(held.admit(&b, Seq::new(3), false));
        assert!(!held.admit(&a, Seq::new(4), false) && !held.admit(&a, Seq::new(5), true));
        assert!(!held.admit(&a, Seq::new(6), false));
        assert!(held.admit(&a, Seq::new(1), false), "an earlier message that is sent again");
        held.media_ended(&a, Seq::new(5));
        assert_eq!(seqs(&held), [0; 0]);
        held.media_ended(&a, Seq::new(2));
        assert_eq!(seqs(&held), [2, 4, 5, 6]);
        assert!(!held.admit(&a, Seq::new(7), false), "nothing overtakes what is not sent yet");
        let released = held.released();
        held.sent(released);
        assert_eq!((seqs(&held), held.chats.len()), (vec![], 0));
        assert!(held.admit(&a, Seq::new(8), false));
    }

    #[test]
    fn a_message_that_is_found_again_stays_as_it_is() {
        let (mut held, chat) = (Held::default(), Puid::new("a"));
        held.admit(&chat, Seq::new(2), true);
        assert!(!held.admit(&chat, Seq::new(2), false), "the ledger knows of the end before the loop does");
        assert_eq!(seqs(&held), [0; 0]);
        held.media_ended(&chat, Seq::new(2));
        assert!(!held.admit(&chat, Seq::new(2), false));
        assert_eq!(seqs(&held), [2]);
    }
}
