//! The sizes of items, which `DynamoDB` bills.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item's size in bytes: the names and the values of its attributes.
///
/// Source: *`DynamoDB` item sizes and formats* of the Amazon `DynamoDB` developer guide.
///
/// # Panics
/// For a type of value that no row has.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // A byte for two significant digits, one more byte, and one for the sign.
        AttributeValue::N(number) => number.trim_matches(['0', '-']).len().div_ceil(2) + 2,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::M(map) => 3 + map.iter().map(|(name, part)| 1 + name.len() + value_size(part)).sum::<usize>(),
        AttributeValue::L(list) => 3 + list.iter().map(|part| 1 + value_size(part)).sum::<usize>(),
        other => panic!("no row has {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_documented_rules() {
        let text = |text: &str| AttributeValue::S(text.into());
        let number = |number: &str| AttributeValue::N(number.into());
        assert_eq!(value_size(&text("字a")), 4);
        assert_eq!(value_size(&number("1578368745")), 7);
        assert_eq!(value_size(&number("-100")), 3);
        assert_eq!(value_size(&AttributeValue::M([("ab".to_owned(), text("c"))].into())), 7);
        assert_eq!(value_size(&AttributeValue::L(vec![AttributeValue::Bool(true)])), 5);
    }
}
