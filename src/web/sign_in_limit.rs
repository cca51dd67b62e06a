//! Slows down guessing of passwords, per person and address, without locking others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

/// Wrong attempts that one address may make for one person within [`WINDOW_MINUTES`].
const ATTEMPTS_PER_PERSON: u32 = 8;
/// Wrong attempts that one address may make for anybody within [`WINDOW_MINUTES`].
const ATTEMPTS_PER_PEER: u32 = 60;
/// How long a wrong attempt counts.
const WINDOW_MINUTES: i64 = 15;
/// Keys remembered at most; beyond it the expired ones go first, then everything: memory stays bounded.
const MAX_KEYS: usize = 20_000;

/// Who tries to sign in as whom; an unknown address is one shared peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Person(String, Option<IpAddr>),
    Peer(Option<IpAddr>),
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    since: DateTime<Utc>,
    count: u32,
}

/// Wrong attempts of this process. Several web processes count on their own.
#[derive(Debug, Default)]
pub(crate) struct SignInLimit {
    wrong: Mutex<HashMap<Key, Wrong>>,
}

impl SignInLimit {
    /// Takes one attempt, or tells how many seconds to wait. An attempt counts as wrong until
    /// [`SignInLimit::succeeded`] gives it back, so parallel guesses count too.
    pub(crate) fn attempt(&self, email: &str, peer: Option<IpAddr>, now: DateTime<Utc>) -> Result<(), i64> {
        let window = Duration::minutes(WINDOW_MINUTES);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() > MAX_KEYS {
            wrong.retain(|_, entry| now - entry.since < window);
            if wrong.len() > MAX_KEYS {
                wrong.clear();
            }
        }
        let keys = [
            (Key::Person(email.to_lowercase(), peer), ATTEMPTS_PER_PERSON),
            (Key::Peer(peer), ATTEMPTS_PER_PEER),
        ];
        for (key, limit) in &keys {
            if let Some(entry) = wrong.get(key)
                && now - entry.since < window
                && entry.count >= *limit
            {
                return Err((entry.since + window - now).num_seconds().max(1));
            }
        }
        for (key, _) in keys {
            let entry = wrong.entry(key).or_insert(Wrong { since: now, count: 0 });
            if now - entry.since >= window {
                *entry = Wrong { since: now, count: 0 };
            }
            entry.count += 1;
        }
        Ok(())
    }

    /// Forgets the wrong attempts of somebody who knew the password.
    pub(crate) fn succeeded(&self, email: &str, peer: Option<IpAddr>) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.remove(&Key::Person(email.to_lowercase(), peer));
        if let Some(entry) = wrong.get_mut(&Key::Peer(peer)) {
            entry.count = entry.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninth_guess_waits_others_do_not_and_time_heals() {
        let limit = SignInLimit::default();
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let peer = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..ATTEMPTS_PER_PERSON {
            assert_eq!(limit.attempt("Ann@example.com", peer(1), now), Ok(()));
        }
        assert_eq!(limit.attempt("ann@example.com", peer(1), now), Err(900));
        assert_eq!(limit.attempt("ann@example.com", peer(2), now), Ok(()), "another address");
        assert_eq!(limit.attempt("bob@example.com", peer(1), now), Ok(()), "another person");
        assert_eq!(limit.attempt("ann@example.com", peer(1), now + Duration::minutes(15)), Ok(()));
    }

    #[test]
    fn one_address_cannot_try_everybody() {
        let limit = SignInLimit::default();
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let refused =
            (0..100).filter(|n| limit.attempt(&format!("u{n}@example.com"), None, now).is_err()).count();
        assert_eq!(refused, 40);
    }

    #[test]
    fn a_right_password_gives_the_attempts_back() {
        let limit = SignInLimit::default();
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        for _ in 0..200 {
            assert_eq!(limit.attempt("ann@example.com", None, now), Ok(()));
            limit.succeeded("ann@example.com", None);
        }
    }
}
