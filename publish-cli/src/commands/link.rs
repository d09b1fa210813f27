//! `link`: the resources as hooks will see them, for running a charm from its author's directory.
//!
//! `resources/arch` points at the architecture's tree, and `resources/PATH` at each file of it and of `common`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use charm_model::name::Architecture;
use charm_model::shape::Tree;
use serde::Serialize;
use walkdir::WalkDir;

use crate::cli::LinkArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

/// What has to change, by the link's path under `resources/`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Changes {
    architecture: String,
    /// Links to make, and where they point.
    make: BTreeMap<PathBuf, PathBuf>,
    /// Links to take away.
    remove: Vec<PathBuf>,
}

impl Told for Changes {
    const VERB: &'static str = "link";

    fn human(&self) -> String {
        if self.is_empty() {
            return format!("unchanged: resources/ is linked for {}\n", self.architecture);
        }
        let removed = self.remove.iter().map(|it| format!("- resources/{}\n", it.display()));
        let made = self
            .make
            .iter()
            .map(|(link, to)| format!("+ resources/{} -> {}\n", link.display(), to.display()));
        removed.chain(made).collect()
    }

    fn quiet(&self) -> Option<String> {
        None
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.make.is_empty() && self.remove.is_empty()
    }
}

pub(crate) fn run(args: &LinkArgs, context: &Context) -> Result<Exit, Failure> {
    let resources = args.dir.join("resources");
    let architecture = match args.arch {
        Some(architecture) => architecture,
        None => this_machine()?,
    };
    let changes = plan(&resources, architecture)?;
    if !args.check {
        apply(&resources, &changes)?;
    }
    context.output().result(&changes)?;
    Ok(if args.check && !changes.is_empty() { Exit::Invalid } else { Exit::Done })
}

fn this_machine() -> Result<Architecture, Failure> {
    let word = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "i386",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "powerpc64" => "ppc64el",
        other => other,
    };
    word.parse().map_err(|_| {
        Failure::usage(format!("this machine's architecture `{word}` is not known"), "say `--arch ARCH`")
    })
}

fn plan(resources: &Path, architecture: Architecture) -> Result<Changes, Failure> {
    if !resources.is_dir() {
        return Err(Failure::not_found(
            format!("`{}` is not a directory", resources.display()),
            "charm-publish help resources",
        ));
    }
    let mut make = wanted(resources, architecture)?;
    let mut remove = Vec::new();
    for (link, target) in present(resources)? {
        match make.get(&link) {
            Some(wanted) if *wanted == target => {
                make.remove(&link);
            }
            _ => remove.push(link),
        }
    }
    for link in make.keys().filter(|link| !remove.contains(link)) {
        if resources.join(link).symlink_metadata().is_ok() {
            return Err(in_the_way(link));
        }
    }
    Ok(Changes { architecture: architecture.to_string(), make, remove })
}

fn in_the_way(link: &Path) -> Failure {
    let link = link.display();
    Failure::usage(
        format!("`resources/{link}` is in the way of a link"),
        "move it into `common` or an architecture's directory",
    )
}

/// Returns every link that a unit of that architecture has.
fn wanted(resources: &Path, architecture: Architecture) -> Result<BTreeMap<PathBuf, PathBuf>, Failure> {
    let mut links = BTreeMap::new();
    for tree in [Tree::Common, Tree::Arch(architecture)] {
        let root = resources.join(tree.as_str());
        if !root.is_dir() {
            continue;
        }
        for entry in WalkDir::new(&root).sort_by_file_name() {
            let entry = entry.map_err(anyhow::Error::from)?;
            let path = entry.path().strip_prefix(&root).map_err(anyhow::Error::from)?;
            if !entry.file_type().is_dir() {
                links.insert(path.to_owned(), upward(path).join(tree.as_str()).join(path));
            }
        }
    }
    if resources.join(architecture.as_str()).is_dir() {
        links.insert("arch".into(), architecture.as_str().into());
    }
    Ok(links)
}

/// Returns the way from a link's directory to `resources/`.
fn upward(path: &Path) -> PathBuf {
    path.components().skip(1).map(|_| Component::ParentDir).collect()
}

/// Returns the links that an earlier run has made: those outside the trees that point into one.
fn present(resources: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let is_outside = |entry: &walkdir::DirEntry| {
        let is_tree = entry.file_name().to_str().is_some_and(|it| it.parse::<Tree>().is_ok());
        !(entry.depth() == 1 && entry.file_type().is_dir() && is_tree)
    };
    let mut links = Vec::new();
    for entry in WalkDir::new(resources).sort_by_file_name().into_iter().filter_entry(is_outside) {
        let entry = entry.map_err(anyhow::Error::from)?;
        if !entry.file_type().is_symlink() {
            continue;
        }
        let target = fs::read_link(entry.path())?;
        let path = entry.path().strip_prefix(resources).map_err(anyhow::Error::from)?;
        if points_into_a_tree(&target) {
            links.push((path.to_owned(), target));
        }
    }
    Ok(links)
}

fn points_into_a_tree(target: &Path) -> bool {
    let first = target.components().find(|it| *it != Component::ParentDir);
    first.and_then(|it| it.as_os_str().to_str()).is_some_and(|it| it.parse::<Tree>().is_ok())
}

fn apply(resources: &Path, changes: &Changes) -> Result<(), Failure> {
    for link in &changes.remove {
        let path = resources.join(link);
        fs::remove_file(&path).with_context(|| format!("`{}`", path.display()))?;
    }
    for (link, target) in &changes.make {
        let path = resources.join(link);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(target, &path).with_context(|| format!("`{}`", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in ["common/layers/a", "common/x", "amd64/b", "arm64/b"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        dir
    }

    #[test]
    fn files_of_common_and_one_architecture_are_seen_flat() {
        let dir = resources();
        let changes = plan(dir.path(), Architecture::Amd64).unwrap();
        apply(dir.path(), &changes).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("layers/a")).unwrap(), "common/layers/a");
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "amd64/b");
        assert_eq!(fs::read_to_string(dir.path().join("arch/b")).unwrap(), "amd64/b");
        assert!(plan(dir.path(), Architecture::Amd64).unwrap().is_empty());
    }

    #[test]
    fn another_architecture_replaces_the_links_and_touches_no_file() {
        let dir = resources();
        apply(dir.path(), &plan(dir.path(), Architecture::Amd64).unwrap()).unwrap();
        apply(dir.path(), &plan(dir.path(), Architecture::Arm64).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "arm64/b");
        fs::write(dir.path().join("common/new"), "").unwrap();
        fs::write(dir.path().join("new"), "mine").unwrap();
        assert!(matches!(plan(dir.path(), Architecture::Arm64), Err(Failure::Usage { .. })));
    }
}
