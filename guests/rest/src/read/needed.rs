//! What a stream needs of others: the records of its parents, and lists of properties that are fetched.

use std::rc::Rc;

use expressions::{Map, Value};
use landing::Error;

use super::jobs::Job;
use super::kept::{self, Kept};
use super::page::Next;
use super::pages::Pages;
use super::request::Options;
use super::track::{Interval, Point, Track};
use super::windows::Windows;
use super::{Reading, partitions, slices};
use crate::plan::{PropertyList, Retriever, Stream};

/// A record of a parent stream, and the partition that it is of.
type OfParent = (Value, Map);

impl Reading {
    /// What each request for a page asks for, where that is a list of properties.
    pub(super) async fn properties(&self, retriever: &Retriever) -> Result<Option<Vec<Vec<Rc<str>>>>, Error> {
        let Some(properties) = &retriever.requester.properties else { return Ok(None) };
        let all = match &properties.list {
            PropertyList::Written(all) => &all[..],
            PropertyList::Fetched { retriever, path, found } => match found.get() {
                Some(all) => all,
                None => {
                    let failed = |error: &dyn std::fmt::Display| Error::new(format_args!("its properties: {error}"));
                    let steps = path.iter().map(|step| step.eval(&self.world, &[])).collect::<Result<Vec<_>, _>>();
                    let steps = steps.map_err(|error| failed(&error))?;
                    let records = Box::pin(self.records_of_retriever(retriever)).await;
                    let mut all = Vec::new();
                    for (record, _) in records.map_err(|error| failed(&error))? {
                        let property = expressions::path::get(&record, &steps).map_err(|error| failed(&error))?;
                        all.push(property.unwrap_or_else(|| Value::from(Vec::new())).to_text());
                    }
                    found.get_or_init(|| all)
                }
            },
        };
        Ok(Some(properties.requests(all)))
    }

    /// All records that a retriever brings, each with its slice.
    pub(super) async fn records_of_retriever(&self, retriever: &Retriever) -> Result<Vec<(Value, Value)>, Error> {
        let mut records = Vec::new();
        for partition in partitions::of(retriever, "", self).await? {
            let slice = slices::seen(&partition, &Interval::default());
            let mut added = Options::default();
            partitions::inject(retriever, &partition, &mut added, &self.world)
                .map_err(|error| Error::new(error.to_string()))?;
            let is_cached = retriever.requester.is_cached.unwrap_or(true);
            let mut pages = Pages::of(self, retriever, is_cached, slice.clone(), partition.extra.clone(), added);
            loop {
                match pages.next().await? {
                    Next::Page(page) => records.extend(page.records.into_iter().map(|record| (record, slice.clone()))),
                    Next::End => break,
                    Next::Reset | Next::Split(_) => return Err(Error::new("its pages cannot be read in another way")),
                }
            }
        }
        Ok(records)
    }

    /// All records of a parent stream. With a key only those that are new since what is kept under it.
    pub(super) async fn records_of(&self, stream: &Stream, key: Option<String>) -> Result<Vec<OfParent>, Error> {
        let known = match &key {
            Some(key) => kept::load(key).await,
            None => None,
        };
        let stream = match &stream.first {
            Some(first) if known.is_none() => &first.stream,
            _ => stream,
        };
        let is_new = known.is_none();
        let kept = known.unwrap_or_default();
        let track = stream.cursor.as_ref().map(|cursor| Track::of(cursor, None, &self.world)).transpose();
        let track = track.map_err(|error| Error::new(error.to_string()))?;
        let point = |text: &Option<String>| {
            let text = text.as_ref()?;
            track.as_ref()?.parse(&Value::from(text.as_str()))
        };
        let state = point(&kept.cursor);
        let (mut records, mut newest) = (Vec::new(), state);
        for mut partition in partitions::of(&stream.retriever, &stream.name, self).await? {
            partition.first = partition.first.filter(|_| is_new);
            let intervals = match &track {
                Some(track) => track.intervals(state, None).map_err(|error| Error::new(error.to_string()))?,
                None => vec![Interval::default()],
            };
            for interval in intervals {
                let mut pages = Windows::of(self, stream, track.as_ref(), &partition, &interval)?;
                if let Some(jobs) = &stream.jobs {
                    let seen = slices::seen(&partition, &interval);
                    let done = Job::new(jobs, &seen, &partition.extra, &self.world).run().await?;
                    pages = pages.for_each(done.downloads);
                }
                while let Some(page) = pages.next().await? {
                    for record in page.records {
                        if let Some(track) = &track {
                            newest = Point::newest(newest, track.point(&record));
                        }
                        records.push((record, partition.values.clone()));
                    }
                }
            }
        }
        if let (Some(key), Some(track), Some(newest)) = (key, &track, newest) {
            let kept = Kept { cursor: Some(track.write(newest)), after: None, lookback: 0 };
            self.parents.borrow_mut().push((key, kept));
        }
        Ok(records)
    }
}
