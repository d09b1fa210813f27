//! Every refusal as a case, and what it says.

use std::time::{Duration, Instant};

use charm_archive::ArchiveLimits;
use test_case::test_case;

use crate::zip_bytes::{Part, deflate, end, with_zip64_end, zip};
use crate::{read, read_within};

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

fn file(name: &str) -> Part {
    Part::stored(name, b"content")
}

fn patched(mut bytes: Vec<u8>, from_end: usize, patch: &[u8]) -> Vec<u8> {
    let at = bytes.len() - from_end;
    bytes[at..at + patch.len()].copy_from_slice(patch);
    bytes
}

const NO_END: &str = "the archive does not end with the end of a central directory";
const BAD_END: &str = "the central directory does not end where the end record begins";

#[test_case(b"", NO_END; "nothing")]
#[test_case(b"#!/bin/sh\nexit 0\n# a script and not a zip file\n", NO_END; "another format")]
#[test_case(&zip(&[file("a")])[..80], NO_END; "cut off")]
#[test_case(&[zip(&[file("a")]), vec![0]].concat(), NO_END; "suffix")]
#[test_case(&[patched(zip(&[file("a")]), 2, &[2, 0]), vec![b'h', b'i']].concat(), NO_END; "comment")]
#[test_case(&[vec![0; 3], zip(&[file("a")])].concat(), BAD_END; "prefix")]
#[test_case(&zip(&[file("a").with(|it| it.gap = vec![0; 3])]), "3 bytes stand before the first entry"; "prefix with offsets mended")]
#[test_case(&patched(zip(&[file("a")]), 18, &[1, 0]), "the archive is one part of several"; "disk")]
#[test_case(&patched(zip(&[file("a")]), 14, &[2, 0]), "the archive is one part of several"; "entries on other disks")]
#[test_case(&zip(&[file("a").with(|it| it.disk = 1)]), "the archive is one part of several"; "an entry on another disk")]
#[test_case(&patched(zip(&[file("a"), file("b")]), 14, &[1, 0, 1, 0]), "the central directory has more than the announced entries"; "an entry that is not counted")]
#[test_case(&patched(zip(&[file("a")]), 14, &[2, 0, 2, 0]), "the archive ends in the middle of a record"; "an entry too many")]
#[test_case(&patched(zip(&[file("a")]), 22 + 47, b"XK"), "the central directory has something else than headers"; "not a header")]
#[test_case(&patched(zip(&[file("a")]), 10, &[0xff; 4]), "the archive's zip64 records are missing or contradict the plain ones"; "zip64 missing")]
#[test_case(&with_zip64_end(zip(&[file("a")]), |it| it[24] = 2), "the archive's zip64 records are missing or contradict the plain ones"; "zip64 with other disks")]
#[test_case(&with_zip64_end(zip(&[file("a")]), |it| it[64] ^= 1), "the archive's zip64 records are missing or contradict the plain ones"; "zip64 locator elsewhere")]
#[test_case(&with_zip64_end(zip(&[file("a")]), |it| it[48] ^= 1), BAD_END; "zip64 with another offset")]
#[test_case(&patched(with_zip64_end(zip(&[file("a")]), |_| ()), 14, &[9, 0, 9, 0]), "the archive's zip64 records are missing or contradict the plain ones"; "zip64 contradicting")]
#[test_case(&patched(with_zip64_end(zip(&[file("a")]), |_| ()), 14, &end(1, 47, 38)[8..20]), BAD_END; "zip64 without need")]
fn the_ends_of_a_file(bytes: &[u8], why: &str) {
    assert_eq!(refusal(bytes), why);
}

#[test]
fn a_second_end_that_a_program_could_take_for_the_end() {
    let nested = zip(&[file("evil")]);
    let mut hidden = [nested.clone(), vec![]].concat();
    let whole_len = zip(&[Part::stored("a", &hidden)]).len();
    let n_behind = u16::try_from(whole_len - 31 - hidden.len()).unwrap();
    let at = hidden.len() - 2;
    hidden[at..].copy_from_slice(&n_behind.to_le_bytes());
    let offset = 31 + nested.len() - 22;
    let why = format!("the archive has a second end of a central directory, at byte {offset}");
    assert_eq!(refusal(&zip(&[Part::stored("a", &hidden)])), why);
}

#[test]
fn a_second_central_directory_has_no_place() {
    let good = zip(&[file("a")]);
    let (body, last) = good.split_at(good.len() - 22);
    let directory = &body[38..];
    let two = [body, directory, &end(1, directory.len(), body.len())].concat();
    assert_eq!(last.len(), 22);
    assert_eq!(refusal(&two), "`a` does not end where the next entry begins");
    let behind = [body, directory, last].concat();
    assert_eq!(refusal(&behind), BAD_END);
}

const OUT_OF_RANGE: &str = "`a` does not end where the next entry begins";

#[test_case(&[file("a"), file("b").with(|it| it.gap = vec![0])], OUT_OF_RANGE; "gap")]
#[test_case(&[file("a").with(|it| it.descriptor = vec![0; 16]), file("b")], OUT_OF_RANGE; "descriptor without its flag")]
#[test_case(&[file("a"), file("b").with(|it| { it.offset = Some(0); it.is_listed_only = true; })], OUT_OF_RANGE; "two entries of the same bytes")]
#[test_case(&[file("a"), file("b").with(|it| it.offset = Some(3))], OUT_OF_RANGE; "an offset inside another entry")]
#[test_case(&[file("a"), file("b").with(|it| it.offset = Some(u32::MAX - 1))], OUT_OF_RANGE; "an offset beyond the end")]
#[test_case(&[file("a").both(|it| { it.compressed_size += 40; it.size += 40; }), file("b")], OUT_OF_RANGE; "data that covers the next header")]
fn entries_that_do_not_stand_one_behind_the_other(parts: &[Part], why: &str) {
    assert_eq!(refusal(&zip(parts)), why);
}

/// Fifield's "quoted overlap": each entry's data begins with a stored block that quotes the next local
/// header, so that all entries share one kernel of compressed bytes.
/// <https://www.bamsoftware.com/hacks/zipbomb/>
#[test]
fn overlapping_entries_are_refused_before_anything_is_inflated() {
    let kernel = deflate(&vec![0; 8 << 20]);
    let mut parts = vec![Part::deflated("z", b"").with(|it| it.data.clone_from(&kernel))];
    for _ in 0..200 {
        let first = &parts[0];
        let next = zip(std::slice::from_ref(first));
        let quoted = &next[..30 + first.local.name.len()];
        let length = u16::try_from(quoted.len()).unwrap();
        let block = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
        parts.insert(0, Part::deflated(format!("{:03}", parts.len()), b"").with(|it| it.data = block));
    }
    for index in 0..parts.len() {
        let n_behind: usize =
            parts[index + 1..].iter().map(|it| 30 + it.local.name.len() + it.data.len()).sum();
        let n_own = parts[index].data.len();
        parts[index] = parts[index].clone().both(|it| {
            it.compressed_size = (n_own + n_behind).try_into().unwrap();
            it.size = 8 << 20;
        });
    }
    let limits = ArchiveLimits { max_ratio: u64::MAX, ..ArchiveLimits::default() };
    let begun = Instant::now();
    let error = read_within(&zip(&parts), &limits).unwrap_err().to_string();
    assert_eq!(error, "`200` does not end where the next entry begins");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test_case(file("a").with(|it| it.local.name = b"b".to_vec()), "name"; "name")]
#[test_case(file("a").with(|it| it.local.flags = 1 << 11), "flags"; "flags")]
#[test_case(file("a").with(|it| it.local.flags = 1 << 3), "flags"; "flag of a descriptor")]
#[test_case(file("a").with(|it| it.local.method = 8), "compression method"; "method")]
#[test_case(file("a").with(|it| it.local.crc32 ^= 1), "CRC-32"; "crc")]
#[test_case(file("a").with(|it| it.local.crc32 = 0), "CRC-32"; "crc left out without a descriptor")]
#[test_case(file("a").with(|it| it.local.size += 1), "sizes"; "size")]
#[test_case(file("a").with(|it| it.local.compressed_size += 1), "sizes"; "compressed size")]
#[test_case(file("a").described(&[0; 16]), "data descriptor"; "descriptor")]
#[test_case(file("a").described(&[]), "data descriptor"; "no descriptor")]
#[test_case(file("a").described(&file("a").descriptor(true, false)[..15]), "data descriptor"; "half a descriptor")]
fn headers_that_contradict_each_other(part: Part, field: &str) {
    assert_eq!(refusal(&zip(&[part, file("b")])), format!("the two headers of `a` differ in the {field}"));
}

#[test_case(file("a").both(|it| it.flags = 1), "encryption"; "encrypted")]
#[test_case(file("a").both(|it| it.flags = 1 << 6 | 1), "encryption"; "strongly encrypted")]
#[test_case(file("a").both(|it| it.flags = 1 << 13), "encryption"; "with masked headers")]
#[test_case(file("a").both(|it| it.flags = 1 << 5), "an unusual flag"; "a patch")]
#[test_case(file("a").both(|it| it.method = 9), "an unusual compression method"; "deflate64")]
#[test_case(file("a").both(|it| it.method = 12), "an unusual compression method"; "bzip2")]
#[test_case(file("a").with(|it| it.comment = b"hi".to_vec()), "a comment"; "comment")]
fn features_that_charm_archives_do_not_have(part: Part, feature: &str) {
    assert_eq!(refusal(&zip(&[part])), format!("`a` has {feature}, which charm archives do not"));
}

#[test_case(file("/etc/passwd"), "the name `/etc/passwd` is absolute"; "absolute")]
#[test_case(file("../a"), "the name `../a` has a part `.` or `..`"; "parent")]
#[test_case(file("./a"), "the name `./a` has a part `.` or `..`"; "dot")]
#[test_case(file("a//b"), "the name `a//b` has an empty part"; "empty part")]
#[test_case(file(""), "the name `` has an empty part"; "empty")]
#[test_case(Part::directory("/"), "the name `` has an empty part"; "the root")]
#[test_case(file("a\\b"), "the name `a\\b` has a backslash"; "backslash")]
#[test_case(file("a\x1b[2Jb"), "the name `a\u{fffd}[2Jb` has a control character"; "control character")]
#[test_case(Part::stored(b"caf\x82", b""), "the name `caf\u{fffd}` is not UTF-8"; "not utf-8")]
#[test_case(Part::stored("café", b"").both(|it| it.flags = 0), "the name `café` is not marked as UTF-8"; "not marked")]
fn names(part: Part, why: &str) {
    assert_eq!(refusal(&zip(&[part])), why);
}

#[test_case(&[file("a"), file("a")], "`a` stands there twice"; "twice")]
#[test_case(&[file("A"), file("a")], "`a` and `A` differ by case or Unicode form only"; "case")]
#[test_case(&[file("\u{e9}"), file("e\u{301}")], "`e\u{301}` and `\u{e9}` differ by case or Unicode form only"; "unicode form")]
#[test_case(&[file("a"), file("a/b")], "`a` is a file or link, and a directory for other entries"; "file and directory")]
#[test_case(&[Part::link("a", "/tmp"), file("a/b")], "`a` is a file or link, and a directory for other entries"; "behind a link")]
fn names_that_are_in_each_other_s_way(parts: &[Part], why: &str) {
    assert_eq!(refusal(&zip(parts)), why);
}

#[test_case("/etc/passwd", "is absolute"; "absolute")]
#[test_case("../x", "leaves the tree"; "escaping")]
#[test_case("dir/../../x", "leaves the tree"; "escaping by a detour")]
#[test_case("other/../x", "passes through another link"; "through another link")]
#[test_case("..\\x", "has a backslash"; "backslash")]
#[test_case("", "is empty"; "empty")]
fn links(target: &str, why: &str) {
    let parts = [Part::link("a", target), Part::link("other", "dir/b"), file("dir/b/c")];
    assert_eq!(refusal(&zip(&parts)), format!("the link `a` to `{target}` {why}"));
}

#[test_case(Part::link("a", b"\xff"), "the link `a` to `\u{fffd}` is not UTF-8"; "not utf-8")]
#[test_case(Part::link("a", vec![b'a'; 2000]), "`a` is damaged: it is a link with too long a target"; "long")]
fn links_that_are_not_paths(part: Part, why: &str) {
    assert_eq!(refusal(&zip(&[part])), why);
}

fn of_mode(name: &str, mode: u32) -> Part {
    Part::stored(name, b"").with(|it| it.attributes = mode << 16)
}

#[test_case(of_mode("a", 0o010_644), "a pipe"; "pipe")]
#[test_case(of_mode("a", 0o140_644), "a socket"; "socket")]
#[test_case(of_mode("a", 0o020_644), "a device"; "character device")]
#[test_case(of_mode("a", 0o060_644), "a device"; "block device")]
#[test_case(of_mode("a", 0o040_755), "a directory without a slash behind its name"; "directory by mode only")]
#[test_case(of_mode("a/", 0o100_644), "a file with a slash behind its name"; "directory by name only")]
#[test_case(of_mode("a", 0).with(|it| it.attributes = 0x10), "a directory without a slash behind its name"; "directory by dos")]
#[test_case(of_mode("a", 0o120_777).with(|it| it.made_by = 20), "a link for some programs and a file for others"; "link made on dos")]
fn kinds(part: Part, what: &str) {
    assert_eq!(refusal(&zip(&[part])), format!("`a` is {what}"));
}

fn compressed() -> Part {
    Part::deflated("a", b"one two one two one two")
}

#[test_case(file("a").both(|it| it.crc32 ^= 1), "its CRC-32 differs"; "crc")]
#[test_case(compressed().both(|it| it.size += 1), "it is shorter than announced"; "shorter")]
#[test_case(compressed().both(|it| it.size = 5), "it is longer than announced"; "longer")]
#[test_case(compressed().with(|it| it.data.push(0)).both(|it| it.compressed_size += 1), "bytes stand behind its compressed data"; "hidden bytes")]
#[test_case(compressed().with(|it| { it.data.pop(); }).both(|it| it.compressed_size -= 1), "its compressed data is cut off"; "cut off")]
#[test_case(compressed().with(|it| it.data[0] = 0xff), "its compressed data is malformed"; "malformed")]
#[test_case(file("a").both(|it| it.size += 1), "it is stored and has two sizes"; "stored with two sizes")]
#[test_case(Part::stored("a/", b"x").with(|it| it.attributes = 0o040_755 << 16), "it is a directory and has content"; "a directory with content")]
#[test_case(file("a").both(|it| it.extra = vec![0x75, 0x70, 1, 0, 1]), "its extra field contradicts its header"; "another name aside")]
#[test_case(file("a").both(|it| it.extra = vec![1, 0]), "its extra field is malformed"; "half an extra field")]
#[test_case(file("a").both(|it| it.extra = vec![1, 0, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0]), "its zip64 field has more than its header needs"; "zip64 without need")]
#[test_case(file("a").both(|it| it.size = u32::MAX), "its zip64 field is missing or too short"; "zip64 missing")]
fn content_that_is_not_what_is_announced(part: Part, problem: &str) {
    assert_eq!(refusal(&zip(&[part])), format!("`a` is damaged: {problem}"));
}

#[test]
fn a_bomb_that_says_what_it_is_is_refused_by_its_ratio() {
    let block = deflate(&vec![0; 16 << 20]);
    let layer = (0..5).map(|n| {
        let part = Part::deflated(format!("{n}"), b"").with(|it| it.data.clone_from(&block));
        part.both(|it| (it.compressed_size, it.size) = (u32::try_from(block.len()).unwrap(), 16 << 20))
    });
    let bytes = zip(&layer.collect::<Vec<_>>());
    let most = 50 * bytes.len();
    let why = format!("the archive has {} uncompressed bytes for its size, the limit is {most}", 5 << 24);
    assert_eq!(refusal(&bytes), why);
}

#[test]
fn a_bomb_that_lies_is_not_inflated_beyond_what_it_says() {
    let bomb = Part::deflated("a", &vec![0; 64 << 20]).both(|it| it.size = 1000);
    assert_eq!(refusal(&zip(&[bomb])), "`a` is damaged: it is longer than announced");
}

#[test_case(&ArchiveLimits { max_entries: 2, ..Default::default() }, "the archive has 3 entries, the limit is 2"; "entries")]
#[test_case(&ArchiveLimits { max_entries: 4, ..Default::default() }, "the archive has 5 entries, the limit is 4"; "implied directories")]
#[test_case(&ArchiveLimits { max_total_bytes: 20, ..Default::default() }, "the archive has 21 uncompressed bytes, the limit is 20"; "bytes")]
#[test_case(&ArchiveLimits { max_directory_bytes: 100, ..Default::default() }, "the archive has 145 bytes of central directory, the limit is 100"; "directory")]
fn more_than_the_limits_allow(limits: &ArchiveLimits, why: &str) {
    let bytes = zip(&[file("a"), file("b"), file("c/d/e")]);
    assert_eq!(read_within(&bytes, limits).unwrap_err().to_string(), why);
    assert!(read(&bytes).is_ok());
}
