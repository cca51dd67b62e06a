//! Who is asking: a browser with a session cookie, or a program with a bearer token.

use std::net::{IpAddr, SocketAddr};
use std::ops::DerefMut;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use domain::OrganizationId;
use rand::RngCore;
use sha2::{Digest, Sha256};
use store::token::Scope;
use store::user::{Role, User};
use store::{PgConnection, StoreError};

use crate::cookie;
use crate::error::{Problem, WebError};
use crate::layout::{self, Theme};
use crate::state::App;

/// A person in a browser.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) user: User,
    pub(crate) theme: Theme,
    /// Path and query of the page.
    pub(crate) here: String,
    pub(crate) demo: bool,
    pub(crate) notice: Option<&'static str>,
}

impl Visitor {
    /// The tenant whose data is shown.
    pub(crate) fn org(&self) -> OrganizationId {
        self.user.organization_id
    }

    pub(crate) fn can_edit(&self) -> bool {
        self.user.role.allows(Role::Editor)
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.user.role.allows(Role::Admin)
    }

    /// Stops whoever may only look.
    pub(crate) fn editor(&self) -> Result<(), WebError> {
        if self.can_edit() { Ok(()) } else { Err(WebError::Forbidden("editor")) }
    }

    /// Stops whoever is not an admin.
    pub(crate) fn admin(&self) -> Result<(), WebError> {
        if self.is_admin() { Ok(()) } else { Err(WebError::Forbidden("admin")) }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, WebError> {
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let next = if parts.method == Method::GET { here.clone() } else { "/".to_owned() };
        let user = user_of(&parts.headers, app).await?.ok_or(WebError::SignIn(next))?;
        let done = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "done")
            .and_then(|(_, word)| layout::notice(&word));
        Ok(Self {
            user,
            theme: Theme::of(&parts.headers),
            here,
            demo: app.state.settings.demo.is_some(),
            notice: done,
        })
    }
}

/// Whoever calls the JSON API.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) org: OrganizationId,
    /// Name in the audit log: an address or `token:<name>`.
    pub(crate) name: String,
    role: Role,
}

impl Caller {
    /// Stops callers that may only read.
    pub(crate) fn writer(&self) -> Result<(), Problem> {
        if self.role.allows(Role::Editor) { Ok(()) } else { Err(Problem(WebError::Forbidden("editor"))) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Around the API, the limit of requests has asked already.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let Some(authorization) = parts.headers.get(header::AUTHORIZATION) else {
            let missing = WebError::Unauthorized("Send a bearer token, or the session cookie of the pages.");
            let user = user_of(&parts.headers, app).await?.ok_or(Problem(missing))?;
            return Ok(Self { org: user.organization_id, name: user.email, role: user.role });
        };
        let secret = authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let unusable = || Problem(WebError::Unauthorized("The bearer token is unknown, expired or revoked."));
        let secret = secret.ok_or_else(unusable)?;
        let mut conn = connection(app).await?;
        let token = store::token::find(&mut conn, &hash(secret), app.now()).await?.ok_or_else(unusable)?;
        let has = |scope| token.scopes.contains(&scope);
        let role = if has(Scope::Admin) {
            Role::Admin
        } else if has(Scope::Write) {
            Role::Editor
        } else if has(Scope::Read) {
            Role::Viewer
        } else {
            return Err(Problem(WebError::Forbidden("read")));
        };
        Ok(Self { org: token.organization_id, name: format!("token:{}", token.name), role })
    }
}

/// A connection, or the error that the pages show when there is none.
pub(crate) async fn connection(
    app: &App,
) -> Result<impl DerefMut<Target = PgConnection> + Send + use<>, WebError> {
    app.pool().acquire().await.map_err(|error| StoreError::from(error).into())
}

async fn user_of(headers: &HeaderMap, app: &App) -> Result<Option<User>, WebError> {
    let Some(token) = cookie::read(headers, cookie::SESSION) else { return Ok(None) };
    let mut conn = connection(app).await?;
    let session = store::session::find(&mut conn, &hash(token), app.now()).await?;
    Ok(session.map(|session| session.user))
}

/// What the database keeps of a session or API token: its SHA-256. Tokens are 256 random bits, so a fast
/// hash is enough.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// A new session or API token: the secret to hand out once, 256 random bits in hexadecimal, and the hash to
/// store.
pub fn new_secret() -> (String, Vec<u8>) {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = hash(&secret);
    (secret, hash)
}

/// The address of the other end of the connection, where the server passes it on.
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())))
    }
}
