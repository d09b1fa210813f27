//! The lines of a log of `strace -f -y`.

use std::collections::HashMap;

/// A call that changes what is on the disk, or makes it last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    /// Bytes of a file.
    Writes(&'a str),
    /// A name that was not there.
    Names(&'a str),
    Renames {
        from: &'a str,
        to: &'a str,
    },
    Removes(&'a str),
    /// A file's bytes or a directory's names; what was written after the flush had begun may not be part of it.
    Flushes {
        path: &'a str,
        begun: Option<usize>,
    },
}

/// Puts together what the log has in two lines because another thread came in between, at the place of the second.
/// A write counts from its end; of a flush, the line says where it began.
pub(super) fn joined(text: &str) -> Vec<(usize, String)> {
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (number, start));
            if is_answer(start) {
                lines.push((number, start.to_owned()));
            }
        } else if let Some(rest) = call.strip_prefix("<... ").and_then(|it| it.split_once(" resumed>")) {
            let Some((at, start)) = begun.remove(thread) else { continue };
            if !is_answer(start) {
                lines.push((number, format!("{start}{} #{at}", rest.1)));
            }
        } else {
            lines.push((number, call.to_owned()));
        }
    }
    lines
}

/// An answer counts from its beginning: from there on, the other side may have it.
fn is_answer(start: &str) -> bool {
    start.contains("<socket:")
}

impl<'a> Call<'a> {
    /// Reads a line; none if it was not done, or changes nothing.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.rsplit_once(") ")?;
        let result = result.trim_start().trim_start_matches("= ");
        if result.starts_with('-') || result.starts_with('?') {
            return None;
        }
        match name {
            "write" | "pwrite64" | "pwritev" | "writev" | "ftruncate" | "sendfile" => {
                descriptor(args).map(Self::Writes)
            }
            "copy_file_range" => args.split(", ").nth(2).and_then(descriptor).map(Self::Writes),
            "fsync" | "fdatasync" => {
                let begun = result.rsplit_once('#').and_then(|(_, at)| at.parse().ok());
                descriptor(args).map(|path| Self::Flushes { path, begun })
            }
            "openat" if args.contains("O_CREAT") => descriptor(result).map(Self::Names),
            "mkdir" | "mkdirat" | "link" | "linkat" | "symlink" | "symlinkat" => {
                quoted(args).last().copied().map(Self::Names)
            }
            "rename" | "renameat" | "renameat2" => match quoted(args)[..] {
                [from, to] => Some(Self::Renames { from, to }),
                _ => None,
            },
            "unlink" | "unlinkat" => quoted(args).first().copied().map(Self::Removes),
            _ => None,
        }
    }
}

/// Returns the path of a descriptor such as `7</a/b>`.
fn descriptor(text: &str) -> Option<&str> {
    let (number, rest) = text.split_once('<')?;
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    let path = rest.split('>').next()?;
    (is_number && path.starts_with('/')).then_some(path)
}

fn quoted(args: &str) -> Vec<&str> {
    args.split('"').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"pwrite64(9</d/f>, "a\"b"..., 300, 0) = 300"# => Some(Call::Writes("/d/f")))]
    #[test_case(r#"write(4<anon_inode:[eventfd]>, "\1", 8) = 8"# => None; "what is no file")]
    #[test_case("fdatasync(9</d/f>) = -1 EIO (Input/output error)" => None; "a flush that failed")]
    #[test_case("fsync(9</d>) = 0 #17" => Some(Call::Flushes { path: "/d", begun: Some(17) }))]
    #[test_case(r#"openat(AT_FDCWD, "f", O_RDWR|O_CREAT, 0666) = 9</d/f>"# => Some(Call::Names("/d/f")))]
    #[test_case(r#"rename("/d/f", "/d/g") = 0"# => Some(Call::Renames { from: "/d/f", to: "/d/g" }))]
    fn a_line_says(line: &str) -> Option<Call<'_>> {
        Call::read(line)
    }

    #[test]
    fn a_call_in_two_lines_stands_where_it_ended_and_says_where_it_began() {
        let text = "7 fsync(9</d> <unfinished ...>\n8 close(3) = 0\n7 <... fsync resumed>) = 0\n";
        assert_eq!(joined(text), [(1, "close(3) = 0".to_owned()), (2, "fsync(9</d>) = 0 #0".to_owned())]);
    }
}
