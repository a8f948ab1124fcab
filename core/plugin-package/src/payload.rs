//! Holds what a package says of its libraries and sources against what they say of themselves. Nothing of them runs.

use std::path::Path;

use crate::description::{MANIFEST, Payload};
use crate::error::{PackageError, Result};
use crate::found::Found;
use crate::read::Package;

impl Package {
    /// Checks every payload, unpacked into a temporary folder for as long as that takes.
    pub fn check_payloads(&self) -> Result<()> {
        let folder =
            tempfile::tempdir().map_err(|error| PackageError::write(&std::env::temp_dir(), error))?;
        self.unpack(folder.path())?;
        check(self, folder.path())
    }
}

/// Checks every payload of a package that was unpacked into `folder`.
pub(crate) fn check(package: &Package, folder: &Path) -> Result<()> {
    package.description().payloads.iter().try_for_each(|payload| check_one(package, payload, folder))
}

fn check_one(package: &Package, payload: &Payload, folder: &Path) -> Result<()> {
    let lie = |problem: String| PackageError::Lie {
        package: package.path().into(),
        file: payload.path.to_string(),
        problem,
    };
    let about = package.description();
    let path = payload.path.under(folder);
    let found = Found::at(&path).map_err(|error| lie(error.to_string()))?;
    if found.target != payload.target {
        return Err(lie(format!("it is said to be for `{}`, it is for `{}`", payload.target, found.target)));
    }
    if found.fingerprint != payload.fingerprint {
        let (said, is) = (&payload.fingerprint, &found.fingerprint);
        return Err(lie(format!("its fingerprint is said to be `{said}`, it is `{is}`")));
    }
    if (&found.manifest.id, &found.version) != (&about.id, &about.version) {
        let (id, version) = (&found.manifest.id, &found.version);
        return Err(lie(format!(
            "it is said to be `{}` {}, it is `{id}` {version}",
            about.id, about.version
        )));
    }
    if found.interface != about.interface {
        let (said, is) = (about.interface, found.interface);
        return Err(lie(format!("it is said to be for interface level {said}, it is for {is}")));
    }
    for component in &about.components {
        let (kind, name) = (component.kind, &component.name);
        let (_, schema) = found
            .components
            .iter()
            .find(|(other, _)| (other.kind, &other.name) == (kind, name))
            .ok_or_else(|| lie(format!("it is said to have {kind} `{name}`, which it has not")))?;
        if package.schema(&component.schema)? != *schema {
            return Err(PackageError::Lie {
                package: package.path().into(),
                file: component.schema.to_string(),
                problem: format!("{kind} `{name}` takes other options in `{}`", payload.path),
            });
        }
    }
    if let Some((other, _)) = found.components.iter().find(|(other, _)| {
        !about.components.iter().any(|known| (known.kind, &known.name) == (other.kind, &other.name))
    }) {
        return Err(lie(format!("it has {} `{}`, which the package hides", other.kind, other.name)));
    }
    // The same in every word: limits and determinism of a component stand there and nowhere else.
    if found.text.trim_end() != package.texts()[MANIFEST].trim_end() {
        return Err(lie(format!("the `{MANIFEST}` inside it is another one")));
    }
    Ok(())
}
