//! Memory does not grow with what is moved.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use acceptance::{Server, Tree, noise};

const GIB: u64 = 1 << 30;
const MAX_GROWTH_BYTES: u64 = 64 << 20;

/// Writes a file of one GiB with a block of noise in every 16 MiB; the rest takes no space on the author's disk.
fn write_big(path: &std::path::Path) {
    let file = File::create(path).unwrap();
    file.set_len(GIB).unwrap();
    for at in (0..GIB).step_by(16 << 20) {
        file.write_all_at(&noise(at, 1 << 16), at).unwrap();
    }
}

#[test]
fn a_gib_goes_up_and_down_in_less_than_64_mib_of_growth() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["common/big.bin"])
        .resource("common/big.bin", "");
    write_big(&tree.dir().join("resources/common/big.bin"));
    // A request of each kind, so that what is made once is there.
    joe.publish_json(&["whoami"]);
    let before = server.peak_memory_bytes();
    let published = joe.publish_json(&["app"]);
    let pulled = joe.publish_json(&["pull", "~joe/app@latest", "copy"]);
    let growth = server.peak_memory_bytes() - before;
    assert!(published["sent"].as_u64().unwrap() > GIB && pulled["bytes"].as_u64().unwrap() > GIB);
    assert!(growth < MAX_GROWTH_BYTES, "the server grew by {} MiB", growth >> 20);
}
