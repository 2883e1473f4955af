//! The append-only landing zone: the contract's `zone` interface, with builders.

use std::fmt;

use futures_util::future::join;
use wit_bindgen::{FutureWriter, StreamReader, StreamWriter};

pub use crate::bindings::landing::extractor::zone::{Derivation, ErrorKind, Outcome, Receipt, Slot, Source};
use crate::bindings::{wit_future, wit_stream};
use crate::{Date, http, run};

/// Why nothing landed. Its text is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What an extractor may want to act on.
    pub kind: ErrorKind,
    /// The same more closely, in words that never change. Later hosts know more of them.
    pub code: String,
    /// What happened, for the person who reads it.
    pub message: String,
    /// The status code, where the kind is [`Status`](ErrorKind::Status).
    pub status: Option<u16>,
    /// The failure of the request, where the kind is [`Fetch`](ErrorKind::Fetch).
    pub fetch: Option<http::Error>,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

// `source` stays empty where there is a `fetch`: its text is already the whole of this error's text.
impl std::error::Error for Error {}

impl Slot {
    /// A slot for files of this extension, without a dot and without `.gz`, on the run's own day.
    pub fn new(extension: &str) -> Self {
        Self { extension: extension.to_owned(), date: None }
    }

    /// The same slot on another day.
    #[must_use]
    pub fn on(self, date: Date) -> Self {
        Self { date: Some(date), ..self }
    }
}

impl Source {
    /// The source that bears the extractor's own name, which is always granted.
    pub fn own() -> Result<Self, Error> {
        Self::open(&run::name())
    }

    /// Land content that `make` writes, however much it is. Where `make` fails, nothing lands, and its error is what
    /// comes back; where the landing fails, its error is, and [`write`](Content::write) gives [`Stopped`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), landing::Error> {
    /// use landing::{Request, Slot, Source};
    ///
    /// let source = Source::own()?;
    /// let landed = source.land_made(Slot::new("csv"), async |content| {
    ///     for page in 1..=9 {
    ///         let page = Request::get(&format!("https://prices.example/{page}.csv")).send().await?;
    ///         content.write(page.into_bytes().await?).await?;
    ///     }
    ///     Ok(())
    /// });
    /// landing::info!("{}", landed.await?.path);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn land_made(
        &self,
        slot: Slot,
        make: impl AsyncFnOnce(&mut Content) -> Result<(), crate::Error>,
    ) -> Result<Receipt, crate::Error> {
        land_made(make, |stream, whole| self.land_stream(stream, whole, slot)).await
    }
}

impl Derivation {
    /// Land content that `make` makes of the response, however much it is; like [`Source::land_made`].
    pub async fn land_made(
        &self,
        slot: Slot,
        make: impl AsyncFnOnce(&mut Content) -> Result<(), crate::Error>,
    ) -> Result<Receipt, crate::Error> {
        land_made(make, |stream, whole| self.land_stream(stream, whole, slot)).await
    }
}

async fn land_made<F: Future<Output = Result<Receipt, Error>>>(
    make: impl AsyncFnOnce(&mut Content) -> Result<(), crate::Error>,
    land: impl FnOnce(StreamReader<u8>, http::Whole) -> F,
) -> Result<Receipt, crate::Error> {
    let (mut content, stream, whole) = Content::new();
    let making = async move {
        let made = make(&mut content).await;
        // Once the landing has failed, what `make` says is at best a consequence of it.
        let stopped = content.stopped;
        if made.is_ok() {
            content.finish().await;
        }
        if stopped { Ok(()) } else { made }
    };
    let (landed, made) = join(land(stream, whole), making).await;
    made?;
    Ok(landed?)
}

/// The writing end of content that goes to [`Source::land_stream`]; [`Source::land_made`] is easier to use.
///
/// Only [`finish`](Self::finish) makes the content whole. Dropped without it, as by a `?` on the way, it tells the host
/// that the extractor gave up, and nothing lands.
///
/// Landing and writing have to go on together, for instance by [`join`]: each waits for the other. `async move` gives
/// the content to the writing, so that its end is the content's end.
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use futures_util::future::join;
/// use landing::zone::Content;
/// use landing::{Error, Slot, Source};
///
/// let (mut content, stream, whole) = Content::new();
/// let writing = async move {
///     content.write("a,b\n").await?;
///     content.write("1,2\n").await?;
///     content.finish().await;
///     Ok::<_, Error>(())
/// };
/// let (landed, written) = join(Source::own()?.land_stream(stream, whole, Slot::new("csv")), writing).await;
/// landing::info!("{}", landed?.path);
/// written
/// # }
/// ```
#[derive(Debug)]
pub struct Content {
    stream: StreamWriter<u8>,
    whole: FutureWriter<Result<(), http::Error>>,
    /// Did a write not get through?
    stopped: bool,
}

impl Content {
    /// New content, and the two ends of it that the host reads.
    pub fn new() -> (Self, StreamReader<u8>, http::Whole) {
        const GAVE_UP: &str = "the extractor gave up before the end of its content";
        let (stream, bytes) = wit_stream::new();
        let (whole, ending) = wit_future::new(|| Err(http::Error::other(GAVE_UP)));
        (Self { stream, whole, stopped: false }, bytes, ending)
    }

    /// Write more of it. Each call waits until the host has taken all these bytes, so large ones are faster.
    pub async fn write(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), Stopped> {
        let bytes = bytes.into();
        // To write nothing would still wait for the host.
        if !self.stopped && !bytes.is_empty() {
            // It stays so where this future is dropped on the way: some bytes may be lost then.
            self.stopped = true;
            self.stopped = !self.stream.write_all(bytes).await.is_empty();
        }
        if self.stopped { Err(Stopped) } else { Ok(()) }
    }

    /// Say that this was all; this waits until the host knows it. After a write that did not get through, it says that
    /// the extractor gave up.
    pub async fn finish(self) {
        drop(self.stream);
        if !self.stopped {
            // Where the host no longer listens, the landing has failed and says why.
            let _ = self.whole.write(Ok(())).await;
        }
    }
}

/// The host takes no more of some content, since its landing has failed; the landing itself says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the host takes no more of the content")
    }
}

impl std::error::Error for Stopped {}
