//! Running the store.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web_api_v4::{App, Throttle, router};

use crate::config::Config;
use crate::listen::{Listening, tls};
use crate::{jobs, output, parts, telemetry};

pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start();
    let store = parts::store(&config).await?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}: say another address with `--listen`", config.listen)
    })?;
    let address = listener.local_addr()?;
    let tls = config.tls.as_ref().map(|(certificates, key)| tls(certificates, key)).transpose()?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    jobs::follow(store.clone(), &tasks, &stop);
    if !config.read_only {
        jobs::start(&store, &tasks, &stop);
    }
    stop_on_signals(&tasks, &stop)?;
    tracing::info!(%address, "listening");
    // One line that scripts can wait for; port 0 is known only now.
    let scheme = if tls.is_some() { "https" } else { "http" };
    output::line(&format!("listening on {scheme}://{address}"))?;
    let throttle = Throttle::new(config.limits.of_requests());
    let app = router(App { store: store.clone(), read_only: config.read_only, throttle });
    let listening = Listening { listener, tls, trusted_proxies: config.trusted_proxies };
    listening.serve(app, &tasks, &stop).await;
    tasks.close();
    tasks.wait().await;
    store.database().close().await;
    Ok(ExitCode::SUCCESS)
}

/// Stops accepting on the first SIGTERM or SIGINT; what is being answered is finished.
fn stop_on_signals(tasks: &TaskTracker, stop: &CancellationToken) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stop.cancelled() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    });
    Ok(())
}
