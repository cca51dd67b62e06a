//! `headroom user …`: people who sign in.

use std::io::{IsTerminal, Read};

use anyhow::{Context as _, bail};
use store::embedded::IfRunning;
use store::user::{NewUser, Role};

use crate::cli::User;
use crate::clock;
use crate::commands::Outcome;
use crate::context::{Context, Database, environment};

/// Runs the command.
pub(crate) async fn run(context: &Context, what: &User) -> anyhow::Result<Outcome> {
    let database = context.open(IfRunning::Join).await?;
    let ended = act(context, &database, what).await;
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

async fn act(context: &Context, database: &Database, what: &User) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let org = database.org;
    match what {
        User::List => {
            let users = store::user::list(&mut conn, org).await?;
            if context.json {
                outln!("{}", serde_json::to_string_pretty(&users)?);
            } else {
                for user in users {
                    let state = if user.disabled_at.is_some() { "locked out" } else { "" };
                    outln!("{:<32} {:<8} {} {state}", user.email, user.role.as_str(), user.name);
                }
            }
        }
        User::Add { email, name, role } => {
            let role: Role = role.parse().map_err(anyhow::Error::msg)?;
            let hash = web::hash_password(&password()?)?;
            let new = NewUser { email, name, role, password_hash: &hash };
            store::user::create(&mut conn, org, &new, clock::now()).await?;
            eprintln!("{email} can sign in as {}", role.as_str());
        }
        User::Password { email } => {
            let hash = web::hash_password(&password()?)?;
            let user = find(&mut conn, database, email).await?;
            store::user::set_password_hash(&mut conn, org, user, &hash).await?;
            eprintln!("{email} has a new password and is signed out everywhere");
        }
        User::Role { email, role } => {
            let role: Role = role.parse().map_err(anyhow::Error::msg)?;
            let user = find(&mut conn, database, email).await?;
            store::user::set_role(&mut conn, org, user, role).await?;
            eprintln!("{email} is {} now", role.as_str());
        }
        User::Disable { email } => {
            let user = find(&mut conn, database, email).await?;
            store::user::disable(&mut conn, org, user, clock::now()).await?;
            eprintln!("{email} is locked out");
        }
    }
    Ok(())
}

async fn find(
    conn: &mut store::PgConnection,
    database: &Database,
    email: &str,
) -> anyhow::Result<domain::UserId> {
    match store::user::find_by_email(conn, email).await? {
        Some(user) if user.organization_id == database.org => Ok(user.id),
        _ => bail!("nobody signs in as {email:?}: `headroom user list` names everybody"),
    }
}

/// The password from the environment or from standard input, never from a flag.
fn password() -> anyhow::Result<String> {
    if let Some(password) = environment("HEADROOM_PASSWORD") {
        return Ok(password);
    }
    if std::io::stdin().is_terminal() {
        bail!("there is no password: set HEADROOM_PASSWORD, or pipe it in: `echo '…' | headroom user …`");
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the password from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
