//! Pieces of a body on their way from the network to the threads that look at them and keep them.

use bytes::Bytes;
use futures::StreamExt as _;
use rules::domain::{Body, LandError};

/// Pieces of at least so many bytes are handed on as they came, in buffers that are at most twice as large. A smaller one is
/// copied: it may hold on to a buffer of many.
const WHOLE: usize = 32 * 1024;

/// Some bytes of a body, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: Vec<Bytes>,
    /// Small pieces that are not among the others yet.
    gathered: Vec<u8>,
    size: usize,
}

impl Batch {
    /// The pieces, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &piece[..])
    }

    fn push(&mut self, piece: Bytes) {
        self.size += piece.len();
        if piece.len() < WHOLE {
            return self.gathered.extend_from_slice(&piece);
        }
        self.finish();
        self.pieces.push(piece);
    }

    fn finish(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push(std::mem::take(&mut self.gathered).into());
        }
    }
}

/// The next bytes of a body, at least so many, and whether it is over.
pub(super) async fn gather(body: &mut Body, least: usize) -> Result<(Batch, bool), LandError> {
    let mut batch = Batch::default();
    let mut over = false;
    while batch.size < least && !over {
        match body.next().await {
            Some(piece) => batch.push(piece?),
            None => over = true,
        }
    }
    batch.finish();
    Ok((batch, over))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_gathered_and_large_ones_stay_and_their_order_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let sizes = [3, 5, WHOLE, 1, WHOLE + 1, WHOLE - 1, 2];
        let pieces: Vec<Bytes> = sizes.iter().zip(0..).map(|(size, fill)| vec![fill; *size].into()).collect();
        let whole = pieces.concat();
        let mut body = Body::new(futures::stream::iter(pieces.into_iter().map(Ok)));
        let (batch, over) = runtime.block_on(gather(&mut body, usize::MAX)).expect("a body");
        assert!(over);
        assert_eq!(batch.pieces().map(<[u8]>::len).collect::<Vec<_>>(), [8, WHOLE, 1, WHOLE + 1, WHOLE + 1]);
        assert_eq!(batch.pieces().collect::<Vec<_>>().concat(), whole);
    }
}
