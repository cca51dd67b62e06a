//! Logs on standard error: JSON for `serve`, plain lines for people otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One JSON object a line.
    Json,
    /// For people.
    Plain,
}

/// Starts logging; `HEADROOM_LOG` (as in `info,store=debug`) chooses what.
pub(crate) fn start(style: Style) {
    let filter = EnvFilter::try_from_env("HEADROOM_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,sqlx::query=error,headroom=info,web=info,store=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match style {
        Style::Json => builder.json().flatten_event(true).init(),
        Style::Plain => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_target(false).with_ansi(colour).without_time().init();
        }
    }
}
