//! A pack of small blobs: what is read stays within the limits, lies where it is said to, and is written back as the
//! same bytes.
#![no_main]

use delta::{PackLimits, PackReader, PackWriter};
use libfuzzer_sys::fuzz_target;

const LIMITS: PackLimits = PackLimits { blob_bytes: 1 << 10, blobs: 64, bytes: 16 << 10 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut reader) = PackReader::new(bytes, LIMITS) else { return };
    let n_blobs = reader.n_blobs();
    let mut writer = PackWriter::new(Vec::new(), n_blobs, LIMITS).expect("what is read can be written");
    while let Ok(next) = reader.next_blob() {
        let Some(blob) = next else {
            let written = writer.finish().expect("as many as were announced");
            assert!(bytes.starts_with(&written) && written.len() as u64 <= LIMITS.encoded_bytes());
            return;
        };
        let start = usize::try_from(blob.start).expect("within the input");
        assert_eq!(&bytes[start..start + blob.bytes.len()], blob.bytes);
        writer.add(blob.sha256, blob.bytes).expect("what is read can be written");
    }
});
