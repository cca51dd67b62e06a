//! What an import reads: files of this machine, and objects of buckets, which are copied here first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{HumanBytes, ProgressBar};
use sources::bucket::{self, Bucket, Location, Object};

use super::incoming::Incoming;
use super::known::Known;
use crate::context::{Context, bucket_environment};
use crate::progress;

/// Files and objects in the order in which they are read.
pub(crate) struct Inputs {
    inputs: Vec<Input>,
    data_dir: PathBuf,
    incoming: Option<Incoming>,
    bar: ProgressBar,
}

enum Input {
    File(PathBuf),
    Object(Remote),
}

struct Remote {
    bucket: Arc<Bucket>,
    object: Object,
    copy: Option<Copy>,
}

/// An object on this machine.
#[derive(Clone)]
struct Copy {
    path: PathBuf,
    checksum: String,
}

/// Something to read by its path, under the name that people know it by.
pub(super) struct Readable {
    pub(super) path: PathBuf,
    pub(super) name: String,
}

impl Inputs {
    /// Looks up what the paths and URLs name: a folder is every file in it, a URL of a folder every object below it.
    pub(super) async fn find(context: &Context, paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut inputs = Vec::new();
        for path in paths {
            match path.to_str().filter(|text| bucket::is_url(text)) {
                Some(url) => inputs.extend(objects_at(url).await?),
                None => inputs.extend(files_in(path)?.into_iter().map(Input::File)),
            }
        }
        let remote = inputs.iter().map(|input| match input {
            Input::File(_) => 0,
            Input::Object(remote) => remote.object.size_bytes,
        });
        let bar = progress::bar("fetching", remote.sum());
        Ok(Self { inputs, data_dir: context.data_dir.clone(), incoming: None, bar })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Name and size of each, for people who ask first.
    pub(super) fn sizes(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let size = |input: &Input| match input {
            Input::Object(remote) => Ok((remote.object.url.clone(), remote.object.size_bytes)),
            Input::File(path) => {
                let name = path.display().to_string();
                let found = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
                Ok((name, found.len()))
            }
        };
        self.inputs.iter().map(size).collect()
    }

    /// Key, checksum and size of each, as the manifest of imports has them. Objects whose checksum is not known from the
    /// last import of `source` are copied here for it.
    pub(super) async fn manifest(&mut self, source: &str) -> anyhow::Result<Vec<store::load::Object>> {
        let mut known = Known::load(&self.data_dir, source);
        let mut manifest = Vec::with_capacity(self.inputs.len());
        for index in 0..self.inputs.len() {
            let object = match &self.inputs[index] {
                Input::File(path) => {
                    manifest.push(file_object(path)?);
                    continue;
                }
                Input::Object(remote) => remote.object.clone(),
            };
            let checksum = match known.checksum(&object) {
                Some(checksum) => checksum,
                None => self.copy(index).await?.checksum,
            };
            known.learn(&object, &checksum);
            manifest.push(store::load::Object { key: object.url, checksum, size_bytes: object.size_bytes });
        }
        known.save();
        Ok(manifest)
    }

    /// Gets the `index`-th ready to be read.
    pub(super) async fn open(&mut self, index: usize) -> anyhow::Result<Readable> {
        let name = match &self.inputs[index] {
            Input::File(path) => {
                return Ok(Readable { path: path.clone(), name: path.display().to_string() });
            }
            Input::Object(remote) => remote.object.url.clone(),
        };
        Ok(Readable { path: self.copy(index).await?.path, name })
    }

    /// Removes the copy of the `index`-th: it has been read.
    pub(super) fn close(&mut self, index: usize) {
        if let Input::Object(remote) = &mut self.inputs[index]
            && let Some(done) = remote.copy.take()
        {
            // The folder goes at the end anyway.
            let _ = std::fs::remove_file(done.path);
        }
    }

    /// The copy of an object, made when it is not there yet.
    async fn copy(&mut self, index: usize) -> anyhow::Result<Copy> {
        let Input::Object(remote) = &mut self.inputs[index] else { anyhow::bail!("a file is no object") };
        if let Some(copy) = &remote.copy {
            return Ok(copy.clone());
        }
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            none => none.insert(Incoming::new(&self.data_dir)?),
        };
        let path = incoming.path(index, &remote.object.url);
        let checksum = remote.bucket.fetch(&remote.object, &path, &mut |bytes| self.bar.inc(bytes)).await?;
        Ok(remote.copy.insert(Copy { path, checksum }).clone())
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Readable {
    /// An error of whoever read the copy, as one about the object.
    pub(super) fn blame(&self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        let error = error.into();
        let path = self.path.display().to_string();
        if path == self.name {
            error
        } else {
            anyhow::anyhow!("{}", format!("{error:#}").replace(&path, &self.name))
        }
    }

    /// Rejects of a copy, as those of the object.
    pub(super) fn rename(&self, rejects: &mut [ingest::Reject]) {
        rejects.iter_mut().for_each(|reject| reject.place.file.clone_from(&self.name));
    }
}

async fn objects_at(url: &str) -> anyhow::Result<Vec<Input>> {
    let location = Location::parse(url)?;
    let bucket = Arc::new(Bucket::open(location, &bucket_environment()).await?);
    let listing = bucket.list().await?;
    let bytes = listing.objects.iter().map(|object| object.size_bytes).sum();
    let left_out = match listing.left_out {
        0 => String::new(),
        some => format!("; {some} hidden ones, markers and manifests left out"),
    };
    let count = listing.objects.len();
    let noun = if count == 1 { "object" } else { "objects" };
    eprintln!("{url}: {count} {noun}, {}{left_out}", HumanBytes(bytes));
    let input = |object| Input::Object(Remote { bucket: bucket.clone(), object, copy: None });
    Ok(listing.objects.into_iter().map(input).collect())
}

/// The file itself, or every file of the folder in order of name.
fn files_in(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let cannot = || format!("cannot read {}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(cannot)? {
        let file = entry.with_context(cannot)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if file.is_file() && !hidden {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        anyhow::bail!("{} holds no file", path.display());
    }
    Ok(files)
}

fn file_object(path: &Path) -> anyhow::Result<store::load::Object> {
    let (checksum, size_bytes) = ingest::checksum(path)?;
    // The same file is the same object from whatever folder the command was called.
    let key = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Ok(store::load::Object { key: key.display().to_string(), checksum, size_bytes })
}
