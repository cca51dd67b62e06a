//! The company as files in the product's own input formats.

mod focus;
mod tables;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use domain::{BillingMonth, Charge, Provider};
use flate2::{Compression, GzBuilder};

pub use self::focus::focus;
pub use self::tables::{catalog, commitments, demand, events, inventory, metrics, prices, usage};
use crate::Company;
use crate::charges::provider_of;

/// Writes every file of the company into `dir` (created when absent) and returns their paths in the
/// order in which they should be ingested: `billing-focus-<provider>-<YYYY-MM>.csv.gz` per provider and month,
/// then `inventory.csv`, `metrics.csv.gz`, `usage.csv.gz`, `demand.csv.gz`, `commitments.csv`, `events.csv`,
/// `prices.csv` and `catalog.csv`. The same company gives the same bytes.
///
/// # Errors
/// Any error of the file system.
pub fn write(company: &Company, dir: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir)?;
    let mut paths = Vec::new();
    for provider in Provider::ALL {
        let mut month = BillingMonth::of(company.history.start);
        while month.period().start < company.history.end {
            let inside = |charge: &&Charge| {
                provider_of(charge) == Some(provider) && BillingMonth::of(charge.charge_period_start) == month
            };
            let path = dir.join(format!("billing-focus-{provider}-{month}.csv.gz"));
            compressed(&path, |out| focus(company.charges.iter().filter(inside), out))?;
            paths.push(path);
            month = month.next();
        }
    }
    let mut file = |name: &str, body: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let path = dir.join(name);
        if name.ends_with(".gz") {
            compressed(&path, body)?;
        } else {
            let mut out = BufWriter::new(File::create(&path)?);
            body(&mut out)?;
            out.flush()?;
        }
        paths.push(path);
        io::Result::Ok(())
    };
    file("inventory.csv", &|out| inventory(&company.resources, out))?;
    file("metrics.csv.gz", &|out| metrics(&company.metrics, out))?;
    file("usage.csv.gz", &|out| usage(&company.usage, out))?;
    file("demand.csv.gz", &|out| demand(&company.demand, out))?;
    file("commitments.csv", &|out| commitments(&company.commitments, out))?;
    file("events.csv", &|out| events(&company.events, out))?;
    file("prices.csv", &|out| prices(&company.prices.quotes, out))?;
    file("catalog.csv", &|out| catalog(&company.prices.shapes, out))?;
    Ok(paths)
}

/// Writes a gzip file without name and time, so that the same body gives the same bytes.
fn compressed(path: &Path, body: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let out = BufWriter::new(File::create(path)?);
    let mut gzip = GzBuilder::new().mtime(0).write(out, Compression::fast());
    body(&mut gzip)?;
    gzip.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;
    use rust_decimal::Decimal;
    use sha2::{Digest, Sha256};

    use chrono::{DateTime, Utc};

    use super::*;

    fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
        let mut body = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut body).unwrap();
        csv::Reader::from_reader(body.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn files_are_the_same_bytes_every_time_and_hold_the_whole_company() {
        let mut company = crate::company();
        // enough of everything: unoptimized compression is slow
        let recent: DateTime<Utc> = "2026-09-15T00:00:00Z".parse().unwrap();
        company.charges.retain(|charge| charge.charge_period_start >= recent);
        company.metrics.truncate(20_000);
        company.usage.truncate(20_000);
        let digests = || {
            let dir = tempfile::tempdir().unwrap();
            let paths = write(&company, dir.path()).unwrap();
            let digest = |path: &PathBuf| Sha256::digest(std::fs::read(path).unwrap()).to_vec();
            let digests: Vec<_> = paths.iter().map(digest).collect();
            (dir, paths, digests)
        };
        let (_dir, paths, first) = digests();
        assert_eq!(first, digests().2);
        assert_eq!(paths.len(), 3 * 14 + 8);

        let (mut rows, mut billed, mut effective) = (0, Decimal::ZERO, Decimal::ZERO);
        for path in paths.iter().filter(|path| path.to_string_lossy().contains("billing-focus")) {
            for row in table(path) {
                rows += 1;
                billed += row["BilledCost"].parse::<Decimal>().unwrap();
                effective += row["EffectiveCost"].parse::<Decimal>().unwrap();
                assert!(row["ChargePeriodStart"] < row["ChargePeriodEnd"]);
            }
        }
        assert_eq!(rows, company.charges.len());
        assert_eq!(billed, company.charges.iter().map(|charge| charge.billed_cost).sum());
        assert_eq!(effective, company.charges.iter().map(|charge| charge.effective_cost).sum());
    }
}
