//! From the settings that each cloud's own tools have in the environment to an open bucket.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_costexplorer::config::ProvideCredentials;
use domain::Provider;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::error::last_cause;
use super::{Bucket, BucketError, Location};

/// Retries of one request: server errors, dropped connections, timeouts.
const RETRIES: usize = 5;
/// No retry is made this long after the first try.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// Where an emulator of Google Cloud Storage listens.
const GCS_EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// Account, key and address of an Azure storage account in one.
const AZURE_CONNECTION: &str = "AZURE_STORAGE_CONNECTION_STRING";
/// Names of Azure's command line, beside those that the client knows.
const AZURE_NAMES: [(&str, AzureConfigKey); 2] = [
    ("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName),
    ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey),
];
/// Variables that choose where credentials of AWS come from. Without one of them, profiles and the machine are asked.
const AWS_CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

/// Variables of the environment by name: those for which [`reads`] is true.
pub type Environment = BTreeMap<String, String>;

/// Whether a variable of the environment can say something about buckets.
pub fn reads(variable: &str) -> bool {
    ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|start| variable.starts_with(start)) || variable == GCS_EMULATOR
}

impl Bucket {
    /// Opens the bucket of `location`. Nothing is asked yet, except for credentials of AWS.
    ///
    /// # Errors
    /// [`BucketError::Access`]: settings contradict each other, or there are no credentials.
    pub async fn open(location: Location, environment: &Environment) -> Result<Self, BucketError> {
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let store = match location.provider {
            Provider::Aws => aws(&location, environment, retry).await?,
            Provider::Azure => azure(&location, environment, retry)?,
            Provider::Gcp => google(&location, environment, retry)?,
        };
        Ok(Self { store, location })
    }
}

async fn aws(
    location: &Location,
    environment: &Environment,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, BucketError> {
    let builder = AmazonS3Builder::new().with_retry(retry);
    let set = |builder: AmazonS3Builder, key: AmazonS3ConfigKey, value: &str| builder.with_config(key, value);
    let mut builder = configured(builder, environment, "AWS_", set);
    let has = |name: &&str| environment.contains_key(*name);
    if !AWS_CREDENTIALS.iter().any(has) {
        // Profiles and the machine's own role, as for Cost Explorer.
        let shared = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let missing = |reason: String| BucketError::Access {
            place: location.to_string(),
            reason: format!("no AWS credentials were found ({reason})"),
            next_step: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a \
                public bucket",
        };
        let provider =
            shared.credentials_provider().ok_or_else(|| missing("none are configured".to_owned()))?;
        let found = provider.provide_credentials().await.map_err(|error| missing(last_cause(&error)))?;
        builder = builder
            .with_access_key_id(found.access_key_id())
            .with_secret_access_key(found.secret_access_key());
        if let Some(token) = found.session_token() {
            builder = builder.with_token(token);
        }
        if let Some(region) = shared.region()
            && !["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(has)
        {
            builder = builder.with_region(region.as_ref());
        }
    }
    let built = builder.with_bucket_name(&location.bucket).build();
    Ok(Arc::new(
        built.map_err(|error| settings(location, &error, "check the variables that begin with AWS_"))?,
    ))
}

fn azure(
    location: &Location,
    environment: &Environment,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, BucketError> {
    let builder = MicrosoftAzureBuilder::new().with_retry(retry);
    let set =
        |builder: MicrosoftAzureBuilder, key: AzureConfigKey, value: &str| builder.with_config(key, value);
    let mut builder = configured(builder, environment, "AZURE_", set);
    for (name, key) in AZURE_NAMES {
        if let Some(value) = environment.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    for (name, value) in environment.get(AZURE_CONNECTION).into_iter().flat_map(|text| parts(text)) {
        let key = match name {
            "AccountName" => AzureConfigKey::AccountName,
            "AccountKey" => AzureConfigKey::AccessKey,
            "BlobEndpoint" => AzureConfigKey::Endpoint,
            "SharedAccessSignature" => AzureConfigKey::SasKey,
            _ => continue,
        };
        builder = builder.with_config(key, value);
    }
    if let Some(account) = &location.account {
        builder = builder.with_account(account);
    }
    let built = builder.with_container_name(&location.bucket).build();
    let next_step = "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN, or \
        AZURE_STORAGE_CONNECTION_STRING";
    Ok(Arc::new(built.map_err(|error| settings(location, &error, next_step))?))
}

/// `name=value` pairs of a connection string; values may have `=` in them.
fn parts(connection: &str) -> impl Iterator<Item = (&str, &str)> {
    connection.split(';').filter_map(|part| part.trim().split_once('='))
}

fn google(
    location: &Location,
    environment: &Environment,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, BucketError> {
    let builder = GoogleCloudStorageBuilder::new().with_retry(retry);
    let set = |builder: GoogleCloudStorageBuilder, key: GoogleConfigKey, value: &str| {
        builder.with_config(key, value)
    };
    let mut builder = configured(builder, environment, "GOOGLE_", set);
    if let Some(host) = environment.get(GCS_EMULATOR) {
        let url = if super::is_url(host) { host.clone() } else { format!("http://{host}") };
        builder = builder
            .with_base_url(url.trim_end_matches('/'))
            .with_skip_signature(true)
            .with_config(GoogleConfigKey::Client(ClientConfigKey::AllowHttp), "true");
    }
    let built = builder.with_bucket_name(&location.bucket).build();
    let next_step = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a key";
    Ok(Arc::new(built.map_err(|error| settings(location, &error, next_step))?))
}

/// Hands a builder every variable with this start that its client knows.
fn configured<B, K: FromStr>(
    builder: B,
    environment: &Environment,
    start: &str,
    set: impl Fn(B, K, &str) -> B,
) -> B {
    let known = environment
        .iter()
        .filter(|(name, _)| name.starts_with(start))
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)));
    known.fold(builder, |builder, (key, value)| set(builder, key, value))
}

fn settings(location: &Location, error: &object_store::Error, next_step: &'static str) -> BucketError {
    let reason = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        _ => error.to_string(),
    };
    BucketError::Access { place: location.to_string(), reason, next_step }
}
