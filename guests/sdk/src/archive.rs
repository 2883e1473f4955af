//! What a zip (APPNOTE 6.3) is made of, understood from its start to its end; pure.

use crate::Error;
use crate::entry::{Entry, Sums};
use crate::inflate::{Limit, Unpacker, failed, number};

const FILE: u64 = 0x0403_4b50;
const LISTED: u64 = 0x0201_4b50;
const END: u64 = 0x0605_4b50;
const END_64: u64 = 0x0606_4b50;
const END_64_AT: u64 = 0x0706_4b50;
const BEHIND: u64 = 0x0807_4b50;

/// What comes next in a zip.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file begins.
    File(String),
    /// More of it.
    Piece(Vec<u8>),
    /// It ends, and is what its checksum says.
    End,
}

enum At {
    /// In front of a file or of the directory.
    Start,
    Data(Entry),
    /// The sums behind a file.
    Behind(Entry),
    /// The directory, with how many files it has listed.
    Directory(u64),
    /// So many bytes of an entry of the directory, whatever they say.
    Passing(u64, u64),
    /// In the comment behind the directory, with how much of it there is to come.
    Over(u64),
    /// Behind an error.
    Failed,
}

/// A zip as it arrives.
pub(crate) struct Archive {
    at: At,
    /// What came of a part that is understood once it is whole.
    begun: Vec<u8>,
    files: u64,
    most: u64,
    limit: Limit,
}

type Step = Result<(usize, Option<Found>), Error>;

impl Archive {
    pub(crate) fn new(most: u64, limit: Limit) -> Self {
        Self { at: At::Start, begun: Vec::new(), files: 0, most, limit }
    }

    /// Take what is missing of a part of that length; how much was taken, and the part once it is whole.
    fn part(&mut self, input: &[u8], length: usize) -> (usize, Option<Vec<u8>>) {
        let used = input.len().min(length.saturating_sub(self.begun.len()));
        self.begun.extend_from_slice(&input[..used]);
        (used, (self.begun.len() >= length).then(|| std::mem::take(&mut self.begun)))
    }

    /// In front of a file, or of what is behind all files.
    fn start(&mut self, input: &[u8]) -> Step {
        if self.begun.len() < 4 {
            let used = input.len().min(4 - self.begun.len());
            self.begun.extend_from_slice(&input[..used]);
            let begins = number(&self.begun);
            if self.begun.len() == 4 && begins != FILE {
                if ![LISTED, END, END_64].contains(&begins) {
                    return Err(if self.files == 0 {
                        no_zip()
                    } else {
                        damaged("something else is between its files")
                    });
                }
                self.at = At::Directory(0);
            }
            return Ok((used, None));
        }
        // The lengths of the name and of the extra field are at the end of 30 bytes.
        let length = match self.begun.get(26..30) {
            Some(lengths) => 30 + (number(&lengths[..2]) + number(&lengths[2..])) as usize,
            None => 30,
        };
        let (used, header) = self.part(input, length);
        match header {
            // Only now the lengths are known.
            Some(header) if header.len() == 30 && number(&header[26..30]) != 0 => {
                self.begun = header;
                Ok((used, None))
            }
            Some(header) => {
                self.files += 1;
                if self.files > self.most {
                    return Err(Error::new(format_args!("it holds more files than the limit of {}", self.most)));
                }
                let (name, entry) = Entry::begin(&header)?;
                self.at = At::Data(entry);
                Ok((used, Some(Found::File(name))))
            }
            None => Ok((used, None)),
        }
    }

    /// More of a file.
    fn data(&mut self, mut file: Entry, input: &[u8]) -> Step {
        let (used, piece, ended) = file.step(input)?;
        self.limit.take(piece.len())?;
        let found = (!piece.is_empty()).then_some(Found::Piece(piece));
        match (ended, &found) {
            (false, _) => self.at = At::Data(file),
            (true, None) => {
                let (more, found) = self.behind(file, &input[used..])?;
                return Ok((used + more, found));
            }
            // What it ends with is found once what it holds was given.
            (true, Some(_)) => self.at = At::Behind(file),
        }
        Ok((used, found))
    }

    /// The sums behind a file, where they are.
    fn behind(&mut self, file: Entry, input: &[u8]) -> Step {
        if file.sums.is_some() {
            return self.ended(&file, file.sums).map(|found| (0, Some(found)));
        }
        let signed = self.begun.len() >= 4 && number(&self.begun[..4]) == BEHIND;
        let length = usize::from(signed) * 4 + if file.large { 20 } else { 12 };
        let (used, sums) = self.part(input, if self.begun.len() < 4 { 4 } else { length });
        match sums {
            Some(sums) if sums.len() == 4 => self.begun = sums,
            Some(sums) => {
                let sums = &sums[usize::from(signed) * 4..];
                let half = (sums.len() - 4) / 2;
                let sums = Sums(number(&sums[..4]), number(&sums[4..4 + half]), number(&sums[4 + half..]));
                return self.ended(&file, Some(sums)).map(|found| (used, Some(found)));
            }
            None => {}
        }
        self.at = At::Behind(file);
        Ok((used, None))
    }

    fn ended(&mut self, file: &Entry, sums: Option<Sums>) -> Result<Found, Error> {
        if !sums.is_some_and(|sums| file.is(sums)) {
            return Err(damaged("the checksum or the size of a file is another one"));
        }
        self.at = At::Start;
        Ok(Found::End)
    }

    /// An entry of the directory, or its end.
    fn directory(&mut self, listed: u64, input: &[u8]) -> Step {
        let length = match self.begun.get(..4).map(number) {
            None => 4,
            Some(LISTED) => 46,
            Some(END) => 22,
            Some(END_64) => 56,
            Some(END_64_AT) => 20,
            Some(_) => return Err(damaged("something else is in its directory")),
        };
        let (used, part) = self.part(input, length);
        self.at = match part {
            Some(part) if part.len() == 46 => {
                // Its name, its extra field and its comment.
                let more = part[28..34].chunks(2).map(number).sum();
                if more == 0 { At::Directory(listed + 1) } else { At::Passing(more, listed + 1) }
            }
            Some(part) if part.len() == 4 => {
                self.begun = part;
                At::Directory(listed)
            }
            Some(part) if part.len() == 22 && listed == self.files => At::Over(number(&part[20..])),
            // The numbers of a large one, which stand in front of its end.
            Some(part) if part.len() != 22 => At::Directory(listed),
            Some(_) => {
                let files = self.files;
                return Err(Error::new(format_args!("its directory lists {listed} files, and it holds {files}")));
            }
            None => At::Directory(listed),
        };
        Ok((used, None))
    }
}

impl Unpacker for Archive {
    type Found = Found;

    fn step(&mut self, input: &[u8]) -> Step {
        let pending = match &self.at {
            // What is found there needs no more bytes.
            At::Behind(file) => file.sums.is_some(),
            At::Data(file) => file.is_pending(),
            At::Failed => true,
            _ => false,
        };
        if input.is_empty() && !pending {
            return Ok((0, None));
        }
        match std::mem::replace(&mut self.at, At::Failed) {
            At::Start => {
                let found = self.start(input)?;
                if matches!(self.at, At::Failed) {
                    self.at = At::Start;
                }
                Ok(found)
            }
            At::Data(file) => self.data(file, input),
            At::Behind(file) => self.behind(file, input),
            At::Directory(listed) => self.directory(listed, input),
            At::Passing(left, listed) => {
                let used = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - used as u64;
                self.at = if left == 0 { At::Directory(listed) } else { At::Passing(left, listed) };
                Ok((used, None))
            }
            At::Over(left) if input.len() as u64 <= left => {
                self.at = At::Over(left - input.len() as u64);
                Ok((input.len(), None))
            }
            At::Over(_) => Err(damaged("something else is behind its end")),
            At::Failed => Err(failed()),
        }
    }

    fn end(&self) -> Result<(), Error> {
        match self.at {
            At::Over(0) => Ok(()),
            At::Start if self.files == 0 => Err(no_zip()),
            _ => Err(Error::new("its zip ends in the middle")),
        }
    }
}

fn no_zip() -> Error {
    Error::new("it is no zip")
}

fn damaged(how: &str) -> Error {
    Error::new(format_args!("its zip is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Crc;

    use super::*;
    use crate::entry::{ELSEWHERE, PIECE};
    use crate::inflate::MOST;

    /// How a file of a test is packed.
    #[derive(Clone, Copy)]
    enum How {
        Stored,
        Deflated,
        /// With its sums behind it, signed or not.
        Behind(bool),
        /// With sizes of eight bytes.
        Large,
    }

    /// Numbers, each with how many bytes it has, the lowest first.
    fn bytes(numbers: &[(u64, usize)]) -> Vec<u8> {
        let mut all = Vec::new();
        for (number, length) in numbers {
            let end = all.len() + length;
            all.extend(number.to_le_bytes().iter().take(*length));
            all.resize(end, 0);
        }
        all
    }

    fn crc(content: &[u8]) -> u64 {
        let mut crc = Crc::new();
        crc.update(content);
        crc.sum().into()
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    fn member(name: &str, content: &[u8], how: How) -> Vec<u8> {
        let data = if matches!(how, How::Stored) { content.to_vec() } else { packed(content) };
        let (crc, short, long) = (crc(content), data.len() as u64, content.len() as u64);
        let (flags, method) =
            (if matches!(how, How::Behind(_)) { 8 } else { 0 }, if matches!(how, How::Stored) { 0 } else { 8 });
        let (sums, extra) = match how {
            How::Behind(_) => ([0; 3], Vec::new()),
            How::Large => {
                ([crc, ELSEWHERE, ELSEWHERE], bytes(&[(7, 2), (1, 2), (0, 1), (1, 2), (16, 2), (long, 8), (short, 8)]))
            }
            _ => ([crc, short, long], Vec::new()),
        };
        let sums = sums.map(|number| (number, 4));
        let lengths = [(name.len() as u64, 2), (extra.len() as u64, 2)];
        let head = [&[(FILE, 4), (20, 2), (flags, 2), (method, 2), (0, 4)][..], &sums, &lengths].concat();
        let behind = match how {
            How::Behind(signed) => {
                let all = bytes(&[(BEHIND, 4), (crc, 4), (short, 4), (long, 4)]);
                all[if signed { 0 } else { 4 }..].to_vec()
            }
            _ => Vec::new(),
        };
        [bytes(&head), name.as_bytes().to_vec(), extra, data, behind].concat()
    }

    /// The directory of so many files, each with a name and a comment of its own.
    fn directory(files: usize) -> Vec<u8> {
        let entry = [bytes(&[(LISTED, 4), (0, 24), (4, 2), (0, 2), (2, 2), (0, 12)]), b"namehi".to_vec()].concat();
        [entry.repeat(files), bytes(&[(END, 4), (0, 16), (2, 2)]), b"hi".to_vec()].concat()
    }

    /// The names and contents by chunks of that size.
    fn unpacked(zip: &[u8], chunk: usize, most: u64) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut archive = Archive::new(2, Limit::new(most));
        let mut files = Vec::new();
        for chunk in zip.chunks(chunk) {
            let mut at = 0;
            loop {
                let (used, found) = archive.step(&chunk[at..]).map_err(|error| error.to_string())?;
                at += used;
                match found {
                    Some(Found::File(name)) => files.push((name, Vec::new())),
                    Some(Found::Piece(piece)) => {
                        assert!(piece.len() <= PIECE);
                        files.last_mut().expect("a file").1.extend(piece);
                    }
                    Some(Found::End) => {}
                    None if used == 0 => break,
                    None => {}
                }
            }
            assert_eq!(at, chunk.len(), "all is taken before more is needed");
        }
        archive.end().map_err(|error| error.to_string())?;
        Ok(files)
    }

    #[test]
    fn files_are_unpacked_whatever_the_chunks() {
        let content = "city,courts\n".repeat(100).into_bytes();
        for how in [How::Stored, How::Deflated, How::Behind(true), How::Behind(false), How::Large] {
            let zip = [member("a.csv", &content, how), member("b/", b"", How::Stored), directory(2)].concat();
            for chunk in [1, 3, 1000, 64 * 1024] {
                let expected = vec![("a.csv".to_owned(), content.clone()), ("b/".to_owned(), Vec::new())];
                assert_eq!(unpacked(&zip, chunk, MOST), Ok(expected), "by {chunk}");
                // Cut off anywhere it is told.
                for end in [3, 20, 33, 40, zip.len() - 150, zip.len() - 30, zip.len() - 3, zip.len() - 1] {
                    let cut = unpacked(&zip[..end], chunk, MOST).expect_err("a part");
                    assert!(["it is no zip", "its zip ends in the middle"].contains(&cut.as_str()), "{end}: {cut}");
                }
            }
        }
        assert_eq!(unpacked(&directory(0), 5, MOST), Ok(Vec::new()));
        // One with more files than its end has room for has another end in front.
        let large = [bytes(&[(END_64, 4), (44, 8), (0, 44), (END_64_AT, 4), (0, 16)]), directory(0)].concat();
        assert_eq!(unpacked(&large, 5, MOST), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_whole_zip_is_told() {
        let one = member("a.csv", b"one\n", How::Deflated);
        let bent = |at: usize, to: u8| {
            let mut bent = [&one[..], &directory(1)].concat();
            bent[at] = to;
            bent
        };
        let cases = [
            (b"<html></html>".to_vec(), "it is no zip"),
            (Vec::new(), "it is no zip"),
            (bent(6, 1), "\"a.csv\" in it is encrypted"),
            (bent(8, 12), "\"a.csv\" in it is packed by method 12, and not by deflate"),
            (bent(14, 0), "its zip is damaged: the checksum or the size of a file is another one"),
            (bent(22, 9), "its zip is damaged: the checksum or the size of a file is another one"),
            (bent(35, 0xff), "it is damaged: it holds no valid deflate"),
            ([&one[..], b"PK12"].concat(), "its zip is damaged: something else is between its files"),
            ([&one[..], &directory(1), b"x"].concat(), "its zip is damaged: something else is behind its end"),
            ([&one[..], &directory(2)].concat(), "its directory lists 2 files, and it holds 1"),
            ([&one[..], &one, &directory(1)].concat(), "its directory lists 1 files, and it holds 2"),
            ([&one[..], &one, &one].concat(), "it holds more files than the limit of 2"),
        ];
        for (zip, expected) in cases {
            for chunk in [1, 7, 64 * 1024] {
                assert_eq!(unpacked(&zip, chunk, MOST), Err(expected.to_owned()), "by {chunk}");
            }
        }
        let stored = [bytes(&[(FILE, 4), (20, 2), (8, 2), (0, 18), (1, 2), (0, 2)]), b"x".to_vec()].concat();
        assert_eq!(
            unpacked(&stored, 9, MOST),
            Err("\"x\" in it is stored without its size, so that its end is unknown".to_owned())
        );
    }

    #[test]
    fn what_grows_has_an_end_and_what_failed_stays_so() {
        let zip = [member("a.csv", &vec![0; 5_000_000], How::Deflated), directory(1)].concat();
        assert_eq!(unpacked(&zip, 64 * 1024, MOST).expect("a zip")[0].1.len(), 5_000_000);
        let limit = "unpacked it is larger than the limit of 1000000 bytes";
        assert_eq!(unpacked(&zip, 64 * 1024, 1_000_000), Err(limit.to_owned()));
        let mut archive = Archive::new(2, Limit::new(MOST));
        assert!(archive.step(b"<html>").is_err() && archive.step(b"").is_err() && archive.end().is_err());
    }
}
