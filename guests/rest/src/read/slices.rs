//! One slice: its pages land as they came, or its records as one file.

use std::cmp::Ordering;

use expressions::{Value, json};
use landing::{Date, Error, Slot, Source};

use super::page::Page;
use super::partitions::Partition;
use super::track::{Interval, Point, Track};
use super::windows::Windows;
use super::{Reading, decode};
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
    pub(crate) async fn land(mut self, mut pages: Windows<'_>, interval: &Interval) -> Result<Option<Point>, Error> {
        let source = Source::open(&self.stream.source)?;
        let date = interval.day.and_then(|(year, month, day)| {
            Date::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
        });
        let slot = |extension: &str| Slot { extension: extension.to_owned(), date };
        if self.reading.records {
            self.land_records(&source, slot("jsonl"), &mut pages).await?;
        } else {
            let decoder = &self.stream.retriever.decoder;
            while let Some(page) = self.next(&mut pages).await? {
                for answer in page.answers {
                    let body = decode::landed(decoder, answer.body).map_err(Error::new)?;
                    source.land_bytes(body, slot(decoder.extension())).await?;
                }
            }
        }
        Ok(self.newest)
    }

    /// All records of the slice as one file; none where there are no records.
    async fn land_records(&mut self, source: &Source, slot: Slot, pages: &mut Windows<'_>) -> Result<(), Error> {
        let mut first = Vec::new();
        while first.is_empty() {
            let Some(page) = self.next(pages).await? else { return Ok(()) };
            lines(page, &mut first)?;
        }
        let landed = source.land_made(slot, async |content| {
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
