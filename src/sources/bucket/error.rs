//! Why a bucket could not be read: place, reason, next step.

use std::path::PathBuf;

use domain::Provider;
use object_store::Error;

use super::Location;

/// Why a bucket could not be read. No message has a credential in it.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Not a URL of an object or folder.
    #[error("{url}: this URL cannot be read: {reason}")]
    Url {
        /// The URL, without what stands behind a question mark.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket could not be opened, or did not answer as hoped.
    #[error("{place}: {reason}; {next_step}")]
    Access {
        /// URL of the bucket, folder or object.
        place: String,
        /// What went wrong.
        reason: String,
        /// What to do.
        next_step: &'static str,
    },
    /// Nothing to read.
    #[error(
        "{place}: there is no such object, and no object below it ({left_out} hidden ones and markers do not count); check the name, and end a folder in /"
    )]
    Empty {
        /// URL of the folder.
        place: String,
        /// Objects that are not data.
        left_out: usize,
    },
    /// Another object than the one that was listed.
    #[error("{url}: the object changed while it was read; run the import again when the export has ended")]
    Changed {
        /// The object.
        url: String,
    },
    /// Fewer or more bytes than announced.
    #[error("{url}: {announced} bytes were announced, {received} came; run the import again")]
    Length {
        /// The object.
        url: String,
        /// As listed.
        announced: u64,
        /// As received.
        received: u64,
    },
    /// The copy could not be written.
    #[error("cannot write {path}; check the folder, the permissions and the space left")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An answer of the cloud as an error about `place`.
pub(super) fn refused(location: &Location, place: &str, error: &Error) -> BucketError {
    let text = every_cause(error);
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    let (reason, next_step) = match (code, error) {
        ("NoSuchBucket" | "ContainerNotFound", _) | (_, Error::NotFound { .. }) => {
            (format!("there is no bucket or container {:?}", location.bucket), no_bucket(location.provider))
        }
        ("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed", _) => {
            ("the bucket is in another region".to_owned(), "set AWS_REGION to the region of the bucket")
        }
        (
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "AuthenticationFailed",
            _,
        )
        | (_, Error::Unauthenticated { .. }) => {
            let code = if code.is_empty() { "not signed in" } else { code };
            (format!("the credentials are not accepted ({code})"), credentials(location.provider))
        }
        (_, Error::PermissionDenied { .. }) => ("access is denied".to_owned(), permission(location.provider)),
        (_, Error::InvalidPath { .. }) => (
            format!("a key in it cannot be read ({})", last_cause(error)),
            "rename that object, or name a folder without it",
        ),
        _ if text.contains("redirect") => {
            ("the bucket is in another region".to_owned(), "set AWS_REGION to the region of the bucket")
        }
        // Nobody but the machine was left to be asked for credentials.
        _ if ["169.254.169.254", "metadata.google.internal"].iter().any(|host| text.contains(host)) => {
            ("no credentials were found".to_owned(), credentials(location.provider))
        }
        _ if text.contains("URL scheme is not allowed") => {
            ("its endpoint is http://, which is not encrypted".to_owned(), plain(location.provider))
        }
        _ => {
            let said =
                between(&text, "<Message>", "</Message>").map_or_else(|| last_cause(error), str::to_owned);
            let said = if code.is_empty() { said } else { format!("{code}: {said}") };
            (format!("no usable answer, also after retries ({said})"), unreachable(location.provider))
        }
    };
    BucketError::Access { place: place.to_owned(), reason, next_step }
}

fn no_bucket(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "check the name, AWS_REGION and AWS_ENDPOINT_URL",
        Provider::Azure => "check the name and the storage account",
        Provider::Gcp => "check the name and the project of the credentials",
    }
}

fn credentials(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        Provider::Azure => {
            "check AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING"
        }
        Provider::Gcp => "set GOOGLE_APPLICATION_CREDENTIALS to the file of a key",
    }
}

fn permission(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "allow the credentials s3:ListBucket on the bucket and s3:GetObject on its objects",
        Provider::Azure => "give the credentials the role Storage Blob Data Reader on the container",
        Provider::Gcp => "give the credentials the role roles/storage.objectViewer on the bucket",
    }
}

fn plain(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "set AWS_ALLOW_HTTP=true if that is meant",
        Provider::Azure => "set AZURE_ALLOW_HTTP=true if that is meant",
        Provider::Gcp => "set GOOGLE_ALLOW_HTTP=true if that is meant",
    }
}

fn unreachable(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "check the network, AWS_REGION and AWS_ENDPOINT_URL, then run the import again",
        Provider::Azure => {
            "check the network, the storage account and AZURE_STORAGE_ENDPOINT, then run the import again"
        }
        Provider::Gcp => "check the network, then run the import again",
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

/// All that was said, to look for words in it.
fn every_cause(error: &Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        causes.push(next.to_string());
        cause = next;
    }
    causes.join(": ")
}

/// What is at the bottom of it, in a line; the layers above repeat addresses, which can have tokens in them.
pub(super) fn last_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(" Attempted:")
        .chars()
        .take(200)
        .collect()
}
