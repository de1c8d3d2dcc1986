//! Medians, spreads and budgets, and how they are printed.

use std::fmt;

/// The measurements of one figure.
#[derive(Debug, Clone)]
pub struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// # Panics
    /// Without measurements.
    pub fn of(mut measured: Vec<f64>) -> Self {
        assert!(!measured.is_empty(), "a figure without measurements");
        measured.sort_by(f64::total_cmp);
        Self { sorted: measured }
    }

    pub fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[middle]
        } else {
            f64::midpoint(self.sorted[middle - 1], self.sorted[middle])
        }
    }

    /// Minimum and maximum.
    pub fn ends(&self) -> (f64, f64) {
        (self.sorted[0], self.sorted[self.sorted.len() - 1])
    }
}

/// The target of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    AtMost(f64),
    AtLeast(f64),
    /// No target: the figure explains others.
    Free,
}

/// A figure with its budget and floor.
struct Row {
    name: String,
    budget: Budget,
    measured: Spread,
    floor: Option<Floor>,
}

struct Floor {
    name: String,
    measured: Spread,
}

/// The figures of a run.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    /// Adds a figure. Its name includes the unit.
    pub fn row(&mut self, name: impl Into<String>, budget: Budget, measured: Spread) {
        self.rows.push(Row { name: name.into(), budget, measured, floor: None });
    }

    /// Adds the floor of the last figure.
    ///
    /// # Panics
    /// When no figure was added.
    pub fn floor(&mut self, name: impl Into<String>, measured: Spread) {
        let row = self.rows.last_mut().expect("a figure before its floor");
        row.floor = Some(Floor { name: name.into(), measured });
    }

    /// Adds a note on the measurement.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        writeln!(out, "| figure | budget | median | min–max | | floor, same run | median | min–max | ours / floor |")?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let (kept, budget) = match row.budget {
                Budget::AtMost(most) => (Some(row.measured.median() <= most), format!("≤ {}", short(most))),
                Budget::AtLeast(least) => (Some(row.measured.median() >= least), format!("≥ {}", short(least))),
                Budget::Free => (None, "–".to_owned()),
            };
            let verdict = match kept {
                Some(true) => "kept",
                Some(false) => "MISSED",
                None => "",
            };
            write!(out, "| {} | {budget} | {} | {verdict} |", row.name, cells(&row.measured))?;
            match &row.floor {
                Some(floor) => {
                    let ratio = row.measured.median() / floor.measured.median();
                    writeln!(out, " {} | {} | {} |", floor.name, cells(&floor.measured), short(ratio))?;
                }
                None => writeln!(out, " | | | |")?,
            }
        }
        for note in &self.notes {
            write!(out, "\n- {note}")?;
        }
        Ok(())
    }
}

fn cells(measured: &Spread) -> String {
    let (least, most) = measured.ends();
    format!("{} | {}–{}", short(measured.median()), short(least), short(most))
}

/// Three significant digits, more for large numbers.
pub fn short(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size >= 99.5 => 0,
        size if size >= 9.95 => 1,
        _ => 2,
    };
    format!("{figure:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_whether_its_budget_is_met_and_the_ratio_to_its_floor() {
        let mut table = Table::default();
        table.row("p50, ms", Budget::AtMost(4.0), Spread::of(vec![3.0, 1.0, 2.0]));
        table.floor("bare", Spread::of(vec![0.4, 0.6]));
        table.row("messages/s", Budget::AtLeast(1_000.0), Spread::of(vec![999.4]));
        table.note("measured");
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[2], "| p50, ms | ≤ 4.00 | 2.00 | 1.00–3.00 | kept | bare | 0.50 | 0.40–0.60 | 4.00 |");
        assert_eq!(lines[3], "| messages/s | ≥ 1000 | 999 | 999–999 | MISSED | | | | |");
        assert_eq!(lines[5], "- measured");
    }
}
