//! The settings that are in force: a flag, else its environment variable, else the file, else the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ipnet::IpNet;
use oidc::IssuerSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store_core::Limits;
use web_api_v4::RequestLimits;

use crate::cli::{Serve, Settings};

const DEFAULT_DATA: &str = "store-data";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The file of settings. An unknown key is an error: a misspelt one would be ignored silently.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    /// Directory of the embedded database and blobs.
    data: Option<PathBuf>,
    /// Address to listen on.
    listen: Option<SocketAddr>,
    /// URL of the database.
    database: Option<String>,
    /// Directory or URL of the blobs.
    objects: Option<String>,
    /// Directory of the search index, which may be deleted.
    search: Option<PathBuf>,
    /// File with the password of the account `admin`.
    admin_password_file: Option<PathBuf>,
    /// Whether everything but reading is refused.
    #[serde(default)]
    read_only: bool,
    /// Whether everything is checked against its digests before it leaves.
    verify_reads: Option<bool>,
    /// File with the server's certificate and those between it and one that clients trust.
    tls_certificates: Option<PathBuf>,
    /// File with the certificate's private key.
    tls_key: Option<PathBuf>,
    /// Proxies whose word on the client's address is believed.
    #[serde(default)]
    trusted_proxies: Vec<IpNet>,
    /// How much callers and owners may do.
    #[serde(default)]
    limits: LimitSettings,
    /// Whose tokens are taken besides the store's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<IssuerSettings>,
}

/// How much callers and owners may do, as the file of settings has it.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitSettings {
    /// The most requests of one account, or address, in a minute, to one server.
    requests_per_minute: Option<u32>,
    /// The most bad passwords of one address in a minute, to one server.
    failed_logins_per_minute: Option<u32>,
    /// The most bytes that one account has on their way to one server.
    upload_bytes: Option<u64>,
    /// The most bytes that the bases of one owner have, every revision in full.
    owner_bytes: Option<u64>,
}

impl LimitSettings {
    pub(crate) fn of_requests(self) -> RequestLimits {
        let usual = RequestLimits::default();
        RequestLimits {
            requests_per_minute: self.requests_per_minute.unwrap_or(usual.requests_per_minute),
            failed_logins_per_minute: self.failed_logins_per_minute.unwrap_or(usual.failed_logins_per_minute),
            upload_bytes: self.upload_bytes.unwrap_or(usual.upload_bytes),
        }
    }

    pub(crate) fn of_store(self) -> Limits {
        Limits { owner_bytes: self.owner_bytes, ..Limits::default() }
    }
}

/// The settings that are in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) database: String,
    pub(crate) objects: String,
    pub(crate) search: PathBuf,
    pub(crate) admin_password: Option<SecretString>,
    pub(crate) read_only: bool,
    pub(crate) verify_reads: bool,
    /// Certificates and key; none where a proxy encrypts.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) limits: LimitSettings,
    pub(crate) issuers: Vec<IssuerSettings>,
    /// Whether database or blobs are in the data directory, which is then made.
    pub(crate) is_embedded: bool,
}

impl Config {
    pub(crate) fn read(settings: Settings) -> anyhow::Result<Self> {
        let file = settings.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let data = settings.data.or(file.data).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
        let database = settings.database.or(file.database);
        let objects = settings.objects.or(file.objects);
        let search = settings.search.or(file.search);
        let password_file = settings.admin_password_file.or(file.admin_password_file);
        let admin_password = match settings.admin_password {
            Some(password) => Some(password),
            None => password_file.as_deref().map(read_password).transpose()?,
        };
        Ok(Self {
            is_embedded: database.is_none() || objects.is_none(),
            database: database.unwrap_or_else(|| format!("sqlite:{}", data.join("catalog.sqlite").display())),
            objects: objects.unwrap_or_else(|| data.join("blobs").display().to_string()),
            search: search.unwrap_or_else(|| data.join("search")),
            listen: file.listen.unwrap_or(DEFAULT_LISTEN),
            read_only: file.read_only,
            verify_reads: file.verify_reads.unwrap_or(true),
            tls: pair(file.tls_certificates, file.tls_key)?,
            trusted_proxies: file.trusted_proxies,
            limits: file.limits,
            issuers: file.issuers,
            data,
            admin_password,
        })
    }

    /// Adds what only a running server has.
    pub(crate) fn with(mut self, serve: &Serve) -> Self {
        self.listen = serve.listen.unwrap_or(self.listen);
        self.read_only |= serve.read_only;
        self.tls = serve.tls_certificates.clone().zip(serve.tls_key.clone()).or(self.tls);
        if !serve.trusted_proxies.is_empty() {
            self.trusted_proxies.clone_from(&serve.trusted_proxies);
        }
        self.verify_reads = serve.verify_reads.unwrap_or(self.verify_reads);
        self
    }

    /// Returns the settings as a file would have them, without secrets.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        let file = SettingsFile {
            data: Some(self.data.clone()),
            listen: Some(self.listen),
            database: Some(without_password(&self.database)),
            objects: Some(without_password(&self.objects)),
            search: Some(self.search.clone()),
            admin_password_file: None,
            read_only: self.read_only,
            verify_reads: Some(self.verify_reads),
            tls_certificates: self.tls.as_ref().map(|(certificates, _)| certificates.clone()),
            tls_key: self.tls.as_ref().map(|(_, key)| key.clone()),
            trusted_proxies: self.trusted_proxies.clone(),
            limits: self.limits,
            issuers: self.issuers.clone(),
        };
        toml::to_string(&file).context("the settings cannot be printed")
    }
}

fn pair(certificates: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<(PathBuf, PathBuf)>> {
    match (certificates, key) {
        (Some(certificates), Some(key)) => Ok(Some((certificates, key))),
        (None, None) => Ok(None),
        _ => anyhow::bail!("`tls_certificates` and `tls_key` go together: one of them is missing"),
    }
}

fn read_file(path: &Path) -> anyhow::Result<SettingsFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    toml::from_str(&text).with_context(|| format!("`{}` is not a file of settings", path.display()))
}

/// Reads a password from a file, without the line feed that editors add.
pub(crate) fn read_password(path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "`{}` holds no password", path.display());
    Ok(password.into())
}

/// Hides what stands between the user's name and the `@` of a URL, and every value of its query.
fn without_password(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let address = match address.split_once("://").zip(address.rfind('@')) {
        Some(((scheme, rest), at)) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}:…{}", &address[at..])
        }
        None => address.to_owned(),
    };
    let hidden = |pair: &str| format!("{}=…", pair.split('=').next().unwrap_or_default());
    match query {
        None => address,
        Some(query) => format!("{address}?{}", query.split('&').map(hidden).collect::<Vec<_>>().join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_printed() {
        assert_eq!(without_password("postgres://joe:secret@db/store"), "postgres://joe:…@db/store");
        assert_eq!(without_password("s3://bucket/x?secret=1&region=eu"), "s3://bucket/x?secret=…&region=…");
        assert_eq!(without_password("sqlite:a/b"), "sqlite:a/b");
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error = toml::from_str::<SettingsFile>("listn = \"127.0.0.1:1\"").unwrap_err();
        assert!(error.to_string().contains("unknown field `listn`"), "{error}");
    }
}
