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

/// Together with the largest request that may follow (1 MB, 128 units) and a page of a hundred rows (50 units if none is
/// above 4 KB), at most 500 units.
pub(super) const LIMIT: Limit = Limit { units: 320.0, rows: 4_096 };

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

    pub(super) fn is_spent(&self) -> bool {
        self.units >= self.limit.units || self.rows >= self.limit.rows
    }
}
