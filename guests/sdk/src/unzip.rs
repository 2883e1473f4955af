//! The files of a zip as they arrive, one after the other, in the memory of a piece.

use crate::archive::{Archive, Found};
use crate::inflate::{Feed, Limit, MOST};
use crate::{Content, Error, Response};

/// How many files there may be where nothing else is said.
const FILES: u64 = 100_000;

/// The files of a zip that a response brings, as they arrive.
///
/// The directory of a zip is at its end. So what is in it is known only after all of its files have passed, and a file
/// that the directory does not list is told then. What was landed until then stays: with
/// [`derive`](crate::Source::derive), call `complete` after the last file, so that a zip that fails counts as new.
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use landing::{Derivation, Request, Slot, Source, Unzip};
///
/// let source = Source::own()?;
/// let request = Request::get("https://data.example/tables.zip");
/// let Some((response, derivation)) = source.derive(request).await? else { return Ok(()) };
/// let mut zip = Unzip::of(response).at_most(1_000, 4 << 30);
/// while let Some(name) = zip.next_file().await? {
///     if name.ends_with(".csv") {
///         derivation.land_made(Slot::new("csv"), async |content| zip.write_to(content).await).await?;
///     }
/// }
/// Derivation::complete(derivation).await;
/// # Ok(())
/// # }
/// ```
pub struct Unzip {
    feed: Feed,
    archive: Archive,
    /// Whether a file goes on.
    open: bool,
}

impl Unzip {
    /// The files of this response. More than 100,000 of them, or than 64 GiB in all, are an error.
    pub fn of(response: Response) -> Self {
        Self { feed: Feed::of(response), archive: Archive::new(FILES, Limit::new(MOST)), open: false }
    }

    /// The same, but more than so many files, or than so many unpacked bytes of all files, are an error.
    #[must_use]
    pub fn at_most(self, files: u64, bytes: u64) -> Self {
        Self { archive: Archive::new(files, Limit::new(bytes)), ..self }
    }

    /// The name of the next file, as the zip has it; none behind the last. What is left of the file before is passed over.
    /// The name of a folder ends in `/`. A name may be anything: it is no path to be trusted.
    pub async fn next_file(&mut self) -> Result<Option<String>, Error> {
        loop {
            self.open = false;
            match self.feed.next(&mut self.archive).await? {
                Some(Found::File(name)) => {
                    self.open = true;
                    return Ok(Some(name));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next piece of that file, at most 64 KiB; none at its end. What is damaged, cut off, encrypted or packed in
    /// another way than by deflate is an error.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if !self.open {
            return Ok(None);
        }
        match self.feed.next(&mut self.archive).await? {
            Some(Found::Piece(piece)) => Ok(Some(piece)),
            _ => {
                self.open = false;
                Ok(None)
            }
        }
    }

    /// Write the rest of that file to content that is being made.
    pub async fn write_to(&mut self, content: &mut Content) -> Result<(), Error> {
        while let Some(piece) = self.next().await? {
            content.write(piece).await?;
        }
        Ok(())
    }
}
