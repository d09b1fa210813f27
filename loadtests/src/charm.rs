//! The charm that is published: one hook, and one resource of noise.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::noise;

/// The charm's name.
pub(crate) const NAME: &str = "load";

/// The stream that its resource is in.
pub(crate) const STREAM: &str = "stable";

/// The path of its resource, which is for every architecture.
pub(crate) const RESOURCE: &str = "blob.bin";

/// Where that stands, under `resources/` as in addresses.
pub(crate) const PLACE: &str = "common/blob.bin";

const METADATA: &str =
    "name: load\nsummary: a charm\ndescription: a charm for load tests\nformat: 3\nseries: [jammy]\n";
const RESOURCES: &str =
    "default-stream: stable\nstreams:\n  stable:\n    description: noise\n    common: [blob.bin]\n";

/// An author's tree.
#[derive(Debug)]
pub(crate) struct Charm {
    dir: PathBuf,
}

impl Charm {
    /// Writes the charm into a new directory; its resource comes with [`Charm::renew`].
    pub(crate) fn write(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(dir.join("hooks"))?;
        fs::write(dir.join("metadata.yaml"), METADATA)?;
        fs::write(dir.join("resources.yaml"), RESOURCES)?;
        fs::write(dir.join("hooks/install"), "#!/bin/sh\nexit 0\n")?;
        Ok(Self { dir })
    }

    /// Writes another resource, of other noise for every seed.
    pub(crate) fn renew(&self, seed: u64, n_bytes: u64) -> Result<()> {
        noise::write(&self.resource(), seed, n_bytes)
    }

    /// Returns the author's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the file of its resource.
    pub(crate) fn resource(&self) -> PathBuf {
        self.dir.join("resources").join(PLACE)
    }
}
