//! The way to an SMTP server.

use std::time::Duration;

use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::{Mail, NotifyError, Subscription};

/// A server that does not answer for so long is given up.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An SMTP server, reached over pooled connections.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Smtp {
    /// A server by its URL: `smtps://user:password@host:465`, `smtp://host:587?tls=required`,
    /// `smtp://127.0.0.1:2525` (no encryption).
    pub fn new(url: &str) -> Result<Self, NotifyError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(NotifyError::Server)?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build() })
    }

    /// Sends one mail to one recipient.
    pub async fn send(&self, mail: &Mail, subscription: &Subscription) -> Result<(), NotifyError> {
        let message = mail.message(subscription)?;
        self.transport
            .send(message)
            .await
            .map(|_| ())
            .map_err(|source| NotifyError::Sending { to: subscription.to.clone(), source })
    }
}
