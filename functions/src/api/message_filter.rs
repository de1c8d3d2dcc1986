//! The history's filters.
//!
//! A time without a fraction means the whole second, one with a fraction the microsecond. So the `receive_time` that a
//! message shows, in seconds, finds that message, and `__lte` and `__gt` agree with it.

use domain::{message::Kind, puid::Puid, time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use store::Filter;

use crate::api::{
    error::{ApiError, Fields},
    params::{NO_PUID, Params, is_puid},
};

/// The filter of a request. The error names every invalid parameter.
pub(crate) fn parse(params: &Params, zone: &TimeZone) -> Result<Filter, ApiError> {
    let mut faults = Fields::new();
    let kind = params.get("type").map(|name| Kind::ALL.into_iter().find(|kind| kind.as_str() == name));
    if kind == Some(None) {
        faults.insert("type", format!("must be one of {}", Kind::ALL.map(Kind::as_str).join(", ")));
    }
    let mut puid = |name: &'static str| {
        let puid = params.get(name)?;
        if !is_puid(puid) {
            faults.insert(name, NO_PUID.to_owned());
        }
        Some(Puid::new(puid))
    };
    let [send_user, send_group, maps, receiver, receiver_group, chat] =
        ["send_user", "send_group", "maps", "receiver", "receiver_group", "chat"].map(&mut puid);
    let mut times = |names: [&'static str; 5]| {
        let mut read = |name: &'static str| {
            let span = span(params.get(name)?, zone);
            if span.is_none() {
                faults.insert(name, "must be a time such as 2020-01-07 11:32:48".to_owned());
            }
            span
        };
        let [exact, gte, gt, lte, lt] = names.map(&mut read);
        let from = [exact.map(|at| at.0), gte.map(|at| at.0), gt.map(|at| at.1)].into_iter().flatten().max();
        let to = [exact.map(|at| at.1), lte.map(|at| at.1), lt.map(|at| at.0)].into_iter().flatten().min();
        (from, to)
    };
    let (create_from, create_to) =
        times(["create_time", "create_time__gte", "create_time__gt", "create_time__lte", "create_time__lt"]);
    let (receive_from, receive_to) =
        times(["receive_time", "receive_time__gte", "receive_time__gt", "receive_time__lte", "receive_time__lt"]);
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    Ok(Filter {
        kind: kind.flatten(),
        send_user,
        send_group,
        maps,
        receiver,
        receiver_group,
        chat,
        create_from,
        create_to,
        receive_from,
        receive_to,
    })
}

/// The first instant that `text` means, and the first instant after it.
fn span(text: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let from = time::parse_local(text, zone)?;
    let length = if text.contains('.') { SignedDuration::from_micros(1) } else { SignedDuration::from_secs(1) };
    Some((from, from.checked_add(length).ok()?))
}
