//! The tests' ids.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::time::Ids;

/// Ids that count: `…0001`, `…0002`, ….
#[derive(Debug, Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn random(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).to_be_bytes()
    }
}
