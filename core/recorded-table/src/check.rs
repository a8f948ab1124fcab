//! Whether a descriptor's parts fit together, before any file is read.

use std::collections::HashSet;
use std::ops::Range;

use heirloom_model::Space;
use toml::Spanned;

use crate::Result;
use crate::descriptor::{Descriptor, Measured, Recorded, Source};

pub(crate) fn check(source: &Source, descriptor: &Descriptor, space: &Space) -> Result<()> {
    check_parameters(source, descriptor, space)?;
    if let (Some(file), None) = (&descriptor.files.meta_features, &descriptor.columns.task) {
        let problem = "meta-features, and no `columns.task` says whose they are".to_owned();
        let remedy = "name the column that `files.evaluations` and `files.meta_features` share";
        return Err(source.inconsistent(file.span(), problem, remedy));
    }
    check_recorded(source, descriptor)
}

fn check_parameters(source: &Source, descriptor: &Descriptor, space: &Space) -> Result<()> {
    match descriptor.columns.parameters.keys().find(|name| space.index_of(name.get_ref()).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<_> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
            let problem = format!("the space has no parameter `{}`", unknown.get_ref());
            Err(source.inconsistent(
                unknown.span(),
                problem,
                format!("its parameters are {}", names.join(", ")),
            ))
        }
    }
}

/// Checks that every size gives every objective, and says how it differs from the others.
fn check_recorded(source: &Source, descriptor: &Descriptor) -> Result<()> {
    let names: HashSet<&str> =
        descriptor.objectives.iter().map(|objective| objective.name.as_str()).collect();
    let inconsistent =
        |span: Range<usize>, problem: String, remedy: &str| Err(source.inconsistent(span, problem, remedy));
    if names.is_empty() || descriptor.recorded.is_empty() {
        let problem = "at least one `[[objective]]` and one `[[recorded]]` are needed".to_owned();
        return inconsistent(descriptor.space.span(), problem, "say what was measured");
    }
    let sizes_are_columns = descriptor.fidelity.as_ref().is_some_and(|fidelity| fidelity.column.is_none());
    if !sizes_are_columns && descriptor.recorded.len() > 1 {
        let span = descriptor.recorded[1].span();
        return inconsistent(
            span,
            "a second `[[recorded]]`".to_owned(),
            "name the sizes: `[fidelity]` with a name and no column",
        );
    }
    for recorded in &descriptor.recorded {
        check_size(source, descriptor, recorded, sizes_are_columns)?;
        for (name, measured) in &recorded.get_ref().objectives {
            if !names.contains(name.get_ref().as_str()) {
                let problem = format!("`{}` is no `[[objective]]`", name.get_ref());
                return inconsistent(measured.span(), problem, "add it there, or put it under `metrics`");
            }
        }
        if let Some(missing) = names.iter().find(|name| !recorded.get_ref().objectives.contains_key(**name)) {
            let problem = format!("no columns for the objective `{missing}`");
            return inconsistent(recorded.span(), problem, "every size needs every objective");
        }
        check_trainings(source, descriptor, recorded.get_ref())?;
    }
    Ok(())
}

fn check_size(
    source: &Source,
    descriptor: &Descriptor,
    recorded: &Spanned<Recorded>,
    needs_at: bool,
) -> Result<()> {
    let at = recorded.get_ref().at;
    let is_twice =
        at.is_some() && descriptor.recorded.iter().filter(|other| other.get_ref().at == at).count() > 1;
    let (problem, remedy) = match at {
        Some(at) if is_twice => (format!("`at = {at}` stands twice"), "sizes must differ"),
        Some(at) if !(at.is_finite() && at > 0.0) => (format!("`at = {at}`"), "a size is a positive number"),
        Some(_) if !needs_at => {
            ("`at` without a size's name".to_owned(), "add `[fidelity]` with a name and no column")
        }
        None if needs_at => {
            ("a size is missing".to_owned(), "add `at`, or name the column that holds sizes in `[fidelity]`")
        }
        _ => return Ok(()),
    };
    Err(source.inconsistent(recorded.span(), problem, remedy))
}

/// Checks that all quantities with a column for each training have the same number of them, and each a scale.
fn check_trainings(source: &Source, descriptor: &Descriptor, recorded: &Recorded) -> Result<()> {
    let n_trainings = recorded.n_trainings();
    for measured in recorded.measured() {
        let Measured { columns, scale } = measured.get_ref();
        if !scale.is_finite() || *scale == 0.0 {
            let problem = format!("`scale = {scale}`");
            return Err(source.inconsistent(
                measured.span(),
                problem,
                "a scale is a finite number other than 0",
            ));
        }
        let n_columns = columns.len();
        if n_columns > 1 && descriptor.columns.training.is_some() {
            let problem =
                format!("{n_columns} columns, and `columns.training` says that each training has a row");
            return Err(source.inconsistent(measured.span(), problem, "name one column"));
        }
        if n_columns > 1 && n_columns != n_trainings {
            let problem = format!("{n_columns} columns where the objectives have {n_trainings}");
            return Err(source.inconsistent(
                measured.span(),
                problem,
                "give one column, or one for each training",
            ));
        }
    }
    Ok(())
}
