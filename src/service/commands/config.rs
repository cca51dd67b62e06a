//! `headroom config …`

use crate::cli::Config;
use crate::commands::Outcome;
use crate::context::Context;

/// Runs the command. The configuration was parsed on the way here: an error has ended the process already.
pub(crate) fn run(context: &Context, what: &Config) -> anyhow::Result<Outcome> {
    match what {
        Config::Check => {
            if context.json {
                outln!("{}", serde_json::to_string_pretty(&context.config)?);
            } else {
                out!("{}", toml::to_string(&context.config)?);
            }
            eprintln!("the configuration is fine; data is in {}", context.data_dir.display());
            Ok(Outcome::Done)
        }
    }
}
