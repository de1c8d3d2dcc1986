//! Time and identity as parameters, so that a test can fix both; and the contract's naive local times.

use jiff::{Timestamp, tz::TimeZone};

/// Tells the time. The real one lives in `boot`; a test brings a fixed one.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// Makes random identities and secrets. The real one asks the operating system; a test counts.
pub trait Ids: Send + Sync + 'static {
    /// 128 random bits.
    fn random(&self) -> [u8; 16];

    /// 32 lower-case hex digits: app ids, app secrets, job ids.
    fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.random())
    }
}

/// `2020-01-06T11:14:09.569667` in `zone`: ISO 8601, naive, microseconds where there are any (as Django prints it).
pub fn iso(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone()).datetime();
    let micros = local.subsec_nanosecond() / 1_000;
    let whole = local.strftime("%Y-%m-%dT%H:%M:%S");
    if micros == 0 { whole.to_string() } else { format!("{whole}.{micros:06}") }
}

/// `2020-01-07 11:32:48` in `zone`: the form of the two times in the message history.
pub fn plain(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads what [`iso`] and [`plain`] print (and a bare date): a naive local time of `zone`.
/// A time that the zone's clock shows twice is read as the earlier one. `None` for anything else.
pub fn parse_local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local: jiff::civil::DateTime = text.trim().parse().ok()?;
    local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_print_as_the_contract_shows_them() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at: Timestamp = "2020-01-07T03:25:45.988020Z".parse().unwrap();
        assert_eq!(iso(at, &zone), "2020-01-07T11:25:45.988020");
        assert_eq!(plain(at, &zone), "2020-01-07 11:25:45");
        let whole: Timestamp = "2020-01-07T03:32:48Z".parse().unwrap();
        assert_eq!(iso(whole, &zone), "2020-01-07T11:32:48");
    }

    #[test]
    fn printed_times_can_be_read_back() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at: Timestamp = "2020-01-07T03:25:45.988020Z".parse().unwrap();
        assert_eq!(parse_local(&iso(at, &zone), &zone), Some(at));
        assert_eq!(parse_local("2020-01-07 11:25:45", &zone), Some("2020-01-07T03:25:45Z".parse().unwrap()));
        assert_eq!(parse_local("2020-01-07", &zone), Some("2020-01-06T16:00:00Z".parse().unwrap()));
        assert_eq!(parse_local("yesterday", &zone), None);
    }
}
