//! Filters of contact lists: exact ones by field, and `search`.

use domain::contact::Contact;

use crate::api::{
    openapi::{Kind, Parameter},
    params::{MAX_VALUE, Params},
};

/// The parameter `search`.
pub(super) const SEARCH: Parameter =
    Parameter::query("search", Kind::Text(MAX_VALUE), "A part of one of the names, in any case.", "苹果");

/// Reads a field of a contact.
type Value = fn(&Contact) -> Option<&str>;

/// A parameter, and the field that it is compared with.
pub(super) type Field = (&'static str, Value);

pub(super) const NAME: Field = ("name", |contact| Some(contact.name()));
pub(super) const NICK_NAME: Field = ("nick_name", |contact| Some(&contact.nick_name));
pub(super) const USER_NAME: Field = ("user_name", |contact| Some(&contact.user_name));
pub(super) const REMARK_NAME: Field = ("remark_name", |contact| contact.remark_name.as_deref());
pub(super) const PROVINCE: Field = ("province", |contact| contact.province.as_deref());
pub(super) const CITY: Field = ("city", |contact| contact.city.as_deref());
pub(super) const SIGNATURE: Field = ("signature", |contact| contact.signature.as_deref());
pub(super) const SEX: Field = ("sex", |contact| match contact.sex {
    Some(1) => Some("1"),
    Some(2) => Some("2"),
    _ => Some("0"),
});

/// The filter of a request, besides `puid`.
pub(super) struct Filter<'a> {
    exact: Vec<(Value, &'a str)>,
    search: Option<String>,
    searched: &'a [Field],
}

impl<'a> Filter<'a> {
    /// `search` looks for a substring in the fields `searched`, in any case.
    pub(super) fn of(params: &'a Params, fields: &[Field], searched: &'a [Field]) -> Self {
        let exact = fields.iter().filter_map(|(name, field)| Some((*field, params.get(name)?))).collect();
        Self { exact, search: params.get("search").map(str::to_lowercase), searched }
    }

    /// Whether every contact matches.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.search.is_none()
    }

    pub(super) fn matches(&self, contact: &Contact) -> bool {
        self.exact.iter().all(|(field, wanted)| field(contact) == Some(wanted))
            && self.search.as_ref().is_none_or(|search| {
                let texts = self.searched.iter().filter_map(|(_, field)| field(contact));
                texts.into_iter().any(|text| text.to_lowercase().contains(search))
            })
    }
}
