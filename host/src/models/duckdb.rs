//! Views of DuckDB: of all files by a glob, and of those that are current by their names.

use std::fmt::Write as _;

use super::{MARK, Model, Text, globbed, literal};

const HEAD: &str = "\
-- raw_… has all rows that ever landed, also of files that land later. current_… has the rows of the files that were
-- current when this was written: write it anew after each run. Columns hold text, or JSON; `_file` is the file's path.
";

/// The script.
pub(super) fn script(landing: &str, models: &[Model]) -> Text {
    let mut text = format!("-- {MARK}\n{HEAD}");
    for model in models {
        view(&mut text, landing, model);
    }
    Text::marked("host.sql".into(), text)
}

fn view(text: &mut String, landing: &str, model: &Model) {
    let Model { name, source, word, current, .. } = model;
    let glob = literal(&format!("{}/{source}/**/*.{word}.gz", globbed(landing)));
    let files: Vec<String> = current.iter().map(|path| literal(&format!("{}/{path}", globbed(landing)))).collect();
    let raw = read(landing, model, &glob);
    let now = match files.is_empty() {
        true => format!("SELECT * FROM raw_{name} WHERE false"),
        false => read(landing, model, &format!("[\n    {}\n  ]", files.join(",\n    "))),
    };
    // A string takes whatever is written to it.
    let _ = write!(
        text,
        "\nCREATE OR REPLACE VIEW raw_{name} AS\n{raw};\n\nCREATE OR REPLACE VIEW current_{name} AS\n{now};\n"
    );
}

/// What reads files, with their paths below the landing directory: these stay as they are if it moves.
fn read(landing: &str, model: &Model, files: &str) -> String {
    let (function, options) = model.reader.sql();
    let first = landing.chars().count() + 2;
    format!("SELECT * REPLACE (substr(_file, {first}) AS _file)\n  FROM {function}({files},\n    {options})")
}
