//! Passwords: hashed with Argon2id, checked away from the threads that answer requests.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::error::WebError;

/// Shortest password that is accepted.
pub const MIN_PASSWORD_LETTERS: usize = 10;
/// Longest password that is hashed: more is an attempt to keep us busy.
const MAX_PASSWORD_BYTES: usize = 1024;

/// Checked when nobody has the given address, so that the answer takes as long as for somebody.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_password("nobody has this password").unwrap_or_default());

/// Why a password can't be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password needs at least 10 letters and at most 1024 bytes")]
    Length,
    /// The random source or the hasher failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// The Argon2id hash of a password, in PHC form, as the store keeps it.
///
/// # Errors
/// [`PasswordError::Length`] when it is too short or too long.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_PASSWORD_LETTERS || password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::Length);
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether `password` belongs to `hash`; with no hash, spends the same time and says no.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Result<bool, WebError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Ok(false);
    }
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let right = PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && right
    })
    .await
    .map_err(|error| {
        tracing::error!(%error, "a password could not be checked");
        WebError::Internal
    })
}

/// [`hash_password`] away from the threads that answer requests.
pub(crate) async fn hash_form_password(password: String) -> Result<String, WebError> {
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    match hashed {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error @ PasswordError::Length)) => Err(WebError::Invalid("password", error.to_string())),
        Ok(Err(error)) => {
            tracing::error!(%error, "a password could not be hashed");
            Err(WebError::Internal)
        }
        Err(error) => {
            tracing::error!(%error, "a password could not be hashed");
            Err(WebError::Internal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!verify("wrong horse!".into(), Some(hash)).await.unwrap());
        assert!(!verify("nobody has this password".into(), None).await.unwrap());
        assert_eq!(hash_password("short"), Err(PasswordError::Length));
    }
}
