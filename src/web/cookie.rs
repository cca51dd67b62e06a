//! Reading and writing the two cookies: the session and the theme.

use axum::http::{HeaderMap, HeaderValue, header};

/// Name of the session cookie.
pub(crate) const SESSION: &str = "headroom_session";
/// Name of the theme cookie.
pub(crate) const THEME: &str = "headroom_theme";

/// The value of cookie `name`, if the request carries it.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// A `Set-Cookie` value that scripts cannot read and other sites cannot send. `value` is of our own
/// making (letters, digits, `-`, `_`, `.`); anything else gives `None`.
pub(crate) fn write(name: &str, value: &str, max_age_seconds: i64, secure: bool) -> Option<HeaderValue> {
    if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return None;
    }
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_cookie_among_many() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; headroom_session=tok; b=2"));
        assert_eq!(read(&headers, SESSION), Some("tok"));
        assert_eq!(read(&headers, THEME), None);
    }

    #[test]
    fn cookies_are_closed_to_scripts_and_other_sites() {
        let cookie = write(SESSION, "tok", 60, true).unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "headroom_session=tok; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(write(SESSION, "a; Domain=evil", 60, true), None);
    }
}
