//! The few static files, compiled in and addressed by their content, so that browsers keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::error::WebError;

const STYLE: &str = include_str!("../../static/app.css");
const CODE: &str = include_str!("../../static/app.js");
const ICON: &str = include_str!("../../static/icon.svg");

/// Path of the stylesheet with the fingerprint of its content.
pub(crate) static STYLESHEET: LazyLock<String> = LazyLock::new(|| address("app.css", STYLE));
/// Path of the script with the fingerprint of its content.
pub(crate) static SCRIPT: LazyLock<String> = LazyLock::new(|| address("app.js", CODE));

/// `GET /static/{file}`.
pub(crate) async fn show(Path(file): Path<String>) -> Result<Response, WebError> {
    let (kind, body) = match file.as_str() {
        "app.css" => ("text/css; charset=utf-8", STYLE),
        "app.js" => ("text/javascript; charset=utf-8", CODE),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(WebError::NotFound(format!("There is no file “{file}”."))),
    };
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, body).into_response())
}

fn address(name: &str, content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let fingerprint: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/static/{name}?v={fingerprint}")
}
