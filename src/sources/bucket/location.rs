//! URLs of objects and folders.

use domain::Provider;
use object_store::path::Path;

use super::BucketError;

/// What a URL of Azure's own form ends its host with.
const AZURE_HOST: &str = ".blob.core.windows.net";
/// The forms, for messages.
const FORMS: &str = "s3://bucket/folder/, gs://bucket/folder/, az://container/folder/ or \
    https://account.blob.core.windows.net/container/folder/";

/// Whether this is a URL rather than a path of this machine.
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// An object, or a folder with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub(super) provider: Provider,
    /// Azure's storage account, where the URL names it.
    pub(super) account: Option<String>,
    /// Bucket or container.
    pub(super) bucket: String,
    /// Key of the object or folder; empty for the whole bucket.
    pub(super) key: Path,
    /// The URL ends in `/`: only a folder is meant.
    pub(super) folder: bool,
    /// The URL up to the key.
    root: String,
}

impl Location {
    /// Takes a URL apart. Names go into the address of a request, so only names that the clouds allow are taken.
    ///
    /// # Errors
    /// [`BucketError::Url`].
    pub fn parse(url: &str) -> Result<Self, BucketError> {
        let refuse = |reason: String| BucketError::Url { url: without_secrets(url), reason };
        let unknown = || refuse(format!("expected {FORMS}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
        let (provider, account, rest) = match scheme {
            "s3" => (Provider::Aws, None, rest),
            "gs" => (Provider::Gcp, None, rest),
            "az" => (Provider::Azure, None, rest),
            "https" => {
                let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let account = host.strip_suffix(AZURE_HOST).ok_or_else(unknown)?;
                if !is_name(account, 24) || !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(refuse(
                        "its host does not begin with the name of a storage account".to_owned(),
                    ));
                }
                if rest.contains(['?', '#']) {
                    let reason =
                        "what stands behind ? or # is not read: set AZURE_STORAGE_SAS_TOKEN to a SAS token";
                    return Err(refuse(reason.to_owned()));
                }
                (Provider::Azure, Some(account.to_owned()), rest)
            }
            _ => return Err(unknown()),
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_name(bucket, 222) {
            return Err(refuse(format!("it has no name of a bucket or container; expected {FORMS}")));
        }
        // Only web addresses write keys with percent signs; the others have them as they are.
        let parsed = if account.is_some() { Path::from_url_path(key) } else { Path::parse(key) };
        Ok(Self {
            provider,
            bucket: bucket.to_owned(),
            key: parsed.map_err(|error| refuse(error.to_string()))?,
            folder: key.is_empty() || key.ends_with('/'),
            root: match &account {
                Some(account) => format!("https://{account}{AZURE_HOST}/{bucket}/"),
                None => format!("{scheme}://{bucket}/"),
            },
            account,
        })
    }

    /// The URL of a key of the same bucket.
    pub(super) fn url(&self, key: &Path) -> String {
        format!("{}{key}", self.root)
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.folder && !self.key.is_root() { "/" } else { "" };
        write!(f, "{}{}{end}", self.root, self.key)
    }
}

/// A URL that can be shown: without user, password, and what stands behind a question mark.
fn without_secrets(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
}

fn is_name(name: &str, longest: usize) -> bool {
    (3..=longest).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_taken_apart_and_shown_as_it_was() {
        for (url, provider, bucket, key, folder) in [
            ("s3://bills/2026/", Provider::Aws, "bills", "2026", true),
            ("s3://bills/a b%20c?d.csv", Provider::Aws, "bills", "a b%20c?d.csv", false),
            ("s3://bills/", Provider::Aws, "bills", "", true),
            ("gs://my_bills.example.org/x.csv.gz", Provider::Gcp, "my_bills.example.org", "x.csv.gz", false),
            ("az://exports/daily/", Provider::Azure, "exports", "daily", true),
            ("https://acct1.blob.core.windows.net/exports/daily/", Provider::Azure, "exports", "daily", true),
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!((location.provider, location.bucket.as_str()), (provider, bucket), "{url}");
            assert_eq!((location.key.as_ref(), location.folder), (key, folder), "{url}");
            assert_eq!(location.to_string(), url);
        }
        let encoded = Location::parse("https://acct1.blob.core.windows.net/c12/a%20b.csv").unwrap();
        assert_eq!((encoded.key.as_ref(), encoded.account.as_deref()), ("a b.csv", Some("acct1")));
        assert_eq!(Location::parse("s3://bills").unwrap().to_string(), "s3://bills/");
    }

    #[test]
    fn other_addresses_and_secrets_in_urls_are_refused() {
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "https://example.org/bucket/key",
            "https://evil.example.org#.blob.core.windows.net/c12/k",
            "https://user:pw@acct1.blob.core.windows.net/c12/k",
            "https://a.b.blob.core.windows.net/c12/k",
            "s3://user@host/key",
            "s3://bucket:80/key",
            "s3:///key",
            "s3://bucket/../other/key",
            "s3://bucket/a//b",
            "ftp://bucket/key",
            "file:///etc/passwd",
        ] {
            let error = Location::parse(url).unwrap_err().to_string();
            let (scheme, rest) = url.split_once("://").unwrap();
            let shown = format!("{scheme}://{}", rest.rsplit('@').next().unwrap());
            assert!(error.contains(&shown) && !error.contains("user"), "{error}");
        }
        let error = Location::parse("https://acct1.blob.core.windows.net/c12/k?sig=SECRET").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("AZURE_STORAGE_SAS_TOKEN") && !text.contains("SECRET"), "{text}");
    }
}
