//! What a reference means, with digests, rules and the event that was seen.

use catalog::Transaction;
use catalog::charm::EntityKind;
use charm_model::name::{Architecture, Channel};
use charm_model::reference::Reference;
use charm_model::resolve::ResolvedResources;
use charm_model::rights::{Caller, Right};
use charm_model::shape::Place;
use v4_wire::publish::StreamFile;
use v4_wire::resolve::{ArchiveSummary, Kind, Resolution, ResourcesSummary, Rule};

use crate::access::Target;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns what a reference means; of one architecture, its files and the common ones.
    ///
    /// The right `metadata` shows digests, which open nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoEntity`] and [`StoreError::Resolve`].
    pub async fn resolve(
        &self,
        caller: &Caller,
        reference: &Reference,
        channel: Channel,
        architecture: Option<Architecture>,
    ) -> Result<Resolution, StoreError> {
        let mut tx = self.database().read().await?;
        let target = self.target(&mut tx, caller, reference, channel, Right::Metadata).await?;
        let charm = charm_row(&mut tx, &target).await?;
        let mut withdrawn = charm.withdrawal.map(|withdrawal| withdrawal.reason);
        let mut resources = None;
        if let Some(resolved) = &target.resolved.resources {
            let (summary, reason) = summary(&mut tx, &target, resolved, architecture).await?;
            withdrawn = withdrawn.or(reason);
            resources = Some(summary);
        }
        Ok(Resolution {
            id: target.id(),
            kind: kind(charm.kind),
            channel,
            rule: Rule {
                charm: target.resolved.charm_rule,
                resources: target.resolved.resources.as_ref().map(|resolved| resolved.rule),
            },
            event: target.resolved.event,
            archive: ArchiveSummary {
                content: charm.archive.content,
                sha384: charm.archive.sha384,
                tree: charm.tree_digest,
                published: charm.published_at,
            },
            resources,
            withdrawn,
        })
    }
}

pub(crate) async fn charm_row(
    tx: &mut Transaction,
    target: &Target,
) -> Result<catalog::charm::Charm, StoreError> {
    let found = tx.charm(target.base.id, &target.resolved.charm).await?;
    found.ok_or_else(|| StoreError::NoEntity(Box::new(target.id())))
}

pub(crate) async fn resources_row(
    tx: &mut Transaction,
    target: &Target,
    resolved: &ResolvedResources,
) -> Result<catalog::resources::Resources, StoreError> {
    let found = tx.resources(target.base.id, &resolved.stream, resolved.revision).await?;
    found.ok_or_else(|| StoreError::NoEntity(Box::new(target.id())))
}

/// Returns a resource revision's files, and why it is withdrawn if it is.
pub(crate) async fn summary(
    tx: &mut Transaction,
    target: &Target,
    resolved: &ResolvedResources,
    architecture: Option<Architecture>,
) -> Result<(ResourcesSummary, Option<String>), StoreError> {
    let row = resources_row(tx, target, resolved).await?;
    let manifest = tx.manifest(row.id).await?;
    let is_wanted = |place: &Place| architecture.is_none_or(|architecture| place.tree.is_for(architecture));
    let files = manifest.into_iter().filter(|(place, _)| is_wanted(place));
    let summary = ResourcesSummary {
        stream: row.stream,
        revision: row.revision,
        shape: row.shape,
        manifest: row.manifest_digest,
        published: row.published_at,
        files: files.map(|(place, file)| StreamFile { place, file: file.in_manifest() }).collect(),
    };
    Ok((summary, row.withdrawal.map(|withdrawal| withdrawal.reason)))
}

fn kind(kind: EntityKind) -> Kind {
    match kind {
        EntityKind::Charm => Kind::Charm,
        EntityKind::Bundle => Kind::Bundle,
    }
}
