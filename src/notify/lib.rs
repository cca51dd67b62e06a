//! Mails: a report's facts in, one message out, and the way to a real SMTP server.

mod error;
mod message;
mod smtp;
pub mod weekly;

pub use error::NotifyError;
pub use message::{Chart, Mail, Subscription};
pub use smtp::Smtp;
