//! Adding one line to a `resources.yaml`, with comments, order and style as the author has them.
//!
//! This knows how people write the file, not YAML. Whoever calls it reads the outcome with the real parser.

use std::ops::Range;

use charm_model::name::StreamName;
use charm_model::shape::{Place, Tree};

/// Adds a place where the stream has its files: in its own lists, or else in the shape that streams share. `None` if
/// the text is not written as expected.
pub(super) fn add(text: &str, stream: &StreamName, place: &Place) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let home = home(&lines, stream)?;
    match child(&lines, home.inside(), place.tree.as_str()) {
        Some(list) => add_item(&mut lines, &list, place)?,
        None => add_list(&mut lines, &home, place)?,
    }
    Some(lines.join("\n") + "\n")
}

/// Returns a path as YAML reads it as text: plain if that is sure, quoted otherwise.
pub(super) fn item(path: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '/' | '-');
    let is_word =
        path.contains('/') || path.contains('.') && path.contains(|it: char| it.is_ascii_alphabetic());
    let is_sure =
        is_word || !matches!(path, "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    let begins_well = path.starts_with(|it: char| it.is_ascii_alphabetic());
    if is_sure && begins_well && path.chars().all(is_plain) { path.to_owned() } else { format!("{path:?}") }
}

/// A key, and the lines that belong to it.
struct Block {
    head: usize,
    indent: usize,
    end: usize,
}

impl Block {
    fn inside(&self) -> Range<usize> {
        self.head + 1..self.end
    }
}

fn home(lines: &[String], stream: &StreamName) -> Option<Block> {
    let streams = child(lines, 0..lines.len(), "streams")?;
    let own = child(lines, streams.inside(), stream.as_str())?;
    let has_lists = keys(lines, own.inside()).any(|key| key.parse::<Tree>().is_ok());
    match child(lines, 0..lines.len(), "shape") {
        Some(shape) if !has_lists => Some(shape),
        _ => Some(own),
    }
}

fn add_item(lines: &mut Vec<String>, list: &Block, place: &Place) -> Option<()> {
    let item = item(place.path.as_str());
    let (value, comment) = value(&lines[list.head]);
    if value.is_empty() {
        let before = list.inside().rev().find(|at| lines[*at].trim_start().starts_with("- "));
        let (before, indent) = before.map_or((list.head, list.indent + 2), |at| (at, indent(&lines[at])));
        lines.insert(before + 1, format!("{:indent$}- {item}", ""));
    } else {
        let listed = listed(value, &item)?;
        let key = lines[list.head].split_once(':')?.0;
        lines[list.head] = format!("{key}: {listed}{comment}");
    }
    Some(())
}

/// Returns a list on one line, or a single name, with one more in it.
fn listed(value: &str, item: &str) -> Option<String> {
    match value.strip_prefix('[') {
        Some(rest) => {
            let inside = rest.strip_suffix(']')?.trim().trim_end_matches(',');
            Some(if inside.is_empty() { format!("[{item}]") } else { format!("[{inside}, {item}]") })
        }
        None if value.starts_with(['{', '&', '*', '|', '>', '!']) => None,
        None => Some(format!("[{value}, {item}]")),
    }
}

fn add_list(lines: &mut Vec<String>, home: &Block, place: &Place) -> Option<()> {
    if !value(&lines[home.head]).0.is_empty() {
        return None;
    }
    let first = home.inside().find(|at| is_content(&lines[*at]));
    let indent = first.map_or(home.indent + 2, |at| indent(&lines[at]));
    let key = format!("{:indent$}{}:", "", place.tree);
    let item = format!("{:indent$}  - {}", "", item(place.path.as_str()));
    lines.splice(home.end..home.end, [key, item]);
    Some(())
}

/// Returns the block of a key among the outermost ones of these lines.
fn child(lines: &[String], within: Range<usize>, name: &str) -> Option<Block> {
    let outermost = within.clone().find(|at| is_content(&lines[*at])).map(|at| indent(&lines[at]))?;
    let is_it = |at: &usize| indent(&lines[*at]) == outermost && key(&lines[*at]) == Some(name);
    let head = within.clone().find(is_it)?;
    let belongs = |line: &str| {
        indent(line) > outermost || indent(line) == outermost && line.trim_start().starts_with("- ")
    };
    let behind = (head + 1..within.end).filter(|at| is_content(&lines[*at]));
    let last = behind.take_while(|at| belongs(&lines[*at])).last();
    Some(Block { head, indent: outermost, end: last.unwrap_or(head) + 1 })
}

fn keys(lines: &[String], within: Range<usize>) -> impl Iterator<Item = &str> {
    lines[within].iter().filter_map(|line| key(line))
}

fn key(line: &str) -> Option<&str> {
    let (key, _) = line.trim_start().split_once(':').filter(|_| is_content(line))?;
    Some(key.trim_matches(['"', '\'']))
}

/// Returns what stands behind a line's key, and the comment behind that with the blanks before it.
fn value(line: &str) -> (&str, &str) {
    let rest = line.split_once(':').map_or("", |it| it.1);
    let end = rest.find(" #").unwrap_or(rest.len());
    let value = rest[..end].trim_end();
    (value.trim_start(), &rest[value.len()..])
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn added(text: &str, place: &str) -> Option<String> {
        let (tree, path) = place.split_once('/').unwrap();
        let place = Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() };
        add(text, &"stable".parse().unwrap(), &place)
    }

    const BLOCK: &str = "# ours\ndefault-stream: stable\nstreams:\n  stable:\n    common:\n    - a  # first\n\n  # later\n  devel:\n    common: [a]\n";

    #[test]
    fn a_block_list_goes_on_in_its_own_style() {
        insta::assert_snapshot!(added(BLOCK, "common/layers/20-tls.tar").unwrap(), @r"
        # ours
        default-stream: stable
        streams:
          stable:
            common:
            - a  # first
            - layers/20-tls.tar

          # later
          devel:
            common: [a]
        ");
    }

    #[test]
    fn a_tree_that_is_not_there_is_added_behind_the_others() {
        insta::assert_snapshot!(added(BLOCK, "arm64/b").unwrap(), @r"
        # ours
        default-stream: stable
        streams:
          stable:
            common:
            - a  # first
            arm64:
              - b

          # later
          devel:
            common: [a]
        ");
    }

    #[test_case("[a]  # one" => "[a, b]  # one"; "with a comment")]
    #[test_case("[]" => "[b]"; "empty")]
    #[test_case("a" => "[a, b]"; "a single name")]
    fn a_list_on_one_line_stays_there(list: &str) -> String {
        let text = format!("default-stream: stable\nshape:\n  common: {list}\nstreams:\n  stable:\n");
        let text = added(&text, "common/b").unwrap();
        text.lines().nth(2).unwrap().trim().strip_prefix("common: ").unwrap().to_owned()
    }

    #[test]
    fn a_list_over_several_lines_in_brackets_is_left_alone() {
        let text = "default-stream: stable\nstreams:\n  stable:\n    common: [a,\n      c]\n";
        assert_eq!(added(text, "common/b"), None);
    }

    #[test_case("a.zip" => "a.zip")]
    #[test_case("layers/10-app.tar" => "layers/10-app.tar")]
    #[test_case("yes" => "\"yes\"")]
    #[test_case("1.10" => "\"1.10\"")]
    #[test_case("a: b" => "\"a: b\"")]
    fn an_item_is_text_for_every_reader(path: &str) -> String {
        item(path)
    }
}
