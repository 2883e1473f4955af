//! CSV with its names in the first row, as Python's `csv.DictReader` reads it.

use std::rc::Rc;

use csv_core::{ReadFieldResult, ReaderBuilder, Terminator};
use expressions::{Map, Value};

/// The name of what stands behind the last name.
const REST: &str = "None";

/// The rows of a text, each by the names of the first.
pub(super) fn rows(text: &str, delimiter: u8, nulls: &[Rc<str>], values: &mut Vec<Value>) {
    let mut names: Option<Vec<Rc<str>>> = None;
    fields(text, delimiter, |row| {
        if row.is_empty() {
            return;
        }
        let Some(names) = &names else {
            names = Some(row.into_iter().map(Rc::from).collect());
            return;
        };
        let value = |text: &String| match nulls.iter().any(|null| **null == **text) {
            true => Value::None,
            false => Value::from(text.as_str()),
        };
        let mut members = Map::new();
        for (at, name) in names.iter().enumerate() {
            members.insert(Rc::clone(name), row.get(at).map_or(Value::None, value));
        }
        if row.len() > names.len() {
            let rest: Vec<Value> = row[names.len()..].iter().map(|text| Value::from(text.as_str())).collect();
            members.insert(REST.into(), Value::from(rest));
        }
        values.push(Value::from(members));
    });
}

/// Give each row; one without any field is empty.
fn fields(text: &str, delimiter: u8, mut take: impl FnMut(Vec<String>)) {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::CRLF).build();
    let (mut input, mut output, mut field) = (text.as_bytes(), [0; 4096], Vec::new());
    let mut row: Vec<String> = Vec::new();
    loop {
        let (result, read, written) = reader.read_field(input, &mut output);
        input = input.get(read..).unwrap_or_default();
        field.extend_from_slice(output.get(..written).unwrap_or_default());
        match result {
            ReadFieldResult::InputEmpty if !input.is_empty() => {}
            // The end of the text ends the last row.
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                row.push(String::from_utf8_lossy(&std::mem::take(&mut field)).into_owned());
                if record_end {
                    take(std::mem::take(&mut row));
                }
            }
            ReadFieldResult::End => return,
        }
    }
}
