//! What can go wrong with a mail.

/// A mail that was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// An address that is none.
    #[error("{address:?} is not a mail address: expected name@example.org or Name <name@example.org>")]
    Address {
        /// What was typed.
        address: String,
        /// Why not.
        source: lettre::address::AddressError,
    },
    /// The server's URL cannot be used.
    #[error(
        "the SMTP server url cannot be used: expected smtp://user:password@host:port, smtps://… or smtp://…?tls=required"
    )]
    Server(#[source] lettre::transport::smtp::Error),
    /// The server refused or went away; trying again later may work.
    #[error("the SMTP server did not take the mail to {to}")]
    Sending {
        /// The recipient.
        to: String,
        /// Its answer.
        source: lettre::transport::smtp::Error,
    },
    /// The mail could not be put together.
    #[error("the mail could not be put together: {0}")]
    Message(String),
}
