//! The data descriptor: what stands behind an entry whose sizes were not known when its header was written
//! (§4.3.9).

use super::header::Header;

/// The signature is optional (§4.3.9.3), and so are the wide sizes: four forms, each of its own length.
const SIGNATURE: [u8; 4] = *b"PK\x07\x08";

/// The longest form, in bytes.
pub(crate) const MAX_BYTES: u16 = 24;

/// Says whether the bytes are a descriptor of that entry, in any of its forms.
pub(crate) fn describes(bytes: &[u8], header: &Header) -> bool {
    let fields = if matches!(bytes.len(), 16 | 24) { bytes.strip_prefix(&SIGNATURE) } else { Some(bytes) };
    let expected = match bytes.len() {
        12 | 16 => narrow(header),
        20 | 24 => Some(wide(header)),
        _ => None,
    };
    expected.is_some() && fields == expected.as_deref()
}

/// Returns the form with 32-bit sizes; `None` if they do not fit.
fn narrow(header: &Header) -> Option<Vec<u8>> {
    let sizes = [u32::try_from(header.compressed_size).ok()?, u32::try_from(header.size).ok()?];
    Some([header.crc32, sizes[0], sizes[1]].map(u32::to_le_bytes).concat())
}

/// Returns the form with 64-bit sizes.
fn wide(header: &Header) -> Vec<u8> {
    let sizes = [header.compressed_size, header.size].map(u64::to_le_bytes).concat();
    [&header.crc32.to_le_bytes()[..], &sizes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_forms_are_read_and_nothing_else() {
        let header = Header { flags: 0, method: 8, crc32: 0x0102_0304, compressed_size: 5, size: 6 };
        let (narrow, wide) = (narrow(&header).unwrap(), wide(&header));
        for form in [&narrow, &wide] {
            assert!(describes(form, &header));
            assert!(describes(&[&SIGNATURE[..], form].concat(), &header));
            assert!(!describes(&[b"PK\x07\x09", &form[..]].concat(), &header));
            assert!(!describes(&form[1..], &header));
        }
        assert!(!describes(&narrow, &Header { size: 7, ..header }));
        assert!(!describes(&[], &header));
    }
}
