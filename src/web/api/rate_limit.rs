//! How many requests a caller may make: a bucket of one minute for each token, user, or address without either.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::OrganizationId;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::{Problem, WebError};
use crate::session::{Caller, Peer};
use crate::state::App;

/// Length of the window that the quota is counted over.
const WINDOW: Duration = Duration::from_secs(60);
/// Buckets remembered at most; beyond it the full ones, which say nothing, are forgotten.
const MAX_BUCKETS: usize = 20_000;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Whose bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A token or a person, by the name in the audit log.
    Caller(OrganizationId, String),
    /// An address that showed neither. Headers that claim another address are not believed.
    Peer(Option<IpAddr>),
}

/// Buckets of this process. Several web processes count on their own.
pub(crate) struct RateLimit<C: Clock = MonotonicClock> {
    quota: u32,
    buckets: RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>,
    clock: C,
}

/// What is left in a bucket, and the seconds to wait when it is empty.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    requests: u32,
    wait_seconds: Option<u64>,
}

impl<C: Clock + Clone> RateLimit<C> {
    /// Full buckets of `quota` requests, which fill up again within a minute.
    pub(crate) fn new(quota: NonZeroU32, clock: C) -> Self {
        let limit = Quota::per_minute(quota);
        let buckets = RateLimiter::new(limit, HashMapStateStore::default(), clock.clone());
        Self { quota: quota.get(), buckets, clock }
    }

    fn take(&self, key: &Key) -> Left {
        if self.buckets.len() > MAX_BUCKETS {
            self.buckets.retain_recent();
        }
        match self.buckets.check_key(key) {
            Ok(left) => Left { requests: left.remaining_burst_capacity(), wait_seconds: None },
            Err(refused) => {
                let wait = refused.wait_time_from(self.clock.now()).as_secs_f64().ceil() as u64;
                Left { requests: 0, wait_seconds: Some(wait.max(1)) }
            }
        }
    }

    /// `RateLimit-Policy` and `RateLimit` of the IETF draft: quota and window, requests left and seconds until
    /// the bucket is full.
    fn headers(&self, left: &Left) -> [(HeaderName, String); 2] {
        let (quota, window) = (self.quota, WINDOW.as_secs());
        let full = (u64::from(quota - left.requests.min(quota)) * window).div_ceil(u64::from(quota));
        [
            (POLICY, format!("\"default\";q={quota};w={window}")),
            (LIMIT, format!("\"default\";r={};t={full}", left.requests)),
        ]
    }
}

/// Finds out who calls, once for the handler too, and takes one request from their bucket.
pub(crate) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await;
    let key = match &caller {
        Ok(caller) => Key::Caller(caller.org, caller.name.clone()),
        Err(_) => {
            let Ok(Peer(peer)) = Peer::from_request_parts(&mut parts, &app).await;
            Key::Peer(peer.map(network))
        }
    };
    let left = app.rate_limit.take(&key);
    let mut response = match (left.wait_seconds, caller) {
        (Some(seconds), _) => {
            let quota = app.rate_limit.quota;
            let reason = format!("There is room for {quota} requests a minute: wait {seconds} s.");
            Problem(WebError::TooMany(seconds, reason)).into_response()
        }
        (None, Err(problem)) => problem.into_response(),
        (None, Ok(caller)) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
    };
    for (name, text) in app.rate_limit.headers(&left) {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The network of one household: whoever has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_and_others_have_their_own() {
        let clock = FakeRelativeClock::default();
        let limit = RateLimit::new(NonZeroU32::new(30).unwrap(), clock.clone());
        let ann = Key::Caller(OrganizationId(1), "ann@example.com".to_owned());
        let first = limit.take(&ann);
        assert_eq!(first, Left { requests: 29, wait_seconds: None });
        assert_eq!(limit.headers(&first)[0].1, "\"default\";q=30;w=60");
        assert_eq!(limit.headers(&first)[1].1, "\"default\";r=29;t=2");
        for _ in 0..29 {
            assert_eq!(limit.take(&ann).wait_seconds, None);
        }
        assert_eq!(limit.take(&ann), Left { requests: 0, wait_seconds: Some(2) });
        assert_eq!(limit.take(&Key::Peer(None)).requests, 29, "somebody else");
        let namesake = Key::Caller(OrganizationId(2), "ann@example.com".to_owned());
        assert_eq!(limit.take(&namesake).requests, 29, "the same name in another organization");
        clock.advance(Duration::from_secs(2));
        assert_eq!(limit.take(&ann).wait_seconds, None);
        assert!(limit.take(&ann).wait_seconds.is_some());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_a_bucket() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8:1:2::3"), address("2001:db8:1:2:ffff::4"));
        assert_ne!(address("2001:db8:1:2::3"), address("2001:db8:1:3::3"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
