//! Lands each table of a GTFS schedule as CSV: one zip, unpacked and split. <https://gtfs.org/documentation/schedule/reference/>

use std::io::{Cursor, Read};

use landing::zone::Derivation;
use landing::{Context, Error, Extractor, Request, Slot, Source, params};
use zip::ZipArchive;

/// How much of a table is unpacked at a time: a whole one may not fit into the memory of the run.
const PIECE: u64 = 256 * 1024;
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
        let bytes = response.into_bytes().await.context(&url)?;
        let mut zip = ZipArchive::new(Cursor::new(bytes)).context(format_args!("{url} is no zip"))?;

        // The directory of a zip is at its end, so what is missing is known before anything lands.
        let paths: Vec<String> = zip.file_names().map(str::to_owned).collect();
        let tables = tables(&paths).context(&url)?;
        for (name, path) in &tables {
            let slot = Slot::new(&extension(name));
            let landed = derivation.land_made(slot, async |content| {
                let mut file = zip.by_name(path)?;
                loop {
                    let mut piece = Vec::new();
                    file.by_ref().take(PIECE).read_to_end(&mut piece)?;
                    if piece.is_empty() {
                        return Ok(());
                    }
                    content.write(piece).await?;
                }
            });
            let receipt = landed.await.context(path)?;
            landing::info!("{} holds {path}", receipt.path);
        }
        // From now on the zip counts as unchanged, as long as these files are there.
        Derivation::complete(derivation).await;
        Ok(())
    }
}

landing::export!(Gtfs);

/// Each table that is there, with its path in the zip. Some feeds have them all in a folder.
fn tables(paths: &[String]) -> Result<Vec<(&'static str, &str)>, Error> {
    let mut found = Vec::new();
    for name in REQUIRED.into_iter().chain(OPTIONAL) {
        let file = format!("{name}.txt");
        match paths.iter().find(|path| path.rsplit('/').next() == Some(&file)) {
            Some(path) => found.push((name, path.as_str())),
            None if REQUIRED.contains(&name) => return Err(Error::new(format_args!("there is no {file} in it"))),
            None => {}
        }
    }
    Ok(found)
}

/// What tells the files of a table from those of the others: `stoptimes.csv`. An extension has no `_`.
fn extension(name: &str) -> String {
    format!("{}.csv", name.replace('_', ""))
}
