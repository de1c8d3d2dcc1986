//! Filters of contact lists: exact ones by field, and `search`.

use crate::api::{
    error::ApiError,
    openapi::{Kind, Parameter},
    params::{MAX_VALUE, Params},
};

/// The parameter `search`.
pub(super) const SEARCH: Parameter =
    Parameter::query("search", Kind::Text(MAX_VALUE), "A part of one of the names, in any case.", "苹果");

/// Reads a field of a row.
type Value<Row> = fn(&Row) -> Option<&str>;

/// A parameter, and the field that it is compared with.
pub(super) type Field<Row> = (&'static str, Value<Row>);

/// The filter of a request.
pub(super) struct Filter<'a, Row> {
    exact: Vec<(Value<Row>, &'a str)>,
    search: Option<String>,
    searched: fn(&Row) -> [Option<&str>; 3],
}

impl<'a, Row> Filter<'a, Row> {
    /// `search` looks for a substring in the fields that `searched` reads, in any case.
    pub(super) fn of(
        params: &'a Params,
        fields: &[Field<Row>],
        searched: fn(&Row) -> [Option<&str>; 3],
    ) -> Result<Self, ApiError> {
        params.puid("puid")?;
        let exact = fields.iter().filter_map(|(name, field)| Some((*field, params.get(name)?))).collect();
        Ok(Self { exact, search: params.get("search").map(str::to_lowercase), searched })
    }

    pub(super) fn matches(&self, row: &Row) -> bool {
        self.exact.iter().all(|(field, wanted)| field(row) == Some(wanted))
            && self.search.as_ref().is_none_or(|search| {
                (self.searched)(row).iter().flatten().any(|text| text.to_lowercase().contains(search))
            })
    }
}
