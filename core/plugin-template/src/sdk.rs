//! Where a new plugin finds what it depends on.

use std::path::{Path, PathBuf};

use crate::TemplateError;

/// Where `heirloom-plugin` and its like come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdk {
    /// A checkout of Heirloom's source, absolute.
    Checkout(PathBuf),
    /// A published version.
    Version(String),
    /// A git repository.
    Git(String),
}

impl Sdk {
    /// Reads what a person says: a folder, a version, or the address of a git repository.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.contains("://") || text.starts_with("git@") {
            return Ok(Self::Git(text.into()));
        }
        let is_version = text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
        if is_version && !Path::new(text).is_dir() {
            return Ok(Self::Version(text.into()));
        }
        let folder = Path::new(text);
        let no_sdk = || TemplateError::NoSdk { folder: folder.into() };
        let absolute = folder.canonicalize().map_err(|_| no_sdk())?;
        // The folder of the crate itself will do too.
        let roots = [Some(absolute.as_path()), absolute.parent().and_then(Path::parent)];
        let root = roots.into_iter().flatten().find(|root| is_checkout(root)).ok_or_else(no_sdk)?;
        Ok(Self::Checkout(root.into()))
    }

    /// The checkout that `program` was built in, where it still lies in one.
    pub fn around(program: &Path) -> Option<Self> {
        let root = program.ancestors().skip(1).find(|folder| is_checkout(folder))?;
        Some(Self::Checkout(root.canonicalize().ok()?))
    }

    /// What stands in `Cargo.toml` behind `NAME =`, for the crate `heirloom-NAME` that lies in `core/NAME`.
    pub(crate) fn dependency(&self, name: &str) -> String {
        let quoted = |text: &str| toml::Value::String(text.into()).to_string();
        match self {
            Self::Checkout(root) => {
                format!("{{ path = {} }}", quoted(&root.join("core").join(name).to_string_lossy()))
            }
            Self::Version(version) => quoted(version),
            Self::Git(address) => format!("{{ git = {} }}", quoted(address)),
        }
    }

    /// What `pip` is told to install for the tests of a Python plugin.
    pub(crate) fn requirement(&self) -> String {
        match self {
            Self::Checkout(root) => root.join(PYTHON_PACKAGE).to_string_lossy().into_owned(),
            Self::Version(version) => format!("heirloom-plugin=={version}"),
            Self::Git(address) => format!("heirloom-plugin @ git+{address}#subdirectory={PYTHON_PACKAGE}"),
        }
    }

    /// What stands before a command that needs the Python package, where it lies in a checkout.
    pub(crate) fn python_path(&self) -> String {
        match self {
            Self::Checkout(root) => format!("PYTHONPATH={} ", quoted_for_shell(&root.join(PYTHON_PACKAGE))),
            Self::Version(_) | Self::Git(_) => String::new(),
        }
    }
}

/// Where the Python package lies in a checkout.
const PYTHON_PACKAGE: &str = "python/heirloom-plugin";

fn quoted_for_shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

impl std::fmt::Display for Sdk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Checkout(root) => write!(f, "the checkout `{}`", root.display()),
            Self::Version(version) => write!(f, "version {version}"),
            Self::Git(address) => write!(f, "`{address}`"),
        }
    }
}

fn is_checkout(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("core/plugin/Cargo.toml"));
    manifest.is_ok_and(|text| text.contains("name = \"heirloom-plugin\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_versions_and_repositories_are_told_apart() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let checkout = Sdk::Checkout(root.clone());
        assert_eq!(Sdk::parse(root.to_str().unwrap()).unwrap(), checkout);
        assert_eq!(Sdk::parse(root.join("core/plugin").to_str().unwrap()).unwrap(), checkout);
        assert_eq!(Sdk::around(&root.join("target/debug/heirloom")), Some(checkout.clone()));
        assert_eq!(Sdk::around(Path::new("/bin/sh")), None);
        assert_eq!(Sdk::parse("0.1.0").unwrap(), Sdk::Version("0.1.0".into()));
        let git = "https://example.org/heirloom";
        assert_eq!(Sdk::parse(git).unwrap(), Sdk::Git(git.into()));
        let error = Sdk::parse("/no/such/folder").unwrap_err().to_string();
        assert!(error.contains("`/no/such/folder` is not the source of Heirloom"), "{error}");
        assert!(error.contains("hint: give the folder of a checkout, a version"), "{error}");
        assert_eq!(Sdk::Version("0.1.0".into()).dependency("plugin"), "\"0.1.0\"");
        assert_eq!(Sdk::Git(git.into()).dependency("plugin"), format!("{{ git = \"{git}\" }}"));
        assert!(checkout.dependency("plugin").ends_with("core/plugin\" }"));
        assert!(Path::new(&checkout.requirement()).join("pyproject.toml").is_file());
        assert_eq!(Sdk::Version("0.1.0".into()).requirement(), "heirloom-plugin==0.1.0");
        let spaced = Sdk::Checkout("/my work".into()).python_path();
        assert_eq!(spaced, "PYTHONPATH='/my work/python/heirloom-plugin' ");
    }
}
