//! Entities: what is published under a reference is a charm or a bundle.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::bundle::{self, Bundle};
use crate::charm::{self, Charm, METADATA_YAML, RESOURCES_YAML};
use crate::finding::{Code, Finding, Report, conclude};
use crate::name::{Name, Series, StreamName};
use crate::resources_yaml::{Declaration, Lists};

/// What every bundle has.
pub const BUNDLE_YAML: &str = "bundle.yaml";

/// A charm or a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::large_enum_variant,
    reason = "an entity is read once per request, and never kept in numbers"
)]
pub enum Entity {
    /// A charm.
    Charm(Charm),
    /// A bundle.
    Bundle(Bundle),
}

/// An entity while errors may stand against it, and where its resources are declared.
pub(crate) struct Draft {
    /// What was read.
    pub(crate) entity: Entity,
    /// The lists of each stream; empty without `resources.yaml`.
    pub(crate) lists: BTreeMap<StreamName, Rc<Lists>>,
}

impl Entity {
    /// Reads a charm or a bundle from its YAML files by name; nothing where an error is among the findings.
    ///
    /// `metadata.yaml` makes a charm, `bundle.yaml` without it a bundle.
    pub fn read(texts: &BTreeMap<String, Vec<u8>>) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let draft = draft(texts, &mut findings);
        conclude(draft.map(|draft| draft.entity), findings)
    }

    /// Returns the name that the entity gives itself; a bundle gives itself none.
    pub fn name(&self) -> Option<&Name> {
        self.as_charm().map(|charm| &charm.metadata.name)
    }

    /// Returns the series that the entity says it runs on; none if it leaves that to whoever publishes it.
    pub fn series(&self) -> Vec<Series> {
        match self {
            Self::Charm(charm) => charm.series(),
            Self::Bundle(_) => vec![Series::bundle()],
        }
    }

    /// Returns what the entity declares of its resources, if it has any.
    pub fn declaration(&self) -> Option<&Declaration> {
        self.as_charm().and_then(|charm| charm.declaration.as_ref())
    }

    /// Returns the charm, if it is one.
    pub fn as_charm(&self) -> Option<&Charm> {
        match self {
            Self::Charm(charm) => Some(charm),
            Self::Bundle(_) => None,
        }
    }
}

/// Says whether a file at the top of a tree is one that [`Entity::read`] looks at.
pub fn is_text(file: &str) -> bool {
    let own = [METADATA_YAML, RESOURCES_YAML, charm::CONFIG_YAML, charm::ACTIONS_YAML, BUNDLE_YAML];
    own.contains(&file) || charm::OTHER_YAML.contains(&file)
}

/// Reads a charm or a bundle, and goes on where it can.
pub(crate) fn draft(texts: &BTreeMap<String, Vec<u8>>, findings: &mut Vec<Finding>) -> Option<Draft> {
    if texts.contains_key(METADATA_YAML) {
        let charm::Draft { charm, lists } = charm::draft(texts, findings)?;
        return Some(Draft { entity: Entity::Charm(charm), lists });
    }
    if let Some(bytes) = texts.get(BUNDLE_YAML) {
        let mut report = Report::new(BUNDLE_YAML);
        let bundle = bundle::draft(bytes, &mut report);
        if texts.contains_key(RESOURCES_YAML) {
            let message = format!("the bundle has `{RESOURCES_YAML}`; only charms have resources");
            report.whole(Finding::error(Code::BundleInvalid, message).help("remove the file"));
        }
        findings.extend(report.into_findings());
        return Some(Draft { entity: Entity::Bundle(bundle?), lists: BTreeMap::new() });
    }
    let message = format!("there is neither `{METADATA_YAML}` nor `{BUNDLE_YAML}`");
    findings.push(
        Finding::error(Code::MetadataMissing, message).help("name the directory of a charm or a bundle"),
    );
    None
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::json;
    use test_case::test_case;

    use super::*;
    use crate::finding::{has_errors, printed};

    fn texts(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(file, text)| ((*file).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn findings_of(files: &[(&str, &str)]) -> String {
        printed(&Entity::read(&texts(files)).1)
    }

    fn charm_of(files: &[(&str, &str)]) -> Charm {
        let (entity, findings) = Entity::read(&texts(files));
        assert!(!has_errors(&findings), "{}", printed(&findings));
        entity.unwrap().as_charm().unwrap().clone()
    }

    const STREAM: &str = "default-stream: s\nstreams: {s: {common: [a.zip]}}\n";

    #[test]
    fn metadata_makes_a_charm_and_its_absence_a_bundle() {
        let bundle = ("bundle.yaml", "applications: {a: {charm: a}}\n");
        assert!(matches!(Entity::read(&texts(&[bundle])).0, Some(Entity::Bundle(_))));
        assert_eq!(charm_of(&[bundle, ("metadata.yaml", "name: a\n")]).metadata.name.as_str(), "a");
    }

    #[test]
    fn a_tree_without_either_is_refused() {
        assert_snapshot!(findings_of(&[]), @r"
        error[E-METADATA-MISSING]: there is neither `metadata.yaml` nor `bundle.yaml`
        help: name the directory of a charm or a bundle
        ");
    }

    #[test]
    fn a_bundle_has_no_resources() {
        assert_snapshot!(findings_of(&[("bundle.yaml", "applications: {a: {charm: a}}"), ("resources.yaml", STREAM)]), @r"
        error[E-BUNDLE-INVALID]: the bundle has `resources.yaml`; only charms have resources
          --> bundle.yaml
        help: remove the file
        ");
    }

    #[test]
    fn resources_ask_for_the_format_and_the_line_to_add_is_named() {
        assert_snapshot!(findings_of(&[("metadata.yaml", "summary: b\nname: a\n"), ("resources.yaml", STREAM)]), @r"
        error[E-FORMAT-MISSING]: the charm has `resources.yaml` and declares no format
          --> metadata.yaml:2
        help: add the line `format: 3` to `metadata.yaml`, below line 2
        ");
    }

    #[test]
    fn an_older_format_is_replaced_where_it_stands() {
        assert_snapshot!(findings_of(&[("metadata.yaml", "name: a\nformat: 1\n"), ("resources.yaml", STREAM)]), @r"
        error[E-FORMAT-MISSING]: the charm has `resources.yaml` and declares format 1
          --> metadata.yaml:2
        help: write `format: 3` on line 2 of `metadata.yaml`
        ");
    }

    #[test]
    fn errors_in_one_file_do_not_hide_those_across_files() {
        let findings = findings_of(&[
            ("metadata.yaml", "name: A\n"),
            ("resources.yaml", "streams: {s: {common: [/a]}}\n"),
        ]);
        assert_snapshot!(findings, @r"
        error[E-FORMAT-MISSING]: the charm has `resources.yaml` and declares no format
          --> metadata.yaml:1
        help: add the line `format: 3` to `metadata.yaml`, below line 1
        error[E-METADATA-NAME]: charm name `A` is not valid: it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter
          --> metadata.yaml:1
        error[E-PATH]: `/a`: the path is absolute; write it relative to the tree's directory
          --> resources.yaml:1
        error[E-YAML-MISSING]: `default-stream` is missing
          --> resources.yaml:1
        help: add a line `default-stream: …`
        ");
    }

    const OLDER: &str =
        "name: a\nformat: 3\nresources: {x: {type: file, filename: a.zip}, i: {type: oci-image}}\n";

    #[test]
    fn resources_are_declared_once_or_equally() {
        assert_eq!(findings_of(&[("metadata.yaml", OLDER), ("resources.yaml", STREAM)]), "");
        let other = STREAM.replace("a.zip", "b.zip");
        assert_snapshot!(findings_of(&[("metadata.yaml", OLDER), ("resources.yaml", &other)]), @r"
        error[E-RESOURCES-TWICE]: `resources:` declares other files than stream `s` of `resources.yaml`; seen from the stream, missing: `common/b.zip`; not declared: `common/a.zip`
          --> metadata.yaml:3
        help: remove `resources:`, or `resources.yaml`
        ");
    }

    #[test]
    fn options_and_actions_are_kept_as_they_stand() {
        let config =
            "options:\n  port: {type: int, default: !!int \"8080\"}\n  size: {type: float, default: 2}\n";
        let charm = charm_of(&[
            ("metadata.yaml", "name: a\n"),
            ("config.yaml", config),
            ("actions.yaml", "backup:\n  params: {path: {type: string}}\npause:\n"),
            ("manifest.yaml", "bases: []\n"),
        ]);
        assert_eq!(charm.config["port"], json!({"type": "int", "default": 8080}));
        assert_eq!(charm.actions["pause"], json!(null));
        assert_eq!(charm.other["manifest.yaml"], json!({"bases": []}));
    }

    #[test]
    fn empty_files_mean_none() {
        let empty =
            charm_of(&[("metadata.yaml", "name: a\n"), ("config.yaml", ""), ("actions.yaml", "# none\n")]);
        assert!(empty.config.is_empty() && empty.actions.is_empty());
    }

    #[test]
    fn odd_options_are_pointed_out_and_unknown_types_refused() {
        let config = "options:\n  a: {}\n  b: {type: integer}\n  c: {type: int, default: x}\n  d: {type: string, default: 9.10}\n  e: {type: int, default: ''}\n  f: {type: strng}\n";
        assert_snapshot!(findings_of(&[("metadata.yaml", "name: a\n"), ("config.yaml", config)]), @r"
        error[E-CONFIG]: option `b` has the type `integer`, which Juju does not know
          --> config.yaml:3
        help: known are: string, int, float, boolean, secret
        error[E-CONFIG]: option `f` has the type `strng`, which Juju does not know
          --> config.yaml:7
        help: `string` is probably meant
        warning[W-CONFIG]: option `a` has no type
          --> config.yaml:2
        help: Juju takes it for a `string`
        warning[W-CONFIG]: the default of option `c` is a text, and its type is `int`
          --> config.yaml:4
        warning[W-CONFIG]: the default of option `d` is a number, and its type is `string`
          --> config.yaml:5
        ");
        assert_snapshot!(findings_of(&[("metadata.yaml", "name: a\n"), ("config.yaml", "a: 1\n")]), @r"
        warning[W-CONFIG]: `config.yaml` has no `options`
          --> config.yaml:1
        help: list the options under `options:`, or remove the file
        ");
    }

    #[test]
    fn an_action_is_a_mapping() {
        assert_snapshot!(findings_of(&[("metadata.yaml", "name: a\n"), ("actions.yaml", "backup: now\n")]), @r"
        error[E-YAML-TYPE]: `backup` is a text; a mapping is expected
          --> actions.yaml:1
        ");
    }

    #[test_case("metadata.yaml" => true)]
    #[test_case("manifest.yaml" => true)]
    #[test_case("bundle.yaml" => true)]
    #[test_case("README.md" => false)]
    fn reads_files_by_their_names(file: &str) -> bool {
        is_text(file)
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_file_are_read_or_refused(
            metadata in proptest::collection::vec(any::<u8>(), 0..40),
            resources in "[a-z:{}\\[\\]\\- \n]{0,60}",
            config in "[a-z:{}\\[\\]\\- \n]{0,60}",
        ) {
            for metadata in [metadata, b"name: a\nformat: 3\n".to_vec()] {
                let mut texts = texts(&[("resources.yaml", &resources), ("config.yaml", &config), ("actions.yaml", &config)]);
                texts.insert("metadata.yaml".to_owned(), metadata);
                let (entity, findings) = Entity::read(&texts);
                prop_assert_eq!(entity.is_none(), has_errors(&findings));
            }
        }
    }
}
