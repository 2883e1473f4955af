//! The pages of a slice. Where the server takes less at once they are begun again, or the slice is read in halves.

use landing::Error;

use super::page::{Copying, Next, Page};
use super::pages::Pages;
use super::partitions::Partition;
use super::track::{Interval, Point, Track};
use super::{Reading, plain};
use crate::plan::Stream;

/// How often a slice is halved at most.
const MAX_DEPTH: u32 = 10;

/// The pages of a slice.
pub(crate) struct Windows<'a> {
    reading: &'a Reading,
    stream: &'a Stream,
    track: Option<&'a Track<'a>>,
    partition: &'a Partition,
    /// What is read: the slice, or a part of it.
    window: Interval,
    /// How often the slice was halved for it.
    depth: u32,
    /// The parts that come after it, the next one last.
    rest: Vec<(Interval, u32)>,
    /// Where its pages begin, after they were begun again.
    current: Interval,
    pages: Pages<'a>,
    /// The newest record's point, and the records since the pages began.
    newest: Option<Point>,
    count: u64,
    /// How often they were begun at the same place.
    repeated: u32,
    copying: Option<Copying>,
}

impl<'a> Windows<'a> {
    pub(crate) fn of(
        reading: &'a Reading,
        stream: &'a Stream,
        track: Option<&'a Track<'a>>,
        partition: &'a Partition,
        interval: &Interval,
    ) -> Result<Self, Error> {
        Ok(Self {
            reading,
            stream,
            track,
            partition,
            window: interval.clone(),
            depth: 0,
            rest: Vec::new(),
            current: interval.clone(),
            pages: reading.pages(stream, track, partition, interval)?,
            newest: None,
            count: 0,
            repeated: 0,
            copying: None,
        })
    }

    /// The same with the records as text, wherever they land as they are.
    pub(crate) fn copying(mut self) -> Self {
        let is_free = self.track.is_none_or(|track| !track.is_data_feed() && !track.is_client_side());
        let path = plain::path(&self.stream.retriever, &self.reading.world).filter(|_| is_free);
        self.copying = path.map(|path| Copying { path, member: self.track.map(|track| track.field().into()) });
        self.pages = self.pages.copying(self.copying.clone());
        self
    }

    /// The same once for each of what a job has to download.
    pub(crate) fn for_each(self, downloads: Vec<expressions::Map>) -> Self {
        Self { pages: self.pages.for_each(downloads), ..self }
    }

    /// The next page; none after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Error> {
        loop {
            if self.stream.retriever.turns.reset.limit.is_some_and(|limit| self.count >= limit) {
                self.reset()?;
            }
            match self.pages.next().await? {
                Next::Page(page) => {
                    self.observe(&page);
                    return Ok(Some(page));
                }
                Next::Reset => self.reset()?,
                Next::Split(said) => self.split(&said)?,
                Next::End => match self.rest.pop() {
                    Some((window, depth)) => self.begin(window, depth)?,
                    None => return Ok(None),
                },
            }
        }
    }

    /// End with the page that came last.
    pub(crate) fn end(&mut self) {
        self.pages.end();
    }

    fn observe(&mut self, page: &Page) {
        let turns = &self.stream.retriever.turns;
        self.count += page.count() as u64;
        if let Some(track) = self.track.filter(|_| turns.reset.by_cursor) {
            self.newest = page.points(track).fold(self.newest, Point::newest);
        }
    }

    fn begin(&mut self, window: Interval, depth: u32) -> Result<(), Error> {
        (self.window, self.depth) = (window.clone(), depth);
        (self.newest, self.count, self.repeated) = (None, 0, 0);
        self.go(window)
    }

    fn go(&mut self, interval: Interval) -> Result<(), Error> {
        let pages = self.reading.pages(self.stream, self.track, self.partition, &interval)?;
        self.pages = pages.copying(self.copying.clone());
        self.current = interval;
        Ok(())
    }

    /// Read the pages from the first one on: of what is newer than the newest record, or all of them once more.
    fn reset(&mut self) -> Result<(), Error> {
        let track = self.track.filter(|_| self.stream.retriever.turns.reset.by_cursor);
        let next = match (track, self.newest) {
            (Some(track), Some(newest)) => track.onward(&self.window, newest),
            (Some(_), None) => self.window.clone(),
            (None, _) => self.current.clone(),
        };
        if next.members == self.current.members {
            self.repeated += 1;
            if self.repeated >= if track.is_some() { 1 } else { 2 } {
                let reason = match track {
                    Some(_) => "its pages are to be read again, and no record is newer than the one that they began at",
                    None => "its pages are to be read again, after they were begun again before",
                };
                return Err(Error::new(reason));
            }
        } else {
            self.repeated = 0;
        }
        self.count = 0;
        self.go(next)
    }

    fn split(&mut self, said: &str) -> Result<(), Error> {
        let splitting = self.stream.retriever.turns.splitting.as_ref();
        let (Some(splitting), Some(track)) = (splitting, self.track) else {
            return Err(Error::new(format_args!("{said}; and there is no slice to be read in halves")));
        };
        let gave_up = |reason: &str| {
            let message = &splitting.message;
            let space = if message.is_empty() { "" } else { ". " };
            Error::new(format_args!("{said}; the slice {reason}{space}{message}"))
        };
        if self.depth >= MAX_DEPTH {
            return Err(gave_up(&format!("was halved {MAX_DEPTH} times, and no more is done")));
        }
        let halves = track.halves(&self.current, splitting.least.as_ref());
        let [first, second] = halves.ok_or_else(|| gave_up("is too short to be halved"))?;
        self.rest.push((second, self.depth + 1));
        self.begin(first, self.depth + 1)
    }
}
