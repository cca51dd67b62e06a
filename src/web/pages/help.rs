//! Help: keys, words, and where the rest is.

use askama::Template;
use axum::response::Response;

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::session::Visitor;

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    layout: Layout,
}

/// `GET /help`.
pub(crate) async fn show(visitor: Visitor) -> Result<Response, WebError> {
    page(&HelpPage { layout: Layout::new(&visitor, "/help", "Help") })
}
