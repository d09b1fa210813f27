//! The charm that is published: one hook, and one resource of noise.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::noise;

/// The charm's name.
pub(crate) const NAME: &str = "load";

/// The stream that its resource is in.
pub(crate) const STREAM: &str = "stable";

/// The path of its resource, which is for every architecture.
pub(crate) const RESOURCE: &str = "blob.bin";

/// Where that stands, under `resources/` as in addresses.
pub(crate) const PLACE: &str = "common/blob.bin";

/// In how many places a little changes.
const N_TOUCHED: u64 = 16;

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

    /// Writes a charm whose streams all have these files, for every architecture; they come later.
    pub(crate) fn with_files(dir: PathBuf, streams: &[&str], files: &[String]) -> Result<Self> {
        let charm = Self::write(dir)?;
        let default = streams.first().context("a charm without streams")?;
        let (files, streams) = (files.join("\n    - "), streams.join(": ~, "));
        let declared = format!(
            "default-stream: {default}\nstreams: {{{streams}: ~}}\nshape:\n  common:\n    - {files}\n"
        );
        fs::write(charm.dir.join("resources.yaml"), declared)?;
        fs::create_dir_all(charm.common())?;
        Ok(charm)
    }

    /// Returns the directory of the files that are for every architecture.
    pub(crate) fn common(&self) -> PathBuf {
        self.dir.join("resources/common")
    }

    /// Writes another resource, of other noise for every seed.
    pub(crate) fn renew(&self, seed: u64, n_bytes: u64) -> Result<()> {
        noise::write(&self.resource(), seed, n_bytes)
    }

    /// Takes a copy of a file for its resource.
    pub(crate) fn take(&self, file: &Path) -> Result<()> {
        let resource = self.resource();
        fs::create_dir_all(resource.parent().context("a file without a directory")?)?;
        fs::copy(file, &resource).with_context(|| format!("`{}`", file.display()))?;
        Ok(File::open(resource)?.sync_all()?)
    }

    /// Overwrites a hundredth of its resource, in some places.
    pub(crate) fn touch(&self, seed: u64) -> Result<()> {
        noise::overwrite(&self.resource(), seed, N_TOUCHED, 100)
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
