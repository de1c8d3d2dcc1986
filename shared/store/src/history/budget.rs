//! How much a request for the history may read.

/// What is left for a request to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Read units that were consumed.
    pub(super) units: f64,
    /// Messages that were read to compare them.
    rows: u64,
    limit: Limit,
}

/// After which nothing more is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) units: f64,
    /// Bounds the time, also for small messages.
    pub(crate) rows: u64,
}

/// With a page of a hundred rows (50 units if none is above 4 KB), at most 500 units.
pub(super) const LIMIT: Limit = Limit { units: 450.0, rows: 2_048 };

/// Units that a row of the log takes at most, eventually consistent; one above 4 KB takes more.
pub(super) const ROW: f64 = 0.5;
/// Units that the summaries of [`BLOCKS_AT_ONCE`] blocks take at most; some above 16 KB take more. No other request needs
/// so many.
const REQUEST: f64 = 32.0;
/// Summaries of blocks in one request.
pub(super) const BLOCKS_AT_ONCE: usize = 16;
/// Units that the summary of a span takes at most; one above 128 KB takes more.
pub(super) const SPAN: f64 = 16.0;

impl Budget {
    pub(super) fn new(limit: Limit) -> Self {
        Self { units: 0.0, rows: 0, limit }
    }

    pub(super) fn spend(&mut self, units: Option<f64>) {
        self.units += units.unwrap_or_default();
    }

    pub(super) fn spend_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// How many rows may be read at once that take so many units each: at least one, not above `most`.
    pub(super) fn fitting(&self, each: f64, most: u32) -> u32 {
        let left = self.limit.units - self.units;
        (2..=most).take_while(|count| f64::from(*count) * each <= left).last().unwrap_or(1)
    }

    /// Whether it might not suffice for another request.
    pub(super) fn is_spent(&self) -> bool {
        self.units > self.limit.units - REQUEST || self.rows >= self.limit.rows
    }
}
