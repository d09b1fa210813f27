//! The tar of what is in a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::{NamedTempFile, TempDir};

use super::Form;
use crate::peer::{self, Peer};
use crate::process::{run, run_into};

/// Returns the tar of a file's content, made unless it is here.
pub(super) fn unpacked(form: Form, file: &Path, dir: &Path) -> Result<PathBuf> {
    let dir = dir.join("unpacked");
    fs::create_dir_all(&dir).with_context(|| format!("`{}`", dir.display()))?;
    let name = file.file_name().context("a file without a name")?.to_string_lossy().into_owned();
    let tar = dir.join(format!("{name}.tar"));
    if !tar.is_file() {
        anstream::eprintln!("unpacking {name}");
        let made = NamedTempFile::new_in(&dir)?;
        unpack(form, file, made.path())?;
        made.persist(&tar)?;
    }
    Ok(tar)
}

fn unpack(form: Form, file: &Path, to: &Path) -> Result<()> {
    match form {
        Form::TarGz => pipe(Peer::Gzip.command()?.args(["--decompress", "--stdout"]).arg(file), to),
        Form::Deb => pipe(Peer::DpkgDeb.command()?.arg("--fsys-tarfile").arg(file), to),
        Form::Zip => {
            let tree = TempDir::new_in(to.parent().context("a file without a directory")?)?;
            run(Peer::Python.command()?.args(["-m", "zipfile", "-e"]).arg(file).arg(tree.path()))?;
            peer::tar(tree.path(), to).map(drop)
        }
    }
}

fn pipe(command: &mut Command, to: &Path) -> Result<()> {
    run_into(command, File::create(to)?).map(drop)
}
