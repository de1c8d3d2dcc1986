//! Rows that hold many contacts: compressed JSON. It takes a third of the space, so a third of the read and write units.

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// `row` names the row in errors.
pub(super) fn pack(row: &str, content: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(content).map_err(|error| StoreError::corrupt(row, error))?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).and_then(|()| encoder.finish()).map_err(|error| StoreError::corrupt(row, error))
}

/// Reads also the JSON of an earlier version.
pub(super) fn unpack<T: DeserializeOwned>(row: &str, packed: &[u8]) -> Result<T, StoreError> {
    let mut json = Vec::new();
    let json = if packed.first() == Some(&b'[') {
        packed
    } else {
        let read = ZlibDecoder::new(packed).read_to_end(&mut json);
        read.map_err(|error| StoreError::corrupt(row, error))?;
        &json
    };
    serde_json::from_slice(json).map_err(|error| StoreError::corrupt(row, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_and_those_of_an_earlier_version_are_readable() {
        let content = vec!["汉字".repeat(100); 3];
        let packed = pack("row", &content).unwrap();
        assert!(packed.len() < 100, "{}", packed.len());
        assert_eq!(unpack::<Vec<String>>("row", &packed).unwrap(), content);
        assert_eq!(unpack::<Vec<u8>>("row", b"[1,2]").unwrap(), [1, 2]);
        assert!(
            matches!(unpack::<Vec<u8>>("row", &packed[..20]), Err(StoreError::Corrupt { key, .. }) if key == "row")
        );
    }
}
