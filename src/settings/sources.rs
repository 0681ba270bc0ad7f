//! Where settings come from: compiled defaults, files, the environment, flags, in this order, the
//! later winning key by key (design §4).

use crate::base::bounded;
use crate::settings::document;
use crate::settings::environment;
use crate::settings::keys::RESOURCE_KEYS;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::escaped;
use crate::settings::tree::Tree;
use config::Value;
use config::ValueKind;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

/// More is not a settings file but a slip of the hand.
const LONGEST_FILE: u64 = 256 * 1024;

/// What the command line says about the settings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sources {
    /// `--config`, in order.
    pub files: Vec<PathBuf>,
    /// Flags that set a key.
    pub flags: Vec<Flag>,
}

/// One flag that sets one key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flag {
    /// As written on the command line, such as `--listen`.
    pub name: &'static str,
    /// Of the key.
    pub section: &'static str,
    /// Within the section.
    pub key: &'static str,
    /// As written.
    pub value: String,
}

/// All sources in one tree. What is wrong is noted and left out.
pub(crate) fn merged(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    mistakes: &mut Mistakes,
) -> Tree {
    let defaults = document::read_defaults(mistakes);
    let mut trees = vec![defaults.clone()];
    trees.extend(sources.files.iter().filter_map(|path| read_file(path, mistakes)));
    trees.push(environment::read(environment, &defaults, mistakes));
    trees.push(read_flags(&sources.flags));
    let merged = Tree::merged(trees).unwrap_or_else(|error| {
        mistakes.note_unreadable("settings", Wrong::new(error.to_string()));
        Tree::default()
    });
    completed(merged, &defaults)
}

fn read_file(path: &Path, mistakes: &mut Mistakes) -> Option<Tree> {
    let name = escaped(&path.display().to_string());
    match read_text(path) {
        Ok(text) => Some(document::read(&name, &text, mistakes)),
        Err(wrong) => {
            mistakes.note_unreadable(&name, wrong);
            None
        }
    }
}

fn read_text(path: &Path) -> Result<String, Wrong> {
    match File::open(path).and_then(|file| bounded::read(file, LONGEST_FILE)) {
        Ok(Some(octets)) => {
            String::from_utf8(octets).map_err(|_| Wrong::new("is not UTF-8, so not TOML"))
        }
        Ok(None) => Err(Wrong::new("is longer than 256 KiB, so hardly a settings file")),
        Err(error) => Err(Wrong::new(format!("cannot be read: {error}"))),
    }
}

fn read_flags(flags: &[Flag]) -> Tree {
    let mut tree = Tree::default();
    for flag in flags {
        let value = Value::new(Some(&flag.name.to_owned()), flag.value.as_str());
        tree.put(flag.section, flag.key, value);
    }
    tree
}

/// Gives each resource the keys it leaves out, as the compiled default has them. Its name, paths
/// and kind are its own.
fn completed(mut tree: Tree, defaults: &Tree) -> Tree {
    let (place, resources) = tree.resources();
    let Some(ValueKind::Table(model)) = defaults.resources().1.first().map(|first| &first.kind)
    else {
        return tree;
    };
    let (place, mut resources) = (place.to_owned(), resources.to_vec());
    for resource in &mut resources {
        let ValueKind::Table(keys) = &mut resource.kind else { continue };
        for key in RESOURCE_KEYS.iter().skip(3) {
            if let (false, Some(value)) = (keys.contains_key(*key), model.get(*key)) {
                keys.insert((*key).to_owned(), value.clone());
            }
        }
    }
    tree.put_resources(&place, resources);
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_defaults_are_without_a_mistake() {
        let mut mistakes = Mistakes::default();
        document::read_defaults(&mut mistakes);
        assert_eq!(mistakes, Mistakes::default());
    }

    #[test]
    fn a_file_that_is_none_is_told() {
        for (path, expected) in [
            ("no/such/file", "cannot be read: No such file or directory (os error 2)"),
            ("src", "cannot be read: Is a directory (os error 21)"),
            ("/dev/zero", "is longer than 256 KiB, so hardly a settings file"),
        ] {
            let told = read_text(Path::new(path)).unwrap_err().to_string();
            assert_eq!(told, expected, "{path}");
        }
    }
}
