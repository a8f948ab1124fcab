//! The module as nested parts, so that `stem.conv.weight` is the tensor of a part of a part.

use crate::export::NamedTensor;
use crate::export::python;
use crate::export::steps::Steps;

/// One module: the whole network, or what stands under one name.
#[derive(Default)]
pub(super) struct Part<'a> {
    /// Its number; the whole is 0.
    pub(super) number: usize,
    /// Tensors with their names and whether they are parameters.
    pub(super) tensors: Vec<(&'a str, &'a NamedTensor, bool)>,
    /// Parts within it: name, number.
    pub(super) parts: Vec<(&'a str, usize)>,
}

impl Part<'_> {
    /// The name of its class.
    pub(super) fn class(&self) -> String {
        class(self.number)
    }
}

pub(super) fn class(number: usize) -> String {
    if number == 0 { "Network".into() } else { format!("Part{number}") }
}

/// All parts, the whole first, each before those within it.
pub(super) struct Parts<'a>(pub(super) Vec<Part<'a>>);

impl<'a> Parts<'a> {
    pub(super) fn of(steps: &'a Steps<'_>) -> Self {
        let mut parts = Self(vec![Part::default()]);
        for tensor in steps.steps.iter().flat_map(|step| step.tensors) {
            let mut at = 0;
            let (path, name) =
                tensor.name.rsplit_once('.').expect("a tensor's name is its layer's and its own");
            for part in path.split('.') {
                at = parts.within(at, part);
            }
            let is_parameter = !matches!(name, "running_mean" | "running_var");
            parts.0[at].tensors.push((name, tensor, is_parameter));
        }
        parts
    }

    fn within(&mut self, at: usize, name: &'a str) -> usize {
        if let Some((_, number)) = self.0[at].parts.iter().find(|(known, _)| *known == name) {
            return *number;
        }
        let number = self.0.len();
        self.0[at].parts.push((name, number));
        self.0.push(Part { number, ..Part::default() });
        number
    }
}

/// How code reads the tensor or part with this name, parts joined by dots.
pub(super) fn access(name: &str) -> String {
    name.split('.').fold("self".to_owned(), |owner, part| {
        if python::is_identifier(part) {
            format!("{owner}.{part}")
        } else {
            format!("getattr({owner}, {})", python::string(part))
        }
    })
}
