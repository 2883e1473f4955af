//! A new folder: whole, or not there.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::templates::Language;
use crate::error::{Error, Kind};
use rules::name::check_name;

/// Make a folder with an extractor of that name.
pub fn make(folder: &Path, name: &str, language: Language) -> Result<(), Error> {
    check_name(name).map_err(Error::usage)?;
    if !is_free(folder).map_err(|error| cannot(folder, &error))? {
        let message = format!("{} is there already, and is no empty folder", folder.display());
        return Err(Error::usage(message).hint("another name, or another folder to make it in"));
    }
    let unfinished = folder.with_file_name(format!(".{name}.{}", std::process::id()));
    let made = write(&unfinished, name, language).and_then(|()| fs::rename(&unfinished, folder));
    made.map_err(|error| {
        // What is half made is of no use.
        let _ = fs::remove_dir_all(&unfinished);
        cannot(folder, &error)
    })
}

fn cannot(folder: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Failed, format!("cannot make the folder {}: {error}", folder.display()))
}

/// Whether there is nothing there, or an empty folder.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(fs::symlink_metadata(folder).is_err()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

fn write(folder: &Path, name: &str, language: Language) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (path, content) in language.files(name) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_whole_and_never_over_another() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for language in Language::ALL {
            let name = language.describe().to_lowercase();
            make(&at(&name), &name, language).expect("a folder");
            let manifest = fs::read_to_string(at(&name).join("extractor.toml")).expect("a manifest");
            let manifest = engine::manifest(&manifest).expect("a manifest that is understood");
            assert_eq!(manifest.name.as_deref(), Some(name.as_str()));
            assert!(!manifest.build.command.is_empty() && manifest.params.contains_key("base_url"));
            let again = make(&at(&name), &name, language).expect_err("it is there").to_string();
            assert!(again.contains("is there already, and is no empty folder"), "{again}");
        }
        fs::create_dir(at("empty")).expect("a directory");
        make(&at("empty"), "empty", Language::Rust).expect("a folder");
        fs::write(at("file"), "").expect("a file");
        for name in ["file", "Upper", "../x", "", "-x"] {
            make(&at(name), name, Language::Rust).expect_err(name);
        }
        let left = fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(left, Language::ALL.len() + 2);
    }
}
