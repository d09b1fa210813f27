//! Extra fields of headers (§4.5), of which only zip64's matters.

use super::{SATURATED, u16_at};

/// The zip64 extended information (§4.5.3).
const ZIP64: u16 = 0x0001;

/// Says that an entry is something else than its header says: encrypted (§4.5.12, `WinZip`'s AES) or of
/// another name (Info-ZIP's Unicode path, §4.6.9). Programs that do not know the field would read another
/// archive.
const CONTRADICTING: &[u16] = &[0x0017, 0x9901, 0x7075];

/// Replaces each saturated value by that of the zip64 field, in the order of §4.5.3.
///
/// The field must hold those values and no others: what one reader skips, another one takes.
pub(super) fn widen<const N: usize>(extra: &[u8], values: [&mut u64; N]) -> Result<(), &'static str> {
    let mut wide = zip64(extra)?;
    for value in values.into_iter().filter(|it| **it == SATURATED) {
        let (bytes, rest) = wide.split_first_chunk().ok_or("its zip64 field is missing or too short")?;
        *value = u64::from_le_bytes(*bytes);
        wide = rest;
    }
    if wide.is_empty() { Ok(()) } else { Err("its zip64 field has more than its header needs") }
}

/// Returns the content of the zip64 field, empty if there is none.
fn zip64(mut extra: &[u8]) -> Result<&[u8], &'static str> {
    let mut found = None;
    while !extra.is_empty() {
        let (id, content, rest) = split_field(extra).ok_or("its extra field is malformed")?;
        if CONTRADICTING.contains(&id) {
            return Err("its extra field contradicts its header");
        }
        if id == ZIP64 && found.replace(content).is_some() {
            return Err("it has two zip64 fields");
        }
        extra = rest;
    }
    Ok(found.unwrap_or_default())
}

fn split_field(extra: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = extra.split_at_checked(4)?;
    let (content, rest) = rest.split_at_checked(u16_at(head, 2).into())?;
    Some((u16_at(head, 0), content, rest))
}

/// Makes a zip64 field of the values.
pub(super) fn encode(values: &[u64]) -> Vec<u8> {
    let n_bytes = u16::try_from(values.len() * 8).expect("a header has at most three wide values");
    let mut bytes = [ZIP64.to_le_bytes(), n_bytes.to_le_bytes()].concat();
    bytes.extend(values.iter().flat_map(|it| it.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widened(extra: &[u8], mut a: u64, mut b: u64) -> Result<(u64, u64), &'static str> {
        widen(extra, [&mut a, &mut b]).map(|()| (a, b))
    }

    #[test]
    fn only_saturated_values_are_replaced() {
        let timestamp = [0x55, 0x54, 1, 0, 0];
        let extra = [&timestamp[..], &encode(&[1 << 40])].concat();
        assert_eq!(widened(&extra, 7, SATURATED), Ok((7, 1 << 40)));
        assert_eq!(widened(&timestamp, 7, 8), Ok((7, 8)));
    }

    #[test]
    fn a_field_that_programs_read_differently_is_refused() {
        let one = encode(&[5]);
        assert!(widened(&one, 7, 8).is_err(), "more than needed");
        assert!(widened(&one, SATURATED, SATURATED).is_err(), "less than needed");
        assert!(widened(&[], SATURATED, 8).is_err(), "none");
        assert!(widened(&[&one[..], &one].concat(), SATURATED, 8).is_err(), "two");
        assert!(widened(&one[..11], SATURATED, 8).is_err(), "cut off");
        assert!(widened(&[0x75, 0x70, 0, 0], 7, 8).is_err(), "another name");
    }
}
