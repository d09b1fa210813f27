//! Memory does not grow with what is moved, at either end.
//!
//! `ACCEPTANCE_MIB` says how large the file is: a GiB, unless told otherwise.

use std::env;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};

use acceptance::{Server, Tree, User, noise};
use wait4::Wait4 as _;

const MIB: u64 = 1 << 20;
const MAX_GROWTH_BYTES: u64 = 64 * MIB;

/// Writes a file with a block of noise in every 16 MiB; the rest takes no space on the author's disk.
fn write_big(path: &std::path::Path, n_bytes: u64) {
    let file = File::create(path).unwrap();
    file.set_len(n_bytes).unwrap();
    for at in (0..n_bytes).step_by(16 << 20) {
        file.write_all_at(&noise(at, 1 << 16), at).unwrap();
    }
}

/// Runs a program to its good end, and returns the most memory that it had at once, in bytes.
fn peak_memory(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let used = child.wait4().unwrap();
    assert!(used.status.success());
    used.rusage.maxrss
}

fn publish_peak(joe: &User, args: &[&str]) -> u64 {
    peak_memory(&mut joe.command("charm-publish", args))
}

#[test]
fn a_large_file_goes_up_and_down_in_less_than_64_mib_of_growth() {
    let n_bytes = env::var("ACCEPTANCE_MIB").map_or(1024, |it| it.parse().unwrap()) * MIB;
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["common/big.bin"])
        .resource("common/big.bin", "");
    write_big(&tree.dir().join("resources/common/big.bin"), n_bytes);
    // A request of each kind, so that what is made once is there.
    let client_before = publish_peak(&joe, &["whoami"]);
    let server_before = server.peak_memory_bytes();
    let client = [
        publish_peak(&joe, &["app"]),
        publish_peak(&joe, &["pull", "~joe/app@latest", "copy"]),
        peak_memory(&mut joe.command("charm-deploy", &["install", "~joe/app@latest", "unit"])),
    ];
    let size = |path: &str| joe.dir().join(path).metadata().unwrap().len();
    assert_eq!([size("copy/resources/common/big.bin"), size("unit/resources/big.bin")], [n_bytes; 2]);
    let growth = server.peak_memory_bytes() - server_before;
    assert!(growth < MAX_GROWTH_BYTES, "the server grew by {} MiB", growth / MIB);
    for peak in client {
        let growth = peak - client_before;
        assert!(growth < MAX_GROWTH_BYTES, "a client grew by {} MiB", growth / MIB);
    }
}
