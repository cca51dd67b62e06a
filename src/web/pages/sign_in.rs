//! Signing in and out.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::Duration;
use serde::Deserialize;
use store::audit::NewEntry;
use store::user::User;

use crate::cookie;
use crate::error::{WebError, see_other};
use crate::layout::{Layout, Theme, page};
use crate::password;
use crate::session::{Peer, connection, hash, new_secret};
use crate::state::{App, DemoAccount};

/// How long a session lasts.
const SESSION_DAYS: i64 = 14;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    problem: Option<String>,
    demo: Option<DemoAccount>,
    next: String,
    email: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Arrival {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(arrival): Query<Arrival>,
) -> Result<Response, WebError> {
    form(&app, &headers, None, arrival.next, String::new())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`.
pub(crate) async fn enter(
    State(app): State<App>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Result<Response, WebError> {
    let email = given.email.trim().to_owned();
    let now = app.now();
    if let Err(seconds) = app.sign_in_limit.attempt(&email, peer, now) {
        let problem = format!("Too many attempts. Wait {seconds} seconds and try again.");
        let page = form(&app, &headers, Some(problem), given.next, email)?;
        let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
        return Ok((axum::http::StatusCode::TOO_MANY_REQUESTS, headers, page).into_response());
    }
    let user = {
        let mut conn = connection(&app).await?;
        store::user::find_by_email(&mut conn, &email).await?
    };
    let hash_of = |user: &User| user.password_hash.clone();
    let right = password::verify(given.password, user.as_ref().map(hash_of)).await?;
    let Some(user) = user.filter(|user| right && user.disabled_at.is_none()) else {
        let problem = "That address and password do not belong together.".to_owned();
        let page = form(&app, &headers, Some(problem), given.next, email)?;
        return Ok((axum::http::StatusCode::UNAUTHORIZED, page).into_response());
    };
    app.sign_in_limit.succeeded(&email, peer);
    let (token, token_hash) = new_secret();
    let mut conn = connection(&app).await?;
    let ends = now + Duration::days(SESSION_DAYS);
    store::session::create(&mut conn, user.id, &token_hash, now, ends).await?;
    // A session that was there before, on this browser, ends: signing in always changes the cookie.
    if let Some(old) = cookie::read(&headers, cookie::SESSION) {
        store::session::revoke(&mut conn, &hash(old)).await?;
    }
    let entry = NewEntry {
        actor: &user.email,
        action: "session.create",
        subject: &user.email,
        detail: serde_json::json!({ "peer": peer.map(|peer| peer.to_string()) }),
    };
    store::audit::record(&mut conn, user.organization_id, &entry, now).await?;
    let mut response = see_other(own_path(&given.next));
    set_cookie(&app, &mut response, cookie::SESSION, &token, SESSION_DAYS * 86_400);
    Ok(response)
}

/// `POST /sign-out`.
pub(crate) async fn leave(State(app): State<App>, headers: HeaderMap) -> Result<Response, WebError> {
    if let Some(token) = cookie::read(&headers, cookie::SESSION) {
        let mut conn = connection(&app).await?;
        store::session::revoke(&mut conn, &hash(token)).await?;
    }
    let mut response = see_other("/sign-in");
    set_cookie(&app, &mut response, cookie::SESSION, "", 0);
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub(crate) struct ThemeChoice {
    theme: String,
    #[serde(default)]
    next: String,
}

/// `POST /theme`: remembers light, dark, or as the system says.
pub(crate) async fn theme(State(app): State<App>, Form(choice): Form<ThemeChoice>) -> Response {
    let mut response = see_other(own_path(&choice.next));
    set_cookie(&app, &mut response, cookie::THEME, Theme::parse(&choice.theme).as_str(), 365 * 86_400);
    response
}

fn form(
    app: &App,
    headers: &HeaderMap,
    problem: Option<String>,
    next: String,
    email: String,
) -> Result<Response, WebError> {
    let layout = Layout { theme: Theme::of(headers), ..Layout::bare("Sign in") };
    page(&SignInPage { layout, problem, demo: app.state.settings.demo.clone(), next, email })
}

fn set_cookie(app: &App, response: &mut Response, name: &str, value: &str, max_age_seconds: i64) {
    if let Some(cookie) = cookie::write(name, value, max_age_seconds, app.state.settings.secure_cookies) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// A path of this site, or the overview: never an address elsewhere.
pub(crate) fn own_path(next: &str) -> &str {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(own_path("/costs?group_by=team"), "/costs?group_by=team");
        for bad in
            ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "/\t/evil"]
        {
            assert_eq!(own_path(bad), "/", "{bad}");
        }
    }

    #[test]
    fn secrets_are_long_and_differ() {
        assert_eq!(new_secret().0.len(), 64);
        assert_ne!(new_secret(), new_secret());
    }
}
