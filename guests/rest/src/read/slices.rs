//! One slice: its pages land as they came, or its records as one file.
//!
//! A slice without a cursor is all that there is of its partition, so that what it brings takes the place of what it brought
//! before. What a cursor brings is added to what is there.

use std::cmp::Ordering;

use expressions::{Value, json};
use landing::{Content, Date, Derivation, Error, Receipt, Slot, Source};

use super::page::Page;
use super::partitions::Partition;
use super::track::{Interval, Point, Track};
use super::windows::Windows;
use super::{Reading, decode, kept};
use crate::plan::Stream;

/// How many bytes of records are passed on at once.
const PIECE: usize = 64 * 1024;

/// A slice as expressions see it: all of its values by name, and its parts.
pub(crate) fn seen(partition: &Partition, interval: &Interval) -> Value {
    let mut slice = partition.values.clone();
    slice.extend(interval.members.iter().map(|(name, value)| (name.clone(), value.clone())));
    for (name, part) in
        [("partition", &partition.values), ("cursor_slice", &interval.members), ("extra_fields", &partition.extra)]
    {
        slice.entry(name.into()).or_insert_with(|| Value::from(part.clone()));
    }
    Value::from(slice)
}

/// Where what a slice brings lands.
enum Target {
    /// Beside what is there.
    Added(Source),
    /// In the place of what the slice brought before.
    Whole(Derivation),
}

impl Target {
    async fn land_bytes(&self, content: Vec<u8>, slot: Slot) -> Result<Receipt, Error> {
        Ok(match self {
            Self::Added(source) => source.land_bytes(content, slot).await?,
            Self::Whole(made) => made.land_bytes(content, slot).await?,
        })
    }

    async fn land_made(
        &self,
        slot: Slot,
        make: impl AsyncFnOnce(&mut Content) -> Result<(), Error>,
    ) -> Result<Receipt, Error> {
        match self {
            Self::Added(source) => source.land_made(slot, make).await,
            Self::Whole(made) => made.land_made(slot, make).await,
        }
    }

    /// Say that this was all.
    async fn complete(self) {
        if let Self::Whole(made) = self {
            Derivation::complete(made).await;
        }
    }
}

/// A slice that is being read.
pub(crate) struct Slice<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) stream: &'a Stream,
    pub(crate) track: Option<&'a Track<'a>>,
    pub(crate) state: Option<Point>,
    pub(crate) newest: Option<Point>,
    /// Where the days to extract end.
    pub(crate) limit: Option<Point>,
}

impl Slice<'_> {
    /// Read all pages and land what they bring; the newest point of the records.
    pub(crate) async fn land(
        mut self,
        mut pages: Windows<'_>,
        partition: &Partition,
        interval: &Interval,
    ) -> Result<Option<Point>, Error> {
        let target = self.target(partition)?;
        let date = interval.day.and_then(|(year, month, day)| {
            Date::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
        });
        let slot = |extension: &str| Slot { extension: extension.to_owned(), date };
        if self.reading.records {
            self.land_records(&target, slot("jsonl"), &mut pages).await?;
        } else {
            let decoder = &self.stream.retriever.decoder;
            while let Some(page) = self.next(&mut pages).await? {
                for answer in page.answers {
                    let body = decode::landed(decoder, answer.body).map_err(Error::new)?;
                    target.land_bytes(body, slot(decoder.extension())).await?;
                }
            }
        }
        target.complete().await;
        Ok(self.newest)
    }

    fn target(&self, partition: &Partition) -> Result<Target, Error> {
        let source = Source::open(&self.stream.source)?;
        if self.track.is_some() {
            return Ok(Target::Added(source));
        }
        let before = self.reading.read_before(&kept::key(&self.stream.name, &partition.values));
        Ok(Target::Whole(source.make(&kept::whole(&self.stream.name, &partition.values, before))?))
    }

    /// All records of the slice as one file; none where there are no records.
    async fn land_records(&mut self, target: &Target, slot: Slot, pages: &mut Windows<'_>) -> Result<(), Error> {
        let mut first = Vec::new();
        while first.is_empty() {
            let Some(page) = self.next(pages).await? else { return Ok(()) };
            lines(page, &mut first)?;
        }
        let landed = target.land_made(slot, async |content| {
            let mut bytes = first;
            loop {
                if bytes.len() >= PIECE {
                    content.write(std::mem::take(&mut bytes)).await?;
                }
                let Some(page) = self.next(pages).await? else { break };
                lines(page, &mut bytes)?;
            }
            content.write(bytes).await?;
            Ok(())
        });
        landed.await.map(drop)
    }

    /// The next page, with the records that are to land.
    async fn next(&mut self, pages: &mut Windows<'_>) -> Result<Option<Page>, Error> {
        let Some(mut page) = pages.next().await? else { return Ok(None) };
        self.reading.saw(page.at_path);
        let Some(track) = self.track else { return Ok(Some(page)) };
        let takes = |record: &Value| track.takes(record, self.state);
        if track.is_data_feed() && page.records.last().is_some_and(|record| !takes(record)) {
            pages.end();
        }
        if track.is_data_feed() || track.is_client_side() {
            page.records.retain(takes);
        }
        for point in page.points(track) {
            match point {
                Some(point) if self.limit.is_some_and(|limit| point.compare(&limit) != Ordering::Less) => {
                    self.reading.warn(format!(
                        "{}: records that are newer than the days to extract land as well, since what it asks for has no \
                         end that the server keeps to",
                        self.stream.name
                    ));
                    self.newest = Point::newest(self.newest, Some(point));
                }
                Some(point) => self.newest = Point::newest(self.newest, Some(point)),
                None => self.reading.warn(format!(
                    "{}: a record has no `{}` that can be read, so that it moves no cursor",
                    self.stream.name,
                    track.field()
                )),
            }
        }
        Ok(Some(page))
    }
}

fn lines(page: Page, bytes: &mut Vec<u8>) -> Result<(), Error> {
    match page.copied {
        Some(copied) if bytes.is_empty() => *bytes = copied.lines,
        Some(copied) => bytes.extend(copied.lines),
        None => {}
    }
    for record in page.records {
        json::write(&record, bytes).map_err(|error| Error::new(error.to_string()))?;
        bytes.push(b'\n');
    }
    Ok(())
}
