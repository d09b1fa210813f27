//! Many small requests at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use reqwest::Client;
use tokio::runtime::Runtime;

/// How many wait for an answer at the same time.
const N_AT_ONCE: u32 = 16;

/// How long a round takes, if it does not end before.
pub(crate) const ROUND: Duration = Duration::from_secs(3);

/// The most requests of a round.
const MAX_GETS: u32 = 50_000;

/// Returns how many GET requests of one address are answered in a second.
pub(crate) fn gets_per_second(url: &str, token: Option<&str>) -> Result<f64> {
    let client = Client::builder().http1_only().no_proxy().build()?;
    per_second(MAX_GETS, ROUND, |_| get(&client, url, token))
}

async fn get(client: &Client, url: &str, token: Option<&str>) -> Result<()> {
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    ensure!(status.is_success(), "{url}: {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

/// Does a numbered task so many times, several at a time, and returns how many were done in a second. When the time is
/// over, no more are begun.
pub(crate) fn per_second<F: Future<Output = Result<()>>>(
    max_tasks: u32,
    time: Duration,
    task: impl Fn(u32) -> F,
) -> Result<f64> {
    let runtime = Runtime::new()?;
    let (began, number) = (Instant::now(), AtomicU32::new(0));
    let worker = async || {
        let mut n_done = 0_u32;
        while began.elapsed() < time {
            let number = number.fetch_add(1, Ordering::Relaxed);
            if number >= max_tasks {
                break;
            }
            task(number).await?;
            n_done += 1;
        }
        anyhow::Ok(n_done)
    };
    let done = runtime.block_on(try_join_all((0..N_AT_ONCE).map(|_| worker())))?;
    Ok(f64::from(done.iter().sum::<u32>()) / began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_than_agreed() {
        let n_asked = AtomicU32::new(0);
        let count = async |_| {
            n_asked.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        per_second(100, Duration::MAX, count).unwrap();
        assert_eq!(n_asked.into_inner(), 100);
    }

    #[test]
    fn no_more_is_asked_than_there_is_time_for() {
        assert!(per_second(100, Duration::ZERO, async |_| Ok(())).unwrap() < 1.0);
    }

    #[test]
    fn one_failure_ends_it() {
        let task = async |number| {
            ensure!(number != 50, "no");
            Ok(())
        };
        assert!(per_second(100, Duration::MAX, task).is_err());
    }
}
