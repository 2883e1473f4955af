//! The work of the figure "rewritten in a guest": the probe `rewrite` and its native peer both compile this file.

/// The column that is left out.
const DROPPED: usize = 4;
/// The column that is put into capitals.
const CAPITALS: usize = 1;

/// Rewrites CSV that comes in pieces, and holds no more of it than a line.
#[derive(Default)]
pub(crate) struct Rewriter {
    /// The start of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Rewriter {
    /// Rewrite all lines that end in this piece.
    pub(crate) fn push(&mut self, mut piece: &[u8], output: &mut Vec<u8>) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            if self.rest.is_empty() {
                rewrite(&piece[..end], output);
            } else {
                self.rest.extend_from_slice(&piece[..end]);
                rewrite(&self.rest, output);
                self.rest.clear();
            }
            piece = &piece[end + 1..];
        }
        self.rest.extend_from_slice(piece);
    }

    /// Rewrite what came after the last line break.
    pub(crate) fn finish(self, output: &mut Vec<u8>) {
        if !self.rest.is_empty() {
            rewrite(&self.rest, output);
        }
    }
}

/// One line without its line break, which is added.
fn rewrite(line: &[u8], output: &mut Vec<u8>) {
    let fields = line.split(|byte| *byte == b',').enumerate().filter(|(column, _)| *column != DROPPED);
    for (place, (column, field)) in fields.enumerate() {
        if place > 0 {
            output.push(b',');
        }
        if column == CAPITALS {
            output.extend(field.iter().map(u8::to_ascii_uppercase));
        } else {
            output.extend_from_slice(field);
        }
    }
    output.push(b'\n');
}
