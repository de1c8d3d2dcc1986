//! Filters over rows that are all at hand: exact ones by field, and `search`.

use crate::api::params::Params;

/// The value of a row's field.
type Value<Row> = fn(&Row) -> Option<&str>;

/// A parameter and the field it is compared with.
pub type Field<Row> = (&'static str, Value<Row>);

/// What a request asks of a row.
pub struct Filter<'a, Row> {
    exact: Vec<(Value<Row>, &'a str)>,
    search: Option<String>,
    searched: fn(&Row) -> [Option<&str>; 3],
}

impl<'a, Row> Filter<'a, Row> {
    /// `searched` are the fields that `search` looks into, in any case.
    pub fn of(params: &'a Params, fields: &[Field<Row>], searched: fn(&Row) -> [Option<&str>; 3]) -> Self {
        let exact = fields.iter().filter_map(|(name, field)| Some((*field, params.get(name)?))).collect();
        Self { exact, search: params.get("search").map(str::to_lowercase), searched }
    }

    pub fn matches(&self, row: &Row) -> bool {
        self.exact.iter().all(|(field, wanted)| field(row) == Some(wanted))
            && self.search.as_ref().is_none_or(|search| {
                (self.searched)(row).iter().flatten().any(|text| text.to_lowercase().contains(search))
            })
    }
}
