//! Reports, people, tokens, configuration and database.

use std::path::PathBuf;

use clap::Subcommand;

/// `headroom report …`
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Scheduled reports and their last deliveries
    #[command(after_help = "Example:\n  headroom report list")]
    List,
    /// Render the weekly report without sending it
    #[command(after_help = "Example:\n  headroom report preview --html report.html")]
    Preview {
        /// Write the HTML part here; otherwise the text part goes to standard output
        #[arg(long)]
        html: Option<PathBuf>,
    },
    /// Send the weekly report now
    #[command(
        after_help = "Example:\n  HEADROOM_SMTP_URL=smtp://127.0.0.1:2525 headroom report send --to finance@example.org"
    )]
    Send {
        /// Recipient; may be given more than once
        #[arg(long, required = true)]
        to: Vec<String>,
    },
    /// Schedule the weekly report
    #[command(
        after_help = "Example:\n  headroom report schedule --name finance --cron '0 7 * * MON' \\\n    --time-zone Europe/Berlin --to finance@example.org"
    )]
    Schedule {
        /// Name
        #[arg(long)]
        name: String,
        /// Cron expression of five fields, in civil time of the zone
        #[arg(long)]
        cron: String,
        /// IANA time zone
        #[arg(long, default_value = "UTC")]
        time_zone: String,
        /// Recipient; may be given more than once
        #[arg(long, required = true)]
        to: Vec<String>,
    },
}

/// `headroom user …`
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Everybody who can sign in
    #[command(after_help = "Example:\n  headroom user list --json")]
    List,
    /// Add a person; the password is read from HEADROOM_PASSWORD or standard input
    #[command(
        after_help = "Example:\n  echo 'a long password' | headroom user add --email ann@example.org --name Ann --role editor"
    )]
    Add {
        /// Sign-in name
        #[arg(long)]
        email: String,
        /// Name on pages
        #[arg(long)]
        name: String,
        /// viewer, editor or admin
        #[arg(long, default_value = "viewer")]
        role: String,
    },
    /// Set a new password, read from HEADROOM_PASSWORD or standard input
    #[command(
        after_help = "Example:\n  echo 'a longer password' | headroom user password --email ann@example.org"
    )]
    Password {
        /// Sign-in name
        #[arg(long)]
        email: String,
    },
    /// Change a person's role
    #[command(after_help = "Example:\n  headroom user role --email ann@example.org --role admin")]
    Role {
        /// Sign-in name
        #[arg(long)]
        email: String,
        /// viewer, editor or admin
        #[arg(long)]
        role: String,
    },
    /// Lock a person out
    #[command(after_help = "Example:\n  headroom user disable --email ann@example.org")]
    Disable {
        /// Sign-in name
        #[arg(long)]
        email: String,
    },
}

/// `headroom token …`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Tokens that work
    #[command(after_help = "Example:\n  headroom token list --json")]
    List,
    /// Make a token and print it once
    #[command(after_help = "Example:\n  headroom token create --name planning --scope read")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// read, write, ingest or admin; may be given more than once
        #[arg(long, default_value = "read")]
        scope: Vec<String>,
    },
    /// End a token
    #[command(after_help = "Example:\n  headroom token revoke 3")]
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

/// `headroom config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Parse the configuration and print what is in force
    #[command(after_help = "Example:\n  headroom config check --config headroom.toml")]
    Check,
}

/// `headroom db …`
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Bring the tables to this version
    #[command(after_help = "Example:\n  headroom db migrate")]
    Migrate,
    /// Write everything to one file
    #[command(after_help = "Example:\n  headroom db backup headroom.dump")]
    Backup {
        /// The file
        output: PathBuf,
    },
    /// Replace everything by the contents of a backup
    #[command(after_help = "Example:\n  headroom db restore headroom.dump --yes")]
    Restore {
        /// The file
        input: PathBuf,
        /// Yes, replace everything
        #[arg(long)]
        yes: bool,
    },
}
