//! What every page carries around its content: title, navigation, person, theme and notices.

use askama::Template;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};

use crate::assets;
use crate::cookie;
use crate::error::WebError;
use crate::session::Visitor;

/// One entry of the navigation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nav {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    /// Letter that goes there after `g`.
    pub(crate) key: &'static str,
}

/// The pages of the navigation, in order.
pub(crate) const NAV: [Nav; 10] = [
    Nav { path: "/", name: "Overview", key: "o" },
    Nav { path: "/costs", name: "Costs", key: "c" },
    Nav { path: "/forecasts", name: "Forecasts", key: "f" },
    Nav { path: "/budgets", name: "Budgets", key: "b" },
    Nav { path: "/capacity", name: "Capacity", key: "k" },
    Nav { path: "/recommendations", name: "Recommendations", key: "r" },
    Nav { path: "/plan", name: "Plan", key: "p" },
    Nav { path: "/sources", name: "Sources", key: "s" },
    Nav { path: "/runs", name: "Runs", key: "u" },
    Nav { path: "/reports", name: "Reports", key: "m" },
];

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// The choice stored in the cookie.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        cookie::read(headers, cookie::THEME).map_or(Self::Auto, Self::parse)
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The frame around a page's content.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) title: String,
    /// Path of the navigation entry that is open.
    pub(crate) active: &'static str,
    pub(crate) person: Option<Person>,
    pub(crate) theme: Theme,
    /// Path and query of this page, to come back to after a change of theme.
    pub(crate) here: String,
    pub(crate) demo: bool,
    /// What the last form did.
    pub(crate) notice: Option<&'static str>,
    pub(crate) stylesheet: &'static str,
    pub(crate) script: &'static str,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) can_edit: bool,
    pub(crate) is_admin: bool,
}

impl Layout {
    /// The frame for somebody who is signed in.
    pub(crate) fn new(visitor: &Visitor, active: &'static str, title: impl Into<String>) -> Self {
        Self {
            active,
            person: Some(Person {
                name: visitor.user.name.clone(),
                can_edit: visitor.can_edit(),
                is_admin: visitor.is_admin(),
            }),
            theme: visitor.theme,
            here: visitor.here.clone(),
            demo: visitor.demo,
            notice: visitor.notice,
            ..Self::bare(title)
        }
    }

    /// The frame without a person: sign-in and errors.
    pub(crate) fn bare(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            active: "",
            person: None,
            theme: Theme::Auto,
            here: "/".to_owned(),
            demo: false,
            notice: None,
            stylesheet: &assets::STYLESHEET,
            script: &assets::SCRIPT,
        }
    }

    /// The navigation.
    pub(crate) fn nav(&self) -> &'static [Nav] {
        &NAV
    }

    /// Whether the person may change events and decide on recommendations.
    pub(crate) fn can_edit(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.can_edit)
    }
}

/// Sentences that a form may leave behind, by the word in `?done=`.
pub(crate) fn notice(word: &str) -> Option<&'static str> {
    Some(match word {
        "saved" => "Saved.",
        "deleted" => "Deleted.",
        "accepted" => "Accepted. It stays on the list until it is marked done.",
        "snoozed" => "Snoozed. It comes back by itself.",
        "dismissed" => "Dismissed. The reason is in its history.",
        "marked-done" => "Marked as done.",
        "reopened" => "Open again.",
        "undone" => "The last decision is taken back.",
        "sent" => "The report was sent to your address.",
        "password" => "The password is changed; other sessions of that person have ended.",
        _ => return None,
    })
}

/// Renders a page.
pub(crate) fn page(template: &impl Template) -> Result<Response, WebError> {
    Ok(Html(template.render()?).into_response())
}
