//! The dashboard and the JSON API over what is stored: server-rendered pages that work without JavaScript.
//!
//! [`router`] is the whole surface; the binary serves it and passes in the database, the clock, the settings
//! and its hooks as [`AppState`].

mod api;
mod assets;
mod budget_scenario;
mod cookie;
mod cost_view;
mod csv;
mod error;
mod exhaustion;
mod fan;
mod figure;
mod headers;
mod health;
mod history;
mod layout;
mod pages;
mod password;
mod path;
mod purchases_under;
mod responses;
mod router;
mod session;
mod show;
mod sign_in_limit;
mod state;
#[cfg(test)]
mod surface;
mod workload;

pub use history::series_title;
pub use password::{MIN_PASSWORD_LETTERS, PasswordError, hash_password};
pub use path::recommendation_path;
pub use router::router;
pub use session::new_secret;
pub use show::days;
pub use state::{AppState, DemoAccount, HookAnswer, Queue, SendReport, Settings, Workload};
pub use workload::{FromHistory, Waiting, throughput_of, waiting};
