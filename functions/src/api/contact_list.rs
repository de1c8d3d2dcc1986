//! The response of a contact list: a page of the contacts that match the request's filters.

use axum::response::Response;
use domain::{contact::Contact, page::Page};
use serde::Serialize;
use store::List;

use crate::api::{
    auth::Caller,
    error::ApiError,
    page,
    row_filter::{Field, Filter},
    state::AppState,
    view::contact::{Linked, Pictured},
};

/// Without filters, the page alone is read; with `puid`, that contact; with any other filter, the contacts of the list.
pub(super) async fn respond<Row: Pictured + Serialize>(
    state: &AppState,
    caller: &Caller,
    list: List,
    (fields, searched): (&[Field], &[Field]),
    row: impl Fn(&Contact) -> Row,
) -> Result<Response, ApiError> {
    let request = page::request(&caller.params)?;
    let filter = Filter::of(&caller.params, fields, searched);
    let Page { count, rows } = match caller.params.puid("puid")? {
        Some(puid) => {
            let contact = state.contact_of(caller, list, &puid).await?;
            let rows: Vec<Contact> = contact.into_iter().filter(|contact| filter.matches(contact)).collect();
            Page { count: rows.len() as u64, rows }
        }
        None if filter.is_empty() => state.page_of(caller, list, request).await?,
        None => state.page_of_matching(caller, list, request, |contact| filter.matches(contact)).await?,
    };
    let (rows, links) = (rows.iter().map(row).collect::<Vec<_>>(), caller.links(state));
    page::respond(request, &caller.url, count, rows.iter().map(|row| Linked::of(row, &links)).collect())
}
