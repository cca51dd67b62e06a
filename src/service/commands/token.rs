//! `headroom token …`: tokens of the JSON API.

use anyhow::Context as _;
use store::embedded::IfRunning;
use store::token::{NewToken, Scope};

use crate::cli::Token;
use crate::clock;
use crate::commands::Outcome;
use crate::context::{Context, Database};

/// Runs the command.
pub(crate) async fn run(context: &Context, what: &Token) -> anyhow::Result<Outcome> {
    let database = context.open(IfRunning::Join).await?;
    let ended = act(context, &database, what).await;
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

async fn act(context: &Context, database: &Database, what: &Token) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    match what {
        Token::List => {
            let tokens = store::token::list(&mut conn, database.org).await?;
            if context.json {
                outln!("{}", serde_json::to_string_pretty(&tokens)?);
                return Ok(());
            }
            for token in tokens {
                let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
                outln!("{:>4} {:<24} {}", token.id, token.name, scopes.join(", "));
            }
        }
        Token::Create { name, scope } => {
            let scopes = scope
                .iter()
                .map(|scope| scope.parse::<Scope>())
                .collect::<Result<Vec<_>, _>>()
                .map_err(anyhow::Error::msg)?;
            let (secret, hash) = web::new_secret();
            let new =
                NewToken { name, scopes: &scopes, token_hash: &hash, created_by: None, expires_at: None };
            let token = store::token::create(&mut conn, database.org, &new, clock::now()).await?;
            eprintln!("token {} is shown this once:", token.id);
            outln!("{secret}");
        }
        Token::Revoke { id } => {
            store::token::revoke(&mut conn, database.org, *id).await?;
            eprintln!("token {id} no longer works");
        }
    }
    Ok(())
}
