//! Data put into a component that has room for it: what an extractor carries out that is made once and used many times.
//!
//! Its module says where it looks: a static of 24 bytes, the first 16 of them [`MARK`], then the address and the length
//! of the data, both as 32 bits in little-endian order, both zero while there is none. The data goes behind the
//! memory that the module begins with, which grows by as much, so that no allocator meets it. Pure over bytes.

use std::ops::Range;

use wasm_encoder::{ConstExpr, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{Encoding, Parser, Payload};

use super::manifest::{self, ManifestError, SECTION};
use super::section::{header, leb};

/// What a module's static begins with that the address and the length of data are written into.
const MARK: &[u8; 16] = b"landing:data\0\0\0\x01";
/// The size of a page of memory (WebAssembly's core specification, 2.3.11).
const PAGE: u64 = 64 * 1024;
/// Most data, in bytes.
const MAX_DATA: usize = 16 * 1024 * 1024;

/// The component with this data in it.
pub fn fill(component: &[u8], data: &[u8]) -> Result<Vec<u8>, ManifestError> {
    if data.len() > MAX_DATA {
        return Err(refused(format!("it takes at most {} MiB of data", MAX_DATA >> 20)));
    }
    let mut found = None;
    for part in manifest::parts(component)? {
        if let (1, Payload::ModuleSection { unchecked_range, .. }) = part? {
            let module = component.get(unchecked_range.clone()).unwrap_or_default();
            if place(module).is_some() && found.replace(unchecked_range).is_some() {
                return Err(refused("two of its modules have room for data"));
            }
        }
    }
    let range = found.ok_or_else(|| refused("it has no room for data"))?;
    let module = filled(&component[range.clone()], data)?;
    let start = header(component, range.start);
    let mut filled = component[..start].to_vec();
    // The section of a core module (Component Model, Binary.md).
    filled.push(1);
    filled.extend(leb(module.len()));
    filled.extend(module);
    filled.extend_from_slice(&component[range.end..]);
    Ok(filled)
}

fn refused(reason: impl Into<String>) -> ManifestError {
    ManifestError::Module(reason.into())
}

/// Where the mark stands in a module; none where it does not, or more than once.
fn place(module: &[u8]) -> Option<usize> {
    let mut places = module.windows(MARK.len()).enumerate().filter(|(_, window)| window == MARK).map(|(at, _)| at);
    places.next().filter(|_| places.next().is_none())
}

fn filled(module: &[u8], data: &[u8]) -> Result<Vec<u8>, ManifestError> {
    let unreadable = |error: wasmparser::Error| ManifestError::NotWasm(error.message().to_owned());
    let (mut out, mut at, mut segments) = (Module::new(), None, None);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(unreadable)?;
        match &payload {
            Payload::Version { encoding: Encoding::Component, .. } => return Err(refused("it is no core module")),
            Payload::MemorySection(memories) => {
                let memory = match &memories.clone().into_iter().collect::<Result<Vec<_>, _>>().map_err(unreadable)?[..]
                {
                    [memory] if !memory.memory64 && !memory.shared => *memory,
                    _ => return Err(refused("it has not exactly one memory of 32 bits")),
                };
                at = Some(memory.initial * PAGE);
                let minimum = memory.initial + (data.len() as u64).div_ceil(PAGE);
                out.section(MemorySection::new().memory(MemoryType {
                    minimum,
                    maximum: memory.maximum.map(|maximum| maximum.max(minimum)),
                    memory64: false,
                    shared: false,
                    page_size_log2: memory.page_size_log2,
                }));
            }
            // It has to be another count, and only instructions that this module does not have need it.
            Payload::DataCountSection { .. } => {}
            Payload::DataSection(section) => segments = Some((section.count(), section.range())),
            _ => {}
        }
        let copied = match &payload {
            Payload::MemorySection(_) | Payload::DataSection(_) | Payload::DataCountSection { .. } => false,
            // What the component says of itself without the data.
            Payload::CustomSection(section) => section.name() != SECTION,
            _ => true,
        };
        if let Some((id, range)) = payload.as_section().filter(|_| copied) {
            out.section(&RawSection { id, data: &module[range] });
        }
        if let (Payload::DataSection(_), Some((count, range)), Some(at)) = (&payload, segments.take(), at) {
            out.section(&RawSection { id: 11, data: &with_segment(module, count, range, at, data)? });
        }
    }
    Ok(out.finish())
}

/// The data section with one segment more, and the mark's static telling of it.
fn with_segment(
    module: &[u8],
    count: u32,
    range: Range<usize>,
    at: u64,
    data: &[u8],
) -> Result<Vec<u8>, ManifestError> {
    let at = u32::try_from(at).map_err(|_| refused("its memory begins too large"))?;
    let mut before = module[range].to_vec();
    let place = place(&before).ok_or_else(|| refused("its room for data is not in its data"))? + MARK.len();
    let slot = before.get_mut(place..place + 8).ok_or_else(|| refused("its room for data is too small"))?;
    if slot.iter().any(|byte| *byte != 0) {
        return Err(refused("it holds data already"));
    }
    slot[..4].copy_from_slice(&at.to_le_bytes());
    slot[4..].copy_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut section = leb(count as usize + 1);
    let old_count = before.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    section.extend_from_slice(&before[old_count..]);
    let mut segment = DataSection::new();
    segment.active(0, &ConstExpr::i32_const(at.cast_signed()), data.iter().copied());
    // What it encodes is its length, its count of one, and the segment.
    let mut encoded = Vec::new();
    wasm_encoder::Encode::encode(&segment, &mut encoded);
    let length = encoded.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    section.extend_from_slice(encoded.get(length + 1..).unwrap_or_default());
    Ok(section)
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;

    use super::*;

    /// A component around a module whose memory has this static.
    fn component(room: &[u8]) -> Vec<u8> {
        let mut module = Module::new();
        module.section(MemorySection::new().memory(MemoryType {
            minimum: 2,
            maximum: Some(2),
            memory64: false,
            shared: false,
            page_size_log2: None,
        }));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(1024), room.iter().copied());
        module.section(&data);
        let module = module.finish();
        [&b"\0asm\x0d\0\x01\0\x01"[..], &leb(module.len()), &module].concat()
    }

    #[test]
    fn data_goes_behind_the_memory_and_the_static_says_where() {
        let room = [&MARK[..], &[0; 8]].concat();
        let data = vec![7; PAGE as usize + 1];
        let filled = fill(&component(&room), &data).expect("room");
        Validator::new().validate_all(&filled).expect("a component");
        let said = [&MARK[..], &(2 * PAGE as u32).to_le_bytes(), &(data.len() as u32).to_le_bytes()].concat();
        assert!(filled.windows(said.len()).any(|window| window == said));
        let memory = Parser::new(0).parse_all(&filled).find_map(|payload| match payload.expect("it is valid") {
            Payload::MemorySection(memories) => memories.into_iter().next().map(|memory| memory.expect("one").initial),
            _ => None,
        });
        assert_eq!(memory, Some(4));
        assert!(fill(&filled, b"again").expect_err("full").to_string().contains("holds data already"));
    }

    #[test]
    fn what_has_no_room_is_told() {
        for (room, expected) in
            [(&b"none"[..], "it has no room for data"), (&MARK[..], "its room for data is too small")]
        {
            let error = fill(&component(room), b"x").expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
