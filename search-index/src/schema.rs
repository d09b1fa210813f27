//! The index's fields.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use crate::analysis::PROSE;

/// Moves whenever an index of before cannot be read, or would answer otherwise: then it is made again.
pub(crate) const VERSION: u32 = 2;

/// The fields, each under its name in the index.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// `~owner/name`: what is replaced at once.
    pub(crate) base: Field,
    /// Who may know of it: `name` or `@group`. Empty where everybody may.
    pub(crate) audience: Field,
    /// The whole name, and the same without dashes.
    pub(crate) name_whole: Field,
    /// What the name is about.
    pub(crate) name_core: Field,
    /// The name's words, with weights as they are rare.
    pub(crate) name_words: Field,
    /// How the name begins.
    pub(crate) name_starts: Field,
    /// How it begins, if that is short, and how much speaks for it.
    pub(crate) classed_starts: Field,
    /// How its other words begin.
    pub(crate) inner_starts: Field,
    /// Three bytes from everywhere in it, with their places: what the name has within is a phrase of them.
    pub(crate) name_parts: Field,
    /// What people call it, from the table of concepts.
    pub(crate) concepts: Field,
    /// What people call what its name begins with.
    pub(crate) near_concepts: Field,
    /// The title and the summary.
    pub(crate) summary: Field,
    pub(crate) description: Field,
    pub(crate) readme: Field,
    /// The words of tags and categories.
    pub(crate) tag_words: Field,
    /// The words of interfaces.
    pub(crate) interface_words: Field,
    pub(crate) options: Field,
    /// The words of a bundle's applications.
    pub(crate) applications: Field,
    /// Words as they are written, to find what was meant by one that is not known.
    pub(crate) spelling: Field,
    pub(crate) name: Field,
    pub(crate) owner: Field,
    /// The owner as references name it: nobody, for a promulgated base.
    pub(crate) shown_owner: Field,
    /// The owner's name in lower case, as people type it.
    pub(crate) owner_words: Field,
    pub(crate) series: Field,
    /// Every series of the revision.
    pub(crate) supported: Field,
    pub(crate) kind: Field,
    pub(crate) tags: Field,
    pub(crate) provides: Field,
    pub(crate) requires: Field,
    pub(crate) architectures: Field,
    /// 1 if a reference without an owner means it.
    pub(crate) promulgated: Field,
    /// 1 if it is its revision's first entry.
    pub(crate) lead: Field,
    /// 1 if it is its base's first entry.
    pub(crate) preferred: Field,
    pub(crate) downloads: Field,
    /// What speaks for it whatever is asked, as [`crate::prior`] has it.
    pub(crate) prior: Field,
    /// Orders what is equal otherwise, alike on every server.
    pub(crate) order: Field,
    pub(crate) card: Field,
}

/// Returns the schema and its fields.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let label = STRING;
    let facet = STRING | FAST;
    let flag = INDEXED | FAST;
    let fields = Fields {
        base: schema.add_text_field("base", label.clone()),
        audience: schema.add_text_field("audience", label.clone()),
        name_whole: schema.add_text_field("name_whole", label.clone()),
        name_core: schema.add_text_field("name_core", label.clone()),
        name_words: schema.add_text_field("name_words", words(true)),
        name_starts: schema.add_text_field("name_starts", label.clone()),
        classed_starts: schema.add_text_field("classed_starts", label.clone()),
        inner_starts: schema.add_text_field("inner_starts", label.clone()),
        name_parts: schema.add_text_field("name_parts", parts()),
        concepts: schema.add_text_field("concepts", prose(IndexRecordOption::WithFreqsAndPositions, false)),
        near_concepts: schema.add_text_field("near_concepts", prose(IndexRecordOption::WithFreqs, false)),
        summary: schema.add_text_field("summary", prose(IndexRecordOption::WithFreqsAndPositions, true)),
        description: schema
            .add_text_field("description", prose(IndexRecordOption::WithFreqsAndPositions, true)),
        readme: schema.add_text_field("readme", prose(IndexRecordOption::WithFreqs, true)),
        tag_words: schema.add_text_field("tag_words", prose(IndexRecordOption::WithFreqs, false)),
        interface_words: schema.add_text_field("interface_words", prose(IndexRecordOption::WithFreqs, true)),
        options: schema.add_text_field("options", prose(IndexRecordOption::WithFreqs, true)),
        applications: schema.add_text_field("applications", prose(IndexRecordOption::WithFreqs, true)),
        spelling: schema.add_text_field("spelling", label.clone()),
        name: schema.add_text_field("name", facet.clone()),
        owner: schema.add_text_field("owner", facet.clone()),
        shown_owner: schema.add_text_field("shown_owner", facet.clone()),
        owner_words: schema.add_text_field("owner_words", label),
        series: schema.add_text_field("series", facet.clone()),
        supported: schema.add_text_field("supported", facet.clone()),
        kind: schema.add_text_field("kind", facet.clone()),
        tags: schema.add_text_field("tags", facet.clone()),
        provides: schema.add_text_field("provides", facet.clone()),
        requires: schema.add_text_field("requires", facet.clone()),
        architectures: schema.add_text_field("architectures", facet),
        promulgated: schema.add_u64_field("promulgated", flag.clone()),
        lead: schema.add_u64_field("lead", flag.clone()),
        preferred: schema.add_u64_field("preferred", flag),
        downloads: schema.add_u64_field("downloads", FAST),
        prior: schema.add_f64_field("prior", FAST),
        order: schema.add_u64_field("order", FAST),
        card: schema.add_bytes_field("card", STORED),
    };
    (schema.build(), fields)
}

fn prose(record: IndexRecordOption, norms: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(PROSE);
    TextOptions::default().set_indexing_options(indexing.set_index_option(record).set_fieldnorms(norms))
}

fn parts() -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(false);
    TextOptions::default()
        .set_indexing_options(indexing.set_index_option(IndexRecordOption::WithFreqsAndPositions))
}

fn words(norms: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(norms);
    TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::Basic))
}
