//! What a body is made of.

use std::rc::Rc;

use super::Fields;
use crate::manifest::ManifestError;

/// How the bytes of a text stand for its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Latin1,
}

/// How a body becomes values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decoder {
    Json,
    /// A value of JSON on each line.
    Jsonl,
    /// The items of the array at this path.
    JsonItems(Rc<str>),
    Csv {
        delimiter: u8,
        encoding: Encoding,
        nulls: Vec<Rc<str>>,
    },
    Xml,
    /// Each line is the member `record`.
    Lines,
    /// Compressed by gzip, or not.
    Gzip(Box<Decoder>),
    /// Each file of a zip.
    Zip(Box<Decoder>),
}

impl Decoder {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        Ok(match fields.kind() {
            "JsonDecoder" => Self::Json,
            "JsonlDecoder" => Self::Jsonl,
            "JsonItemsDecoder" if encoding(&fields)? == Encoding::Latin1 => {
                return Err(fields.wrong("encoding", "JSON is read as UTF-8 here"));
            }
            "IterableDecoder" => Self::Lines,
            "XmlDecoder" => Self::Xml,
            "JsonItemsDecoder" => Self::JsonItems(fields.needed_text("items_path")?),
            "CsvDecoder" => Self::csv(fields)?,
            "GzipDecoder" => Self::Gzip(Box::new(fields.needed("decoder", Self::read)?)),
            "ZipfileDecoder" => Self::Zip(Box::new(fields.needed("decoder", Self::read)?)),
            _ => return Err(fields.unsupported()),
        })
    }

    fn csv(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let delimiter = fields.text("delimiter")?.unwrap_or_else(|| ",".into());
        let delimiter = match &*delimiter {
            "\\t" | "\t" => b'\t',
            text if text.len() == 1 => text.as_bytes()[0],
            _ => return Err(fields.wrong("delimiter", "it has to be one character of ASCII")),
        };
        let nulls = fields.items("set_values_to_none")?;
        Ok(Self::Csv {
            delimiter,
            encoding: encoding(&fields)?,
            nulls: nulls.iter().filter_map(|value| value.as_str().map(Rc::from)).collect(),
        })
    }

    /// CSV, packed or not, whose cells that say that there is nothing are nothing, as pandas has them. With `keeps` only
    /// blank ones are.
    pub(crate) fn table(keeps: bool) -> Self {
        const NOTHING: [&str; 19] = [
            "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
            "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
        ];
        let nulls = if keeps { &NOTHING[..1] } else { &NOTHING[..] };
        let nulls = nulls.iter().map(|text| Rc::from(*text)).collect();
        Self::Gzip(Box::new(Self::Csv { delimiter: b',', encoding: Encoding::Utf8, nulls }))
    }

    /// The extension of a file that holds such a body.
    pub(crate) fn extension(&self) -> &'static str {
        match self {
            Self::Json | Self::JsonItems(_) => "json",
            Self::Jsonl => "jsonl",
            Self::Csv { .. } => "csv",
            Self::Xml => "xml",
            Self::Lines => "txt",
            Self::Gzip(inner) => inner.extension(),
            Self::Zip(_) => "zip",
        }
    }
}

fn encoding(fields: &Fields<'_>) -> Result<Encoding, ManifestError> {
    match fields.text("encoding")?.map(|name| name.to_lowercase()).as_deref() {
        None | Some("utf-8" | "utf8" | "utf-8-sig" | "utf_8" | "ascii") => Ok(Encoding::Utf8),
        Some("latin-1" | "latin1" | "latin_1" | "iso-8859-1" | "iso8859-1") => Ok(Encoding::Latin1),
        Some(other) => Err(fields.wrong("encoding", format!("the encoding {other} is not read here"))),
    }
}
