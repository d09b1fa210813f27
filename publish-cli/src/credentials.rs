//! Tokens: from the environment, a file that it names, or what `login` has kept. Never from the command line, which
//! every user of the machine can read.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store_client::Credentials;

use crate::config::user_directory;
use crate::failure::Failure;

/// The tokens that `login` has kept, by the store's address.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    stores: BTreeMap<String, String>,
}

/// Returns the token that the environment has, as it came.
pub(crate) fn from_environment() -> Result<Option<Credentials>, Failure> {
    if let Some(token) = env::var("CHARM_STORE_TOKEN").ok().filter(|it| !it.is_empty()) {
        return Ok(Some(Credentials::parse(&token)?));
    }
    match env::var_os("CHARM_STORE_TOKEN_FILE").filter(|it| !it.is_empty()) {
        None => Ok(None),
        Some(path) => {
            let path = PathBuf::from(path);
            let token = fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
            Ok(Some(Credentials::parse(&token)?))
        }
    }
}

/// Returns where a job of GitHub's asks for its identity, and with which secret.
pub(crate) fn runner() -> Option<(String, SecretString)> {
    let variable = |name| env::var(name).ok().filter(|it| !it.is_empty());
    Some((variable("ACTIONS_ID_TOKEN_REQUEST_URL")?, variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?.into()))
}

/// Returns the token that `login` has kept for a store.
pub(crate) fn kept(store: &str) -> Result<Option<Credentials>, Failure> {
    match read(&path()?)?.stores.get(&key(store)) {
        None => Ok(None),
        Some(token) => Ok(Some(Credentials::parse(token)?)),
    }
}

/// Keeps a token for a store. Returns the file.
pub(crate) fn keep(store: &str, token: &str) -> Result<PathBuf, Failure> {
    let path = path()?;
    let mut kept = read(&path)?;
    kept.stores.insert(key(store), token.trim().to_owned());
    write(&path, &kept)?;
    Ok(path)
}

/// Forgets the token for a store. Says whether there was one.
pub(crate) fn forget(store: &str) -> Result<bool, Failure> {
    let path = path()?;
    let mut kept = read(&path)?;
    let was_there = kept.stores.remove(&key(store)).is_some();
    if was_there {
        write(&path, &kept)?;
    }
    Ok(was_there)
}

fn path() -> Result<PathBuf, Failure> {
    Ok(user_directory()?.join("credentials.toml"))
}

fn key(store: &str) -> String {
    store.trim_end_matches('/').to_owned()
}

fn read(path: &Path) -> Result<Kept, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(anyhow::Error::from(error).context(format!("`{}`", path.display())).into()),
    };
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(Failure::usage(
            format!("others can read the tokens in `{path}`"),
            format!("chmod 600 {path}"),
        ));
    }
    // The parser's own message would quote the line, and with it the token.
    toml::from_str(&text).map_err(|_| {
        Failure::usage(format!("`{}` is damaged", path.display()), "remove it, and log in again")
    })
}

/// Writes the file anew beside its place; temporary files are readable by their owner alone.
fn write(path: &Path, kept: &Kept) -> Result<(), Failure> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).with_context(|| format!("`{}`", dir.display()))?;
    let text = toml::to_string(kept).map_err(anyhow::Error::from)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_where_their_owner_alone_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/credentials.toml");
        let stores = [("http://here".to_owned(), "cst_a".to_owned())].into();
        write(&path, &Kept { stores }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().stores["http://here"], "cst_a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path), Err(Failure::Usage { .. })));
    }
}
