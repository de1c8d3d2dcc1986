//! The clock and the id source as parameters, so that tests can fix both; and the API's local times.

use jiff::{Timestamp, tz::TimeZone};

/// The current time. `boot` has the real clock; tests use a fixed one.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// Source of random ids and secrets. `boot` has the real one; tests use a counter.
pub trait Ids: Send + Sync + 'static {
    /// 128 random bits.
    fn random(&self) -> [u8; 16];

    /// 128 random bits as 32 lower-case hex digits.
    fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.random())
    }
}

/// `2020-01-06T11:14:09.569667`: ISO 8601 in local time of `zone`, without offset. Microseconds only if they are not
/// zero, as Django prints them.
pub fn iso(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone()).datetime();
    let micros = local.subsec_nanosecond() / 1_000;
    let whole = local.strftime("%Y-%m-%dT%H:%M:%S");
    if micros == 0 { whole.to_string() } else { format!("{whole}.{micros:06}") }
}

/// `2020-01-07 11:32:48` in local time of `zone`: the form in the message history.
pub fn plain(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads a local time of `zone` in the forms of [`iso`] and [`plain`], or a date. A time that occurs twice (the clock is
/// set back) is the earlier one. `None` for any other text.
pub fn parse_local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local: jiff::civil::DateTime = text.trim().parse().ok()?;
    local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_have_the_forms_of_the_api() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at: Timestamp = "2020-01-07T03:25:45.988020Z".parse().unwrap();
        assert_eq!(iso(at, &zone), "2020-01-07T11:25:45.988020");
        assert_eq!(plain(at, &zone), "2020-01-07 11:25:45");
        let whole: Timestamp = "2020-01-07T03:32:48Z".parse().unwrap();
        assert_eq!(iso(whole, &zone), "2020-01-07T11:32:48");
    }

    #[test]
    fn printed_times_can_be_read_again() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at: Timestamp = "2020-01-07T03:25:45.988020Z".parse().unwrap();
        assert_eq!(parse_local(&iso(at, &zone), &zone), Some(at));
        assert_eq!(parse_local("2020-01-07 11:25:45", &zone), Some("2020-01-07T03:25:45Z".parse().unwrap()));
        assert_eq!(parse_local("2020-01-07", &zone), Some("2020-01-06T16:00:00Z".parse().unwrap()));
        assert_eq!(parse_local("yesterday", &zone), None);
    }
}
