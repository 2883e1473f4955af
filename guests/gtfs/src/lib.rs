//! Lands each table of a GTFS schedule as CSV: one zip, unpacked and split. <https://gtfs.org/documentation/schedule/reference/>

use landing::zone::Derivation;
use landing::{Context, Error, Extractor, Request, Slot, Source, Unzip, params};

/// A zip without these tables is no schedule.
const REQUIRED: [&str; 5] = ["agency", "routes", "stop_times", "stops", "trips"];
/// These land where they are there.
const OPTIONAL: [&str; 6] = ["calendar", "calendar_dates", "feed_info", "frequencies", "shapes", "transfers"];

struct Gtfs;

impl Extractor for Gtfs {
    async fn extract() -> Result<(), Error> {
        let url = params::required("url")?;
        let source = Source::own()?;
        let Some((response, derivation)) = source.derive(Request::get(&url)).await.context(&url)? else {
            landing::info!("the schedule is unchanged");
            return Ok(());
        };

        // The zip is unpacked as it arrives, so neither it nor a table has to fit into the memory of the run.
        let mut zip = Unzip::of(response);
        let mut found = Vec::new();
        while let Some(path) = zip.next_file().await.context(&url)? {
            let Some(table) = table(&path) else { continue };
            if found.contains(&table) {
                return Err(Error::new(format_args!("{url}: there are two {table}.txt in it")));
            }
            let slot = Slot::new(&extension(table));
            let receipt = derivation.land_made(slot, async |content| zip.write_to(content).await).await.context(&path)?;
            landing::info!("{} holds {path}", receipt.path);
            found.push(table);
        }
        if let Some(lost) = REQUIRED.into_iter().find(|table| !found.contains(table)) {
            return Err(Error::new(format_args!("{url}: there is no {lost}.txt in it")));
        }
        // From now on the zip counts as unchanged, as long as these files are there.
        Derivation::complete(derivation).await;
        Ok(())
    }
}

landing::export!(Gtfs);

/// The table that a file of the zip is, where it is one. Some feeds have them all in a folder.
fn table(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next()?.strip_suffix(".txt")?;
    REQUIRED.into_iter().chain(OPTIONAL).find(|table| *table == name)
}

/// What tells the files of a table from those of the others: `stoptimes.csv`. An extension has no `_`.
fn extension(name: &str) -> String {
    format!("{}.csv", name.replace('_', ""))
}
