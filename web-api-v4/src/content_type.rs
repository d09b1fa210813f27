//! Which media type a file in an archive has, by its name.
//!
//! Content that somebody uploaded never runs in a browser: what could is served as plain text, `nosniff` keeps browsers
//! from guessing otherwise, and the sandbox of [`bytes`](mod@crate::bytes) is for images that are documents.

/// Returns the media type of a file.
pub(crate) fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "zip" | "jar" | "whl" => "application/zip",
        "gz" | "tgz" | "xz" | "bz2" | "tar" | "so" | "bin" => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    }
}
