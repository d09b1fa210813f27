//! How much memory a running program has: `/proc/PID/status`, proc(5).

use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What a server had in memory while something was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// Before it began.
    pub(crate) before_bytes: u64,
    /// The most at once.
    pub(crate) peak_bytes: u64,
}

/// Does something, and returns beside its result what a process had in memory in that time.
pub(crate) fn watch<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, Memory)> {
    // 5 sets the peak back to what is resident now.
    fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    let before_bytes = field(pid, "VmRSS:")?;
    let result = work()?;
    Ok((result, Memory { before_bytes, peak_bytes: field(pid, "VmHWM:")? }))
}

/// Returns what a process has in memory of its own, without what is mapped from files.
pub(crate) fn anonymous(pid: u32) -> Result<u64> {
    field(pid, "RssAnon:")
}

fn field(pid: u32, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
    let kibibytes: u64 = value.with_context(|| format!("no `{name}` in `{path}`"))?.parse()?;
    Ok(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_in_between_counts_as_growth() {
        let work = || Ok(vec![1_u8; 64 << 20].len());
        let (_, memory) = watch(std::process::id(), work).unwrap();
        assert!(memory.peak_bytes - memory.before_bytes >= 63 << 20, "{memory:?}");
    }
}
