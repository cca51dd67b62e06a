//! Settings for admins: people, tokens, and the log of who did what.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use domain::UserId;
use serde::Deserialize;
use store::audit::{Entry, NewEntry};
use store::token::{NewToken, Scope, Token};
use store::user::{NewUser, Role, User};

use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::pages::reports::is_address;
use crate::password::hash_form_password;
use crate::session::{Visitor, connection, new_secret};
use crate::state::App;

/// Log entries listed.
const ENTRIES: u32 = 50;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    layout: Layout,
    now: DateTime<Utc>,
    me: UserId,
    users: Vec<User>,
    roles: [Role; 3],
    tokens: Vec<Token>,
    /// A token that was just made: shown this once.
    secret: Option<String>,
    entries: Vec<Entry>,
}

/// `GET /settings`.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    visitor.admin()?;
    settings_page(&app, &visitor, None).await
}

async fn settings_page(app: &App, visitor: &Visitor, secret: Option<String>) -> Result<Response, WebError> {
    let mut conn = connection(app).await?;
    page(&SettingsPage {
        layout: Layout::new(visitor, "/settings", "Settings"),
        now: app.now(),
        me: visitor.user.id,
        users: store::user::list(&mut conn, visitor.org()).await?,
        roles: Role::ALL,
        tokens: store::token::list(&mut conn, visitor.org()).await?,
        secret,
        entries: store::audit::list(&mut conn, visitor.org(), None, ENTRIES).await?,
    })
}

#[derive(Debug, Deserialize)]
pub(crate) struct PersonForm {
    email: String,
    name: String,
    role: String,
    password: String,
}

/// `POST /settings/users`.
pub(crate) async fn add_user(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<PersonForm>,
) -> Result<Response, WebError> {
    visitor.admin()?;
    let email = form.email.trim();
    if !is_address(email) {
        return Err(WebError::Invalid("email", format!("“{email}” is not a mail address.")));
    }
    let role = role(&form.role)?;
    let password_hash = hash_form_password(form.password).await?;
    let name = if form.name.trim().is_empty() { email } else { form.name.trim() };
    let user = NewUser { email, name, role, password_hash: &password_hash };
    let mut conn = connection(&app).await?;
    store::user::create(&mut conn, visitor.org(), &user, app.now()).await?;
    note(&mut conn, &app, &visitor, "user.create", email).await?;
    Ok(see_other("/settings?done=saved"))
}

/// What is to become of a person.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum PersonChange {
    Role { role: String },
    Password { password: String },
    Disable,
    Enable,
}

/// `POST /settings/users/{id}`.
pub(crate) async fn change_user(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(change): Form<PersonChange>,
) -> Result<Response, WebError> {
    visitor.admin()?;
    let (org, id) = (visitor.org(), UserId(id));
    // The password is hashed before a connection is held.
    let new_hash = match &change {
        PersonChange::Password { password } => Some(hash_form_password(password.clone()).await?),
        _ => None,
    };
    let mut conn = connection(&app).await?;
    let user = store::user::get(&mut conn, org, id).await?;
    let (action, done) = match change {
        PersonChange::Role { role: wanted } => {
            store::user::set_role(&mut conn, org, id, role(&wanted)?).await?;
            ("user.set_role", "saved")
        }
        PersonChange::Password { .. } => {
            store::user::set_password_hash(&mut conn, org, id, &new_hash.unwrap_or_default()).await?;
            ("user.set_password", "password")
        }
        PersonChange::Disable => {
            store::user::disable(&mut conn, org, id, app.now()).await?;
            ("user.disable", "saved")
        }
        PersonChange::Enable => {
            store::user::enable(&mut conn, org, id).await?;
            ("user.enable", "saved")
        }
    };
    note(&mut conn, &app, &visitor, action, &user.email).await?;
    Ok(see_other(&format!("/settings?done={done}")))
}

#[derive(Debug, Deserialize)]
pub(crate) struct TokenForm {
    name: String,
    scope: String,
    #[serde(default)]
    days: Option<i64>,
}

/// `POST /settings/tokens`: makes a token and shows its secret this once.
pub(crate) async fn add_token(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<TokenForm>,
) -> Result<Response, WebError> {
    visitor.admin()?;
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > 120 {
        return Err(WebError::Invalid("name", "A name has 1 to 120 letters.".to_owned()));
    }
    let wanted: Scope = form.scope.parse().map_err(|error| WebError::Invalid("scope", error))?;
    // A scope that changes things also reads.
    let scopes: &[Scope] = match wanted {
        Scope::Read => &[Scope::Read],
        Scope::Write => &[Scope::Read, Scope::Write],
        Scope::Ingest => &[Scope::Ingest],
        Scope::Admin => &[Scope::Read, Scope::Write, Scope::Ingest, Scope::Admin],
    };
    let expires_at = match form.days {
        None | Some(0) => None,
        Some(days @ 1..=3650) => Some(app.now() + Duration::days(days)),
        Some(_) => return Err(WebError::Invalid("days", "A token lasts 1 to 3650 days.".to_owned())),
    };
    let (secret, hash) = new_secret();
    let token = NewToken { name, scopes, token_hash: &hash, created_by: Some(visitor.user.id), expires_at };
    {
        let mut conn = connection(&app).await?;
        store::token::create(&mut conn, visitor.org(), &token, app.now()).await?;
        note(&mut conn, &app, &visitor, "token.create", name).await?;
    }
    settings_page(&app, &visitor, Some(secret)).await
}

/// `POST /settings/tokens/{id}/revoke`.
pub(crate) async fn revoke_token(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.admin()?;
    let mut conn = connection(&app).await?;
    store::token::revoke(&mut conn, visitor.org(), id).await?;
    note(&mut conn, &app, &visitor, "token.revoke", &id.to_string()).await?;
    Ok(see_other("/settings?done=deleted"))
}

fn role(text: &str) -> Result<Role, WebError> {
    text.parse().map_err(|error| WebError::Invalid("role", error))
}

async fn note(
    conn: &mut store::PgConnection,
    app: &App,
    visitor: &Visitor,
    action: &str,
    subject: &str,
) -> Result<(), WebError> {
    let entry = NewEntry { actor: &visitor.user.email, action, subject, detail: serde_json::Value::Null };
    Ok(store::audit::record(conn, visitor.org(), &entry, app.now()).await?)
}

/// The scopes of a token in words.
fn scopes_text(token: &Token) -> String {
    token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}
