//! The bytes of a summary row: numbers as varints, texts with their length.

use data_encoding::HEXLOWER;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    pub(super) fn number(&mut self, value: impl Into<u128>) {
        let mut rest = value.into();
        while rest > 0x7F {
            self.0.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        self.0.push(low_byte(rest));
    }

    pub(super) fn length(&mut self, value: usize) {
        self.number(value as u128);
    }

    /// A number near zero of either sign takes few bytes.
    pub(super) fn signed(&mut self, value: impl Into<i128>) {
        let value = value.into();
        self.number(((value << 1) ^ (value >> 127)).cast_unsigned());
    }

    /// Lower-case hex digits, which most puids are, take half their length.
    pub(super) fn text(&mut self, text: &str) {
        let packed = HEXLOWER.decode(text.as_bytes()).ok();
        let bytes = packed.as_deref().unwrap_or(text.as_bytes());
        self.length(bytes.len() << 1 | usize::from(packed.is_some()));
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

fn low_byte(value: u128) -> u8 {
    (value & 0x7F) as u8
}

/// Reads what [`Encoder`] has written. `None` for other bytes.
#[derive(Debug)]
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl Decoder<'_> {
    fn wide(&mut self) -> Option<u128> {
        let mut value = 0;
        for shift in (0..128).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn number<N: TryFrom<u128>>(&mut self) -> Option<N> {
        N::try_from(self.wide()?).ok()
    }

    /// The number of values that follow. Each takes a byte at least, so damaged bytes do not reserve much memory.
    pub(super) fn length(&mut self) -> Option<usize> {
        self.number().filter(|length| *length <= self.0.len())
    }

    pub(super) fn signed<N: TryFrom<i128>>(&mut self) -> Option<N> {
        let value = self.wide()?;
        N::try_from((value >> 1).cast_signed() ^ -(value & 1).cast_signed()).ok()
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let header: usize = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(header >> 1)?;
        self.0 = rest;
        if header & 1 == 1 { Some(HEXLOWER.encode(bytes)) } else { String::from_utf8(bytes.to_vec()).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let numbers = [0, 1, 127, 128, 300, u128::from(u64::MAX), u128::MAX];
        let signed = [0, 1, -1, 63, -64, 64, i128::from(i64::MIN), i128::MAX, i128::MIN];
        let texts = ["", "1fee435b", "abc", "ABCD", "@名", "00"];
        let mut encoder = Encoder::default();
        for value in &numbers {
            encoder.number(*value);
        }
        for value in &signed {
            encoder.signed(*value);
        }
        for value in &texts {
            encoder.text(value);
        }
        let bytes = encoder.finish();
        let mut decoder = Decoder(&bytes);
        assert_eq!(numbers.map(|_| decoder.number::<u128>().unwrap()), numbers);
        assert_eq!(signed.map(|_| decoder.signed::<i128>().unwrap()), signed);
        assert_eq!(texts.map(|_| decoder.text().unwrap()), texts);
        assert!(decoder.0.is_empty());
    }

    #[test]
    fn small_values_take_few_bytes() {
        let size = |write: fn(&mut Encoder)| {
            let mut encoder = Encoder::default();
            write(&mut encoder);
            encoder.finish().len()
        };
        assert_eq!(size(|encoder| encoder.number(127_u8)), 1);
        assert_eq!(size(|encoder| encoder.signed(-64)), 1);
        assert_eq!(size(|encoder| encoder.text("1fee435b")), 5);
        assert_eq!(size(|encoder| encoder.text("1fee435")), 8);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        assert_eq!(Decoder(&[0x80]).number::<u64>(), None);
        assert_eq!(Decoder(&[0xFF; 30]).number::<u128>(), None);
        assert_eq!(Decoder(&[0x80, 0x02]).number::<u8>(), None);
        assert_eq!(Decoder(&[200, 1]).text(), None);
        assert_eq!(Decoder(&[2 << 1, 0xFF, 0xFE]).text(), None);
        assert_eq!(Decoder(&[5]).length(), None);
    }
}
