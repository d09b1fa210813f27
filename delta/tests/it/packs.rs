//! Packs hold what was put into them, and no more than they may.

use std::collections::BTreeMap;

use charm_model::digest::{Content, Sha256};
use delta::pack::encoded_bytes;
use delta::{DeltaError, PackLimits, PackReader, PackWriter};
use proptest::prelude::*;
use proptest::sample::Index;
use test_case::test_case;

const LIMITS: PackLimits = PackLimits { blob_bytes: 100, blobs: 20, bytes: 1000 };

type Blobs = BTreeMap<Sha256, Vec<u8>>;

fn blobs(contents: impl IntoIterator<Item = Vec<u8>>) -> Blobs {
    contents.into_iter().map(|bytes| (Content::of(&bytes).digests.sha256, bytes)).collect()
}

fn pack(blobs: &Blobs) -> Vec<u8> {
    let n_blobs = u32::try_from(blobs.len()).unwrap();
    let mut writer = PackWriter::new(Vec::new(), n_blobs, LIMITS).unwrap();
    for (sha256, bytes) in blobs {
        writer.add(*sha256, bytes).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads a pack, and checks that every blob lies where it is said to.
fn read(pack: &[u8]) -> Result<Blobs, DeltaError> {
    let mut reader = PackReader::new(pack, LIMITS)?;
    let mut blobs = Blobs::new();
    while let Some(blob) = reader.next_blob()? {
        let start = usize::try_from(blob.start).unwrap();
        assert_eq!(&pack[start..start + blob.bytes.len()], blob.bytes);
        blobs.insert(blob.sha256, blob.bytes.to_vec());
    }
    assert_eq!(blobs.len(), reader.n_blobs() as usize);
    Ok(blobs)
}

/// Returns a pack of equally long blobs that says whatever it is told to.
fn forged(n_blobs: u32, sha256s: &[u8], length: u32) -> Vec<u8> {
    let mut bytes = [&b"BLOBPACK\x01"[..], &n_blobs.to_le_bytes()].concat();
    for sha256 in sha256s {
        bytes.extend([*sha256; 32]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(vec![7; length.min(101) as usize]);
    }
    bytes
}

#[test_case(b"BLOBPUCK\x01\0\0\0\0" => "the pack does not begin as one"; "another magic")]
#[test_case(b"BLOBPACK\x02\0\0\0\0" => "the pack has another version than 1"; "another version")]
#[test_case(b"BLOBPACK\x01\0\0" => "the pack broke off in blob `0`"; "half a header")]
#[test_case(&forged(21, &[], 0) => "blob `0` of the pack is one too many"; "too many blobs")]
#[test_case(&forged(u32::MAX, &[], 0) => "blob `0` of the pack is one too many"; "far too many blobs")]
#[test_case(&forged(2, &[1], 9) => "the pack broke off in blob `1`"; "fewer than announced")]
#[test_case(&forged(1, &[1], 101) => "blob `0` of the pack is too large for a pack"; "a large blob")]
#[test_case(&forged(1, &[1], u32::MAX) => "blob `0` of the pack is too large for a pack"; "a huge blob")]
#[test_case(&forged(11, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 100) => "blob `10` of the pack is more than a pack may hold"; "too many bytes")]
#[test_case(&forged(2, &[1, 1], 9) => "blob `1` of the pack does not follow the one before it by SHA-256"; "twice the same")]
#[test_case(&forged(2, &[2, 1], 9) => "blob `1` of the pack does not follow the one before it by SHA-256"; "another order")]
fn refuses(pack: &[u8]) -> String {
    read(pack).unwrap_err().to_string()
}

#[test]
fn a_writer_writes_nothing_that_a_reader_refuses() {
    let begin = |n_blobs| PackWriter::new(Vec::new(), n_blobs, LIMITS);
    assert!(begin(21).is_err());
    assert!(begin(1).unwrap().add(Sha256([1; 32]), &[0; 101]).is_err());
    assert!(begin(1).unwrap().finish().is_err());
    let mut writer = begin(1).unwrap();
    writer.add(Sha256([1; 32]), b"").unwrap();
    assert!(writer.add(Sha256([2; 32]), b"").is_err());
    let mut writer = begin(2).unwrap();
    writer.add(Sha256([1; 32]), b"").unwrap();
    assert!(writer.add(Sha256([1; 32]), b"").is_err());
}

fn contents() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)
}

proptest! {
    #[test]
    fn what_was_packed_is_read(contents in contents(), behind in prop::collection::vec(any::<u8>(), 0..9)) {
        let blobs = blobs(contents);
        let mut pack = pack(&blobs);
        let n_bytes = blobs.values().map(|bytes| bytes.len() as u64).sum();
        prop_assert_eq!(pack.len() as u64, encoded_bytes(blobs.len(), n_bytes));
        prop_assert!(pack.len() as u64 <= LIMITS.encoded_bytes());
        pack.extend(behind);
        prop_assert_eq!(read(&pack).unwrap(), blobs);
    }

    #[test]
    fn a_pack_that_broke_off_is_not_whole(contents in contents(), cut in any::<Index>()) {
        let pack = pack(&blobs(contents));
        prop_assert!(read(&pack[..cut.index(pack.len())]).is_err());
    }

    #[test]
    fn a_spoilt_pack_exceeds_nothing(contents in contents(), at in any::<Index>(), byte in any::<u8>()) {
        let mut pack = pack(&blobs(contents));
        let at = at.index(pack.len());
        pack[at] = byte;
        if let Ok(blobs) = read(&pack) {
            prop_assert!(blobs.len() <= LIMITS.blobs);
            prop_assert!(blobs.values().all(|bytes| bytes.len() as u64 <= LIMITS.blob_bytes));
            prop_assert!(blobs.values().map(|bytes| bytes.len() as u64).sum::<u64>() <= LIMITS.bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = read(&bytes);
        let _ = read(&[&b"BLOBPACK\x01\x05\0\0\0"[..], &bytes].concat());
    }
}
