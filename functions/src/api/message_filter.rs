//! The history's filters.
//!
//! A time without a fraction means the whole second, one with a fraction the microsecond. So the `receive_time` that a
//! message shows, in seconds, finds that message, and `__lte` and `__gt` agree with it. A time is in the service's zone
//! unless it has an offset or a `Z`.

use domain::{message::Kind, puid::Puid, time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use store::Filter;

use crate::api::{
    error::{ApiError, Fields},
    params::{NO_PUID, Params, is_puid},
};

/// The filter of a request. The error names every invalid parameter.
pub(crate) fn parse(params: &Params, zone: &TimeZone) -> Result<Filter, ApiError> {
    let mut reading = Reading { params, zone, faults: Fields::new() };
    let (create_from, create_to) =
        reading.range(["create_time", "create_time__gte", "create_time__gt", "create_time__lte", "create_time__lt"]);
    let (receive_from, receive_to) = reading.range([
        "receive_time",
        "receive_time__gte",
        "receive_time__gt",
        "receive_time__lte",
        "receive_time__lt",
    ]);
    let filter = Filter {
        kind: reading.kind(),
        send_user: reading.puid("send_user"),
        send_group: reading.puid("send_group"),
        maps: reading.puid("maps"),
        receiver: reading.puid("receiver"),
        receiver_group: reading.puid("receiver_group"),
        chat: reading.puid("chat"),
        create_from,
        create_to,
        receive_from,
        receive_to,
    };
    if reading.faults.is_empty() { Ok(filter) } else { Err(ApiError::Invalid(reading.faults)) }
}

/// Reads parameters and collects what is wrong with them.
struct Reading<'a> {
    params: &'a Params,
    zone: &'a TimeZone,
    faults: Fields,
}

impl Reading<'_> {
    fn value<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Option<T>, wanted: &str) -> Option<T> {
        let value = self.params.filled(name).map_err(str::to_owned);
        let read = value.and_then(|value| value.map(|text| read(text).ok_or_else(|| wanted.to_owned())).transpose());
        read.unwrap_or_else(|fault| {
            self.faults.insert(name, fault);
            None
        })
    }

    fn kind(&mut self) -> Option<Kind> {
        let named = |name: &str| Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
        self.value("type", named, &format!("must be one of {}", Kind::ALL.map(Kind::as_str).join(", ")))
    }

    fn puid(&mut self, name: &'static str) -> Option<Puid> {
        self.value(name, |text| is_puid(text).then(|| Puid::new(text)), NO_PUID)
    }

    /// The first instant of the range that five parameters make, and the first one after it.
    fn range(&mut self, names: [&'static str; 5]) -> (Option<Timestamp>, Option<Timestamp>) {
        let zone = self.zone;
        let mut read = |name| self.value(name, |text| span(text, zone), "must be a time such as 2020-01-07 11:32:48");
        let [exact, gte, gt, lte, lt] = names.map(&mut read);
        let from = [exact.map(|at| at.0), gte.map(|at| at.0), gt.map(|at| at.1)].into_iter().flatten().max();
        let to = [exact.map(|at| at.1), lte.map(|at| at.1), lt.map(|at| at.0)].into_iter().flatten().min();
        (from, to)
    }
}

/// The first instant that `text` means, and the first instant after it.
fn span(text: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let from = text.trim().parse().ok().or_else(|| time::parse_local(text, zone))?;
    let has_fraction = text.contains(['.', ',']);
    let length = if has_fraction { SignedDuration::from_micros(1) } else { SignedDuration::from_secs(1) };
    Some((from, from.checked_add(length).ok()?))
}
