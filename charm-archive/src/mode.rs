//! Kinds of files as the bits that a zip file keeps of them.

use charm_model::tree::EntryKind;

/// Types of files, in the upper half of the attributes: `S_IFMT` and its values, inode(7).
const TYPE: u32 = 0o170_000;
const PIPE: u32 = 0o010_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const DIRECTORY: u32 = 0o040_000;
const BLOCK_DEVICE: u32 = 0o060_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const SOCKET: u32 = 0o140_000;

/// Any of the three rights to execute.
const EXECUTABLE: u32 = 0o111;

/// The attribute of a directory under DOS, which some programs go by.
const DOS_DIRECTORY: u32 = 0x10;

/// Systems that fill the upper half of the attributes: Unix and OS X (APPNOTE.TXT §4.4.2).
const UNIX: u16 = 3;
const OS_X: u16 = 19;

/// Returns the permissions that a file, directory or link has on a unit, as Juju normalises them.
pub(crate) const fn permissions(kind: &EntryKind) -> u32 {
    match kind {
        EntryKind::File { executable: false } => 0o644,
        EntryKind::Link { .. } => 0o777,
        _ => 0o755,
    }
}

/// Returns the attributes of an entry that we write.
pub(crate) const fn attributes(kind: &EntryKind) -> u32 {
    let mode = permissions(kind)
        | match kind {
            EntryKind::Directory => DIRECTORY,
            EntryKind::Link { .. } => LINK,
            _ => FILE,
        };
    let dos = if matches!(kind, EntryKind::Directory) { DOS_DIRECTORY } else { 0 };
    mode << 16 | dos
}

/// Returns the kind of an entry that somebody else wrote; a link's target is still empty.
///
/// Programs go by the slash behind the name, by the mode, or by DOS's bit. Where these contradict each other
/// the kind is [`EntryKind::Other`], as it is for what does not travel.
pub(crate) fn kind(made_by: u16, attributes: u32, has_slash: bool) -> EntryKind {
    let mode = attributes >> 16;
    let is_unix = matches!(made_by >> 8, UNIX | OS_X);
    let is_dos_directory = attributes & DOS_DIRECTORY != 0;
    match (mode & TYPE, has_slash) {
        (0 | DIRECTORY, true) => EntryKind::Directory,
        (_, true) => EntryKind::Other("a file with a slash behind its name"),
        (DIRECTORY, false) => EntryKind::Other("a directory without a slash behind its name"),
        (_, false) if is_dos_directory => EntryKind::Other("a directory without a slash behind its name"),
        (0 | FILE, false) => EntryKind::File { executable: is_unix && mode & EXECUTABLE != 0 },
        (LINK, false) if is_unix => EntryKind::Link { target: String::new() },
        (LINK, false) => EntryKind::Other("a link for some programs and a file for others"),
        (other, false) => EntryKind::Other(special(other)),
    }
}

const fn special(file_type: u32) -> &'static str {
    match file_type {
        PIPE => "a pipe",
        SOCKET => "a socket",
        CHARACTER_DEVICE | BLOCK_DEVICE => "a device",
        _ => "of a kind that charms do not have",
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&EntryKind::Directory)]
    #[test_case(&EntryKind::File { executable: false }; "plain")]
    #[test_case(&EntryKind::File { executable: true }; "executable")]
    #[test_case(&EntryKind::Link { target: String::new() }; "link")]
    fn what_we_write_is_read_as_it_was(written: &EntryKind) {
        let has_slash = *written == EntryKind::Directory;
        assert_eq!(kind(UNIX << 8, attributes(written), has_slash), *written);
    }

    #[test]
    fn any_right_to_execute_makes_a_file_executable() {
        assert_eq!(kind(UNIX << 8, 0o100_601 << 16, false), EntryKind::File { executable: true });
        assert_eq!(kind(UNIX << 8, 0o600 << 16, false), EntryKind::File { executable: false });
        assert_eq!(kind(0, 0x20, false), EntryKind::File { executable: false });
    }
}
