//! On a store in memory, and on settings that never reach a network.

use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;

async fn bucket(url: &str, objects: &[(&str, &[u8])]) -> Bucket {
    let store = InMemory::new();
    for (key, bytes) in objects {
        store.put(&Path::parse(key).unwrap(), bytes.to_vec().into()).await.unwrap();
    }
    Bucket { store: Arc::new(store), location: Location::parse(url).unwrap() }
}

fn urls(listing: &Listing) -> Vec<&str> {
    listing.objects.iter().map(|object| object.url.as_str()).collect()
}

const EXPORT: [(&str, &[u8]); 9] = [
    ("focus/data/2026-02/part-2.csv", b"two"),
    ("focus/data/2026-02/part-1.csv", b"one"),
    ("focus/data/2026-01/part-1.csv", b"zero"),
    ("focus/data/2026-01", b""),
    ("focus/data/2026-01/empty.csv", b""),
    ("focus/metadata/2026-01/focus-Manifest.json", b"{}"),
    ("focus/data/_SUCCESS", b"x"),
    ("focus/data/.tmp/part-1.csv", b"x"),
    ("focus-old/part-1.csv", b"old"),
];

#[tokio::test]
async fn a_folder_is_every_object_below_it_in_order_without_markers() {
    for url in ["s3://bills/focus", "s3://bills/focus/"] {
        let listing = bucket(url, &EXPORT).await.list().await.unwrap();
        assert_eq!(
            urls(&listing),
            [
                "s3://bills/focus/data/2026-01/empty.csv",
                "s3://bills/focus/data/2026-01/part-1.csv",
                "s3://bills/focus/data/2026-02/part-1.csv",
                "s3://bills/focus/data/2026-02/part-2.csv",
            ]
        );
        assert_eq!(listing.left_out, 4);
        assert_eq!(listing.objects[1].size_bytes, 4);
    }
    let whole = bucket("gs://bills", &EXPORT).await.list().await.unwrap();
    assert_eq!((whole.objects.len(), whole.left_out), (5, 4));
    assert_eq!(whole.objects[0].url, "gs://bills/focus-old/part-1.csv");
}

#[tokio::test]
async fn an_object_is_itself_whatever_it_is_called() {
    let listing = bucket("az://bills/focus/data/_SUCCESS", &EXPORT).await.list().await.unwrap();
    assert_eq!(urls(&listing), ["az://bills/focus/data/_SUCCESS"]);
}

#[tokio::test]
async fn a_folder_without_data_is_refused_and_says_what_is_in_it() {
    for (url, left_out) in [("s3://bills/focus/metadata/", "1 hidden"), ("s3://bills/nothing", "0 hidden")] {
        let error = bucket(url, &EXPORT).await.list().await.unwrap_err().to_string();
        assert!(error.starts_with(url) && error.contains(left_out), "{error}");
    }
}

#[tokio::test]
async fn an_object_is_copied_in_parts_with_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..40_000_000_u32).map(|n| (n % 251) as u8).collect();
    let bucket = bucket("s3://bills/large.csv", &[("large.csv", &large)]).await;
    let object = &bucket.list().await.unwrap().objects[0];
    let to = folder.path().join("copy");
    let (mut told, mut most) = (0, 0);
    let checksum = bucket
        .fetch(object, &to, &mut |bytes| {
            told += bytes;
            most = most.max(bytes);
        })
        .await
        .unwrap();
    assert!(std::fs::read(&to).unwrap() == large);
    assert_eq!((told, most), (40_000_000, 16 << 20));
    // as sha256sum says of the same bytes
    assert_eq!(checksum, "dac69476f7b4ecc0443303289a56a4f0157da251cba67b8bf6630a2041849e5a");
}

#[tokio::test]
async fn an_object_that_changed_since_it_was_listed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = bucket("s3://bills/jan.csv", &[("jan.csv", b"old")]).await;
    let object = bucket.list().await.unwrap().objects.remove(0);
    bucket.store.put(&object.key, "new".into()).await.unwrap();
    let error = bucket.fetch(&object, &folder.path().join("copy"), &mut |_| ()).await.unwrap_err();
    assert!(matches!(error, BucketError::Changed { .. }), "{error}");

    bucket.store.delete(&object.key).await.unwrap();
    let error = bucket.fetch(&object, &folder.path().join("copy"), &mut |_| ()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "s3://bills/jan.csv: the object changed while it was read; run the import again when the export has ended"
    );
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_is_named() {
    let bucket = bucket("s3://bills/jan.csv", &[("jan.csv", b"old")]).await;
    let object = bucket.list().await.unwrap().objects.remove(0);
    let error = bucket.fetch(&object, "/nowhere/at/all".as_ref(), &mut |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all") && error.contains("space left"), "{error}");
}

async fn open(url: &str, environment: &[(&str, &str)]) -> Result<Bucket, BucketError> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Bucket::open(Location::parse(url).unwrap(), &environment.collect()).await
}

/// No message of ours has a credential in it, whatever a cloud or a client says.
#[tokio::test]
async fn messages_name_variables_and_no_secret() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIACANARY"), ("AWS_SECRET_ACCESS_KEY", "canary/secret")];
    // Nothing listens on port 1.
    let closed = [keys[0], keys[1], ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let plain = open("s3://bills/", &closed).await.unwrap().list().await.unwrap_err().to_string();
    assert!(plain.contains("AWS_ALLOW_HTTP"), "{plain}");

    let half = open("s3://bills/", &keys[..1]).await.unwrap_err().to_string();
    assert!(half.contains("variables that begin with AWS_"), "{half}");

    let account = open("az://bills/", &[]).await.unwrap_err().to_string();
    assert!(account.contains("AZURE_STORAGE_ACCOUNT"), "{account}");

    let file = open("gs://bills/", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")]).await;
    let file = file.unwrap_err().to_string();
    assert!(file.contains("/nowhere.json"), "{file}");

    for message in [plain, half, account, file] {
        assert!(!message.contains("CANARY") && !message.contains("canary"), "{message}");
    }
}

#[tokio::test]
async fn azure_is_opened_by_the_names_of_its_own_tools() {
    for key in ["a2V5PT0=", "no Base64"] {
        let connection = format!("DefaultEndpointsProtocol=https;AccountName=acct1;AccountKey={key}");
        for environment in [
            &[("AZURE_STORAGE_CONNECTION_STRING", connection.as_str())][..],
            &[("AZURE_STORAGE_ACCOUNT", "acct1"), ("AZURE_STORAGE_KEY", key)],
            &[("AZURE_STORAGE_ACCOUNT_NAME", "acct1"), ("AZURE_STORAGE_ACCOUNT_KEY", key)],
        ] {
            match open("az://bills/", environment).await {
                Ok(bucket) => assert!(bucket.store.to_string().contains("acct1"), "{}", bucket.store),
                // The key is looked at: what is no key is refused.
                Err(error) => assert!(key == "no Base64", "{error}"),
            }
        }
    }
    let by_url = open("https://acct2.blob.core.windows.net/bills/", &[]).await.unwrap();
    assert!(by_url.store.to_string().contains("acct2"), "{}", by_url.store);
}
