//! Archives: refused, or read to the last byte within what they announce and the limits allow.
#![no_main]

use std::io::{Cursor, Read, sink};

use charm_archive::{Archive, ArchiveLimits, Entry, open_entry};
use charm_model::entity::Entity;
use charm_model::tree::EntryKind;
use libfuzzer_sys::fuzz_target;

/// Small, so that an input of a few kilobytes can exceed each of them.
const LIMITS: ArchiveLimits = ArchiveLimits {
    max_entries: 64,
    max_directory_bytes: 16 << 10,
    max_total_bytes: 1 << 20,
    max_ratio: 50,
    ratio_from_bytes: 64 << 10,
};

fuzz_target!(|bytes: &[u8]| {
    match Archive::read(Cursor::new(bytes), bytes.len() as u64, &LIMITS) {
        Ok(archive) => check(&archive, bytes),
        Err(error) => drop((error.to_string(), error.finding())),
    }
});

fn check(archive: &Archive, bytes: &[u8]) {
    assert!(archive.entries.len() <= LIMITS.max_entries);
    assert!(archive.entries.iter().map(|entry| entry.size).sum::<u64>() <= LIMITS.max_total_bytes);
    for entry in &archive.entries {
        let mut reader = open_entry(Cursor::new(bytes), entry).expect("its data is there");
        let n_bytes = std::io::copy(&mut reader, &mut sink()).expect("what was accepted reads to its end");
        assert_eq!(n_bytes, entry.size);
        // A row that does not belong to these bytes, as a damaged database would have it: any error, no panic.
        let moved =
            Entry { data_offset: entry.data_offset ^ 1, size: entry.size.wrapping_add(1), ..entry.clone() };
        if let Ok(reader) = open_entry(Cursor::new(bytes), &moved) {
            let read = reader.take(LIMITS.max_total_bytes + 2).read_to_end(&mut Vec::new());
            assert!(read.map_or(true, |n_read| n_read as u64 == moved.size));
        }
    }
    assert!(archive.entries.iter().all(|entry| !matches!(entry.kind, EntryKind::Other(_))));
    let tree = archive.tree(Cursor::new(bytes)).expect("the texts of an accepted archive can be read");
    drop(Entity::read(&tree.texts));
}
