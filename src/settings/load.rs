//! From sources to settings: all of them, or every mistake at once.

use crate::settings::contradictions;
use crate::settings::keys;
use crate::settings::keys::RESOURCES;
use crate::settings::literal::literal;
use crate::settings::mistakes::Mistakes;
use crate::settings::model::Settings;
use crate::settings::proxy;
use crate::settings::proxy::Variables;
use crate::settings::sections;
use crate::settings::sources;
use crate::settings::sources::Sources;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::Tree;
use crate::settings::tree::place;
use config::Value;
use config::ValueKind;
use std::ffi::OsString;
use std::path::PathBuf;

/// Settings without a mistake, and where each comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// The same as written, for `check`.
    pub(crate) tree: Tree,
    /// The settings files, in order.
    sources: Vec<PathBuf>,
}

impl Loaded {
    /// Every file that took part, each once: those of the settings, and those that they name. For
    /// whoever wants to know of a change; what the files hold counts as much as their names.
    pub fn files(&self) -> Vec<PathBuf> {
        let Settings { listen, upstream, admin, .. } = &self.settings;
        let tls = listen.tls.iter().flat_map(|files| [&files.cert_file, &files.key_file]);
        let named = tls.chain(&upstream.ca_file).chain(&admin.token_file);
        let mut files = Vec::new();
        for file in self.sources.iter().chain(named) {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        files
    }

    /// Where a key was set, if it was.
    pub(crate) fn set_at(&self, section: &str, key: &str) -> Option<&str> {
        self.tree.leaf(section, key).map(place).filter(|place| *place != DEFAULT)
    }

    /// Every setting: its key, its value as it would be written, and where it comes from.
    pub fn told(&self) -> Vec<[String; 3]> {
        let told = |(key, value): (String, &Value)| [key, literal(value), place(value).to_owned()];
        self.leaves().map(told).collect()
    }

    /// Tells of a key another value than was loaded: one that `by` has put in force.
    pub(crate) fn tell(&mut self, section: &str, key: &str, value: &str, by: &str) {
        self.tree.put(section, key, Value::new(Some(&by.to_owned()), value));
    }

    fn leaves(&self) -> impl Iterator<Item = (String, &Value)> {
        let sections = keys::all().filter_map(|(section, key)| {
            Some((format!("{section}.{key}"), self.tree.leaf(section, key)?))
        });
        let resources = self.tree.resources().1.iter().flat_map(|resource| {
            keys::RESOURCE_KEYS.into_iter().filter_map(move |key| match &resource.kind {
                ValueKind::Table(keys) => Some((format!("{RESOURCES}.{key}"), keys.get(key)?)),
                _ => None,
            })
        });
        sections.chain(resources)
    }
}

/// Reads the settings: compiled defaults, then the files, then the environment, then the flags.
///
/// The environment is an argument, so that tests have their own. Values that a later source
/// replaces are not judged; unknown names are, wherever they stand.
///
/// # Errors
/// Every mistake found, each with its place.
pub fn load(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::default();
    let environment = environment.into_iter().collect::<Vec<_>>();
    let variables = Variables::among(&environment);
    let tree = sources::merged(sources, environment, &mut mistakes);
    let mut settings = sections::settings(&tree, &mut mistakes);
    settings.upstream.proxy = proxy::towards(&settings.upstream.url, &variables, &mut mistakes);
    contradictions::judge(&settings, &tree, &mut mistakes);
    if mistakes.is_empty() {
        Ok(Loaded { settings, tree, sources: sources.files.clone() })
    } else {
        Err(mistakes.sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::CertificateFiles;
    use crate::settings::model::Rate;
    use crate::settings::sources::Flag;
    use crate::settings::tree::DEFAULT;

    fn set(name: &str, value: &str) -> (OsString, OsString) {
        (name.into(), value.into())
    }

    fn flag(value: &str) -> Flag {
        Flag { name: "--log-level", section: "log", key: "level", value: value.to_owned() }
    }

    #[test]
    fn the_defaults_need_nothing() {
        let loaded = load(&Sources::default(), []).unwrap();
        assert!(loaded.told().iter().all(|[_, _, place]| place == DEFAULT));
        assert_eq!(loaded.settings.limit.rate, Rate::Learn);
        assert_eq!(loaded.settings.resources.len(), 1);
    }

    #[test]
    fn what_somebody_else_puts_in_force_is_told_as_theirs() {
        let mut loaded = load(&Sources::default(), []).unwrap();
        loaded.tell("upstream", "url", "http://127.0.0.1:9", "the demonstration");
        let told = loaded.told();
        let of_url = told.iter().find(|[key, ..]| key == "upstream.url").unwrap();
        assert_eq!(of_url[1..], [r#""http://127.0.0.1:9""#, "the demonstration"]);
    }

    #[test]
    fn every_file_that_took_part_is_named_once() {
        let sources = Sources { files: vec!["config/production.toml".into()], flags: Vec::new() };
        let mut loaded =
            load(&sources, [set("VERIFIK_GATEWAY__UPSTREAM__CA_FILE", "LICENSE")]).unwrap();
        let (cert_file, key_file) = ("a".into(), "a".into());
        loaded.settings.listen.tls = Some(CertificateFiles { cert_file, key_file });
        loaded.settings.admin.token_file = Some("c".into());
        assert_eq!(
            loaded.files(),
            ["config/production.toml", "a", "LICENSE", "c"].map(PathBuf::from)
        );
        assert_eq!(load(&Sources::default(), []).unwrap().files(), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn a_value_that_is_replaced_is_not_judged() {
        let sources = Sources { files: Vec::new(), flags: vec![flag("debug")] };
        assert!(load(&sources, [set("VERIFIK_GATEWAY__LOG__LEVEL", "loud")]).is_ok());
    }

    #[test]
    fn mistakes_of_all_sources_are_told_at_once() {
        let missing = "no/such/file.toml".into();
        let sources = Sources { files: vec![missing], flags: vec![flag("loud")] };
        let environment = [
            set("VERIFIK_GATEWAY__UPSTREAM__URL", "https://me:hunter2@api.verifik.co"),
            set("VERIFIK_GATEWAY__LOG__COLOUR", "red"),
        ];
        let told = load(&sources, environment).unwrap_err().to_string();
        let lines = told.lines().map(|line| line.split(" (").next().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                "4 mistakes in the settings:",
                "  --log-level: log.level: \"loud\" is not one of the words; accepted: \"off\", \
                 \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
                "  environment VERIFIK_GATEWAY__LOG__COLOUR: is not a setting",
                "  environment VERIFIK_GATEWAY__UPSTREAM__URL: upstream.url: has user information \
                 before its host",
                "  no/such/file.toml: cannot be read: No such file or directory",
            ]
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
}
