//! From a parser's events to nodes, within budgets.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::rules::{Duplicates, Rules};
use super::scalar::{Scalar, Tag};
use super::{Entry, Node, Value};
use crate::finding::{Code, Finding, Report};

/// Why reading ends early, and on which line.
pub(super) type Stop = (usize, Finding);

/// Builds the tree of one document.
pub(super) struct Composer<'r> {
    rules: &'r Rules,
    report: &'r mut Report,
    open: Vec<Open>,
    root: Option<Node>,
    n_documents: usize,
    /// What aliases refer to, by the parser's number for the anchor.
    anchored: BTreeMap<usize, Node>,
    n_aliases: usize,
    spent: Weight,
}

/// A list or mapping whose end has not come yet.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    /// Where a key stands in `entries`.
    places: BTreeMap<String, usize>,
    /// What `<<` merges in.
    merged: Vec<Node>,
    /// The key whose value has not come yet.
    key: Option<Key>,
}

struct Key {
    line: usize,
    text: String,
    merges: bool,
}

/// What a node costs to keep.
#[derive(Clone, Copy, Default)]
struct Weight {
    n_nodes: usize,
    n_text_bytes: usize,
    depth: usize,
}

impl Weight {
    fn of(node: &Node) -> Self {
        match &node.value {
            Value::Scalar(scalar) => Self { n_nodes: 1, n_text_bytes: scalar.text.len(), depth: 0 },
            Value::Sequence(items) => Self::around(items.iter().map(|it| (0, it))),
            Value::Mapping(entries) => Self::around(entries.iter().map(|it| (it.key.len(), &it.value))),
        }
    }

    fn around<'n>(children: impl Iterator<Item = (usize, &'n Node)>) -> Self {
        let empty = Self { n_nodes: 1, n_text_bytes: 0, depth: 1 };
        children.fold(empty, |sum, (n_key_bytes, child)| {
            let child = Self::of(child);
            Self {
                n_nodes: sum.n_nodes + child.n_nodes,
                n_text_bytes: sum.n_text_bytes + child.n_text_bytes + n_key_bytes,
                depth: sum.depth.max(child.depth + 1),
            }
        })
    }
}

impl<'r> Composer<'r> {
    pub(super) fn new(rules: &'r Rules, report: &'r mut Report) -> Self {
        Self {
            rules,
            report,
            open: Vec::new(),
            root: None,
            n_documents: 0,
            anchored: BTreeMap::new(),
            n_aliases: 0,
            spent: Weight::default(),
        }
    }

    /// Returns the document's node; `None` where there is no document.
    pub(super) fn compose(mut self, text: &str) -> Result<Option<Node>, Stop> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| syntax(text, &error))?;
            if self.open.is_empty() {
                refuse_indenting_tab(text, span)?;
            }
            self.take(event, span)?;
        }
        Ok(self.root)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) => self.begin_document(line),
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.begin(line, anchor, Content::Mapping(OpenMapping::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(line, anchor),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| Tag::from_name(&format!("{}{}", tag.handle, tag.suffix)));
                let quoted = style != ScalarStyle::Plain;
                let folded = !quoted && span.end.line() > line;
                self.scalar(line, anchor, Scalar { text: text.into_owned(), quoted, folded, tag })
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin_document(&mut self, line: usize) -> Result<(), Stop> {
        self.n_documents += 1;
        if self.n_documents > 1 {
            let finding = Finding::error(Code::YamlSyntax, "a second document begins here");
            return Err((line, finding.help(self.rules.second_document)));
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), Stop> {
        self.spend(line, Weight { n_nodes: 1, ..Weight::default() })?;
        self.open.push(Open { line, anchor, content });
        self.check_depth(line, 0)
    }

    fn end(&mut self) -> Result<(), Stop> {
        // The parser ends only what it began.
        let Some(Open { line, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping(mapping) => Value::Mapping(mapping.close()),
        };
        self.anchor_and_place(Node { line, value }, anchor)
    }

    fn scalar(&mut self, line: usize, anchor: usize, scalar: Scalar) -> Result<(), Stop> {
        if !scalar.fits_its_tag() {
            let tag = scalar.tag.unwrap_or(Tag::Str).as_str();
            let message = format!("`{}` is marked as `{tag}` and is not of that type", scalar.text);
            self.report.at(line, Finding::error(Code::YamlType, message));
        }
        self.spend(line, Weight { n_nodes: 1, n_text_bytes: scalar.text.len(), depth: 0 })?;
        self.anchor_and_place(Node { line, value: Value::Scalar(scalar) }, anchor)
    }

    fn alias(&mut self, line: usize, anchor: usize) -> Result<(), Stop> {
        self.n_aliases += 1;
        if self.n_aliases > self.rules.max_aliases {
            let message = format!("the file has more than {} aliases", self.rules.max_aliases);
            return Err((line, Finding::error(Code::YamlBudget, message)));
        }
        // The parser knows the anchor, so what it stands for has begun, and not ended.
        let Some(node) = self.anchored.get(&anchor) else {
            return Err((line, Finding::error(Code::YamlBudget, "an alias refers to what it stands in")));
        };
        // The weight comes before the copy: copies of copies are how a small file becomes gigabytes.
        let weight = Weight::of(node);
        let copy = |node: &Node| Node { line, value: node.value.clone() };
        self.check_depth(line, weight.depth)?;
        self.spend(line, weight)?;
        let node = self.anchored.get(&anchor).map(copy);
        node.map_or(Ok(()), |node| self.place(node))
    }

    fn anchor_and_place(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        // The parser's numbers begin at 1; 0 says that there is no anchor.
        if anchor != 0 {
            self.spend(node.line, Weight::of(&node))?;
            self.anchored.insert(anchor, node.clone());
        }
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Result<(), Stop> {
        match self.open.last_mut().map(|it| &mut it.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping(mapping)) => match mapping.key.take() {
                None => mapping.key = Some(Key::of(node)?),
                Some(key) => mapping.add(key, node, self.rules.duplicates, self.report),
            },
        }
        Ok(())
    }

    fn check_depth(&self, line: usize, depth: usize) -> Result<(), Stop> {
        if self.open.len() + depth > self.rules.max_depth {
            let message = format!("the file nests deeper than {} levels", self.rules.max_depth);
            return Err((line, Finding::error(Code::YamlBudget, message)));
        }
        Ok(())
    }

    fn spend(&mut self, line: usize, weight: Weight) -> Result<(), Stop> {
        self.spent.n_nodes += weight.n_nodes;
        self.spent.n_text_bytes += weight.n_text_bytes;
        let message = if self.spent.n_nodes > self.rules.max_nodes {
            format!("the file has more than {} values, aliases included", self.rules.max_nodes)
        } else if self.spent.n_text_bytes > self.rules.max_text_bytes {
            format!("the file has more than {} bytes of text, aliases included", self.rules.max_text_bytes)
        } else {
            return Ok(());
        };
        Err((line, Finding::error(Code::YamlBudget, message)))
    }
}

impl Key {
    fn of(node: Node) -> Result<Self, Stop> {
        let Node { line, value } = node;
        match value {
            Value::Scalar(scalar) => {
                Ok(Self { line, merges: !scalar.quoted && scalar.text == "<<", text: scalar.text })
            }
            Value::Sequence(_) | Value::Mapping(_) => {
                let finding =
                    Finding::error(Code::YamlType, "a key is a list or a mapping; a text is expected");
                Err((
                    line,
                    finding.help(
                        "fill in what a template left between `{{` and `}}`, or put the text in quotes",
                    ),
                ))
            }
        }
    }
}

impl OpenMapping {
    fn add(&mut self, key: Key, value: Node, duplicates: Duplicates, report: &mut Report) {
        if key.merges && is_mergeable(&value) {
            self.merged.push(value);
        } else if let Some(place) = self.places.get(&key.text) {
            let first = &mut self.entries[*place];
            report.at(key.line, duplicate(&key.text, first.line, duplicates));
            *first = Entry { line: key.line, key: key.text, value };
        } else {
            self.places.insert(key.text.clone(), self.entries.len());
            self.entries.push(Entry { line: key.line, key: key.text, value });
        }
    }

    /// Adds what was merged in, where no key of the mapping's own says otherwise (yaml.org/type/merge.html).
    fn close(mut self) -> Vec<Entry> {
        for node in std::mem::take(&mut self.merged) {
            for entry in mergeable_entries(node) {
                if !self.places.contains_key(&entry.key) {
                    self.places.insert(entry.key.clone(), self.entries.len());
                    self.entries.push(entry);
                }
            }
        }
        self.entries
    }
}

fn is_mergeable(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(_) => true,
        Value::Sequence(items) => items.iter().all(|it| matches!(it.value, Value::Mapping(_))),
        Value::Scalar(_) => false,
    }
}

fn mergeable_entries(node: Node) -> Vec<Entry> {
    match node.value {
        Value::Mapping(entries) => entries,
        Value::Sequence(items) => items.into_iter().flat_map(mergeable_entries).collect(),
        Value::Scalar(_) => Vec::new(),
    }
}

fn duplicate(key: &str, first_line: usize, duplicates: Duplicates) -> Finding {
    let message = format!("the key `{key}` stands on line {first_line} already");
    match duplicates {
        Duplicates::Refused => Finding::error(Code::YamlDuplicate, message).help("keep one of the two"),
        Duplicates::LastWins => Finding::warning(Code::YamlLastWins, message)
            .help("this one is taken, as Juju does; keep one of the two"),
    }
}

fn syntax(text: &str, error: &ScanError) -> Stop {
    let line = error.marker().line();
    if let Some(line) = indenting_tab(text, line, error.info()) {
        return (line, tab());
    }
    let finding = match error.info() {
        // The scanner's own limit on brackets, before the first event of theirs.
        "recursion limit exceeded" => Finding::error(Code::YamlBudget, "the file nests too deep"),
        info @ "mapping values are not allowed in this context" => Finding::error(Code::YamlSyntax, info)
            .help("put a text with `: ` in it in quotes; or mend the indentation of this line and the one before"),
        info @ "invalid indentation in quoted scalar" => {
            Finding::error(Code::YamlSyntax, info).help("indent the lines on which the text goes on")
        }
        info => Finding::error(Code::YamlSyntax, info),
    };
    (line, finding)
}

/// The parser takes a tab before the first key, and Juju's did not.
fn refuse_indenting_tab(text: &str, span: Span) -> Result<(), Stop> {
    let line = span.start.line();
    let before = |text: &str| text.chars().take(span.start.col()).any(|it| it == '\t');
    let has_tab = span.start.col() > 0 && text.lines().nth(line - 1).is_some_and(before);
    if has_tab { Err((line, tab())) } else { Ok(()) }
}

fn tab() -> Finding {
    let finding = Finding::error(Code::YamlSyntax, "a tab stands in the indentation");
    finding.help("replace it with spaces: YAML takes no tabs there")
}

/// Returns the line whose indentation has a tab, where that is what the parser stumbled over.
fn indenting_tab(text: &str, error_line: usize, info: &str) -> Option<usize> {
    let is_indented_by_tab =
        |line: &str| line.chars().take_while(|it| it.is_whitespace()).any(|it| it == '\t');
    // A text that goes on with a tab is reported where it begins, so the tab may be further down.
    let n_lines = if info.contains("tab") { usize::MAX } else { 1 };
    let lines = text.lines().enumerate().skip(error_line.saturating_sub(1)).take(n_lines);
    lines.filter(|(_, line)| is_indented_by_tab(line)).map(|(index, _)| index + 1).next()
}
