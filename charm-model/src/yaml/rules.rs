//! What a file may cost to read, and how strictly it is read. All numbers in one place.

/// How one kind of file is read.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The most bytes.
    pub max_bytes: usize,
    /// The most bytes of one line. What stands in brackets on one line may be a key, so the parser holds all of it.
    pub max_line_bytes: usize,
    /// The most lists and mappings inside one another, after aliases have been replaced.
    pub max_depth: usize,
    /// The most aliases.
    pub max_aliases: usize,
    /// The most values, after aliases have been replaced.
    pub max_nodes: usize,
    /// The most bytes of text in those values.
    pub max_text_bytes: usize,
    /// What a key means that stands twice in one mapping.
    pub duplicates: Duplicates,
    /// What to do about a second document.
    pub second_document: &'static str,
}

/// What a key means that stands twice in one mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// An error: one of the two values would be lost silently.
    Refused,
    /// A warning, and the last value: what Juju's parser did. Published charms rely on it.
    LastWins,
}

impl Rules {
    /// How `metadata.yaml` is read.
    pub const METADATA: Self = Self {
        max_bytes: 1 << 20,
        max_line_bytes: 64 << 10,
        max_depth: 64,
        max_aliases: 1_000,
        max_nodes: 100_000,
        max_text_bytes: 4 << 20,
        duplicates: Duplicates::Refused,
        second_document: "remove what follows `---`; a file describes one charm",
    };

    /// How `resources.yaml` is read.
    pub const RESOURCES: Self = Self { max_depth: 16, max_aliases: 64, ..Self::METADATA };

    /// How `config.yaml`, `actions.yaml` and Juju's other files are read.
    pub const CONFIG: Self = Self { duplicates: Duplicates::LastWins, ..Self::METADATA };

    /// How `bundle.yaml` is read.
    pub const BUNDLE: Self = Self {
        max_aliases: 10_000,
        second_document: "overlays are not supported; publish the bundle without what follows `---`",
        ..Self::METADATA
    };
}
