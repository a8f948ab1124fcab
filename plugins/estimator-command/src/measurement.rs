//! One line of a program's output.

use std::borrow::Cow;
use std::collections::BTreeMap;

use heirloom_plugin::{Failure, FailureKind, Json, Objective};

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    /// How far the evaluation has come; `None` in a final line.
    pub(crate) step: Option<f64>,
    /// Minimised, `[n_objectives]`, finite.
    pub(crate) objectives: Vec<f64>,
    /// The line's other numbers.
    pub(crate) metrics: BTreeMap<String, f64>,
}

impl Measurement {
    /// Reads line number `number`, counted from 1.
    pub(crate) fn parse(line: &str, number: usize, objectives: &[Objective]) -> Result<Self, Failure> {
        let malformed = |problem: String| {
            let shown: String = line.chars().take(200).collect();
            let message = format!("line {number} of the program's output, `{shown}`, {problem}");
            Failure::new(FailureKind::Crashed, message)
        };
        let Ok(Json::Object(fields)) = serde_json::from_str(&without_nan(line)) else {
            return Err(malformed(
                "is no JSON object; hint: print one object a line, and anything else to standard error"
                    .into(),
            ));
        };
        let mut measurement = Self { step: None, objectives: Vec::new(), metrics: BTreeMap::new() };
        for objective in objectives {
            let name = &objective.name;
            match fields.get(name) {
                Some(Json::Number(number)) => {
                    let value = number.as_f64().unwrap_or(f64::NAN);
                    measurement.objectives.push(objective.direction.turn(value));
                }
                Some(Json::Null) => {
                    let message = format!("`{name}` is not finite in line {number}");
                    return Err(Failure::new(FailureKind::Diverged, message));
                }
                Some(other) => {
                    return Err(malformed(format!("has `{other}` for `{name}`, which is no number")));
                }
                None => return Err(malformed(format!("has no `{name}`"))),
            }
        }
        for (name, value) in &fields {
            match (name.as_str(), value.as_f64()) {
                ("step", None) => {
                    return Err(malformed(format!("has `{value}` for `step`, which is no number")));
                }
                ("step", step) => measurement.step = step,
                (_, Some(value)) if objectives.iter().all(|objective| objective.name != *name) => {
                    measurement.metrics.insert(name.clone(), value);
                }
                _ => {}
            }
        }
        Ok(measurement)
    }
}

/// JSON has no NaN and no infinities, but Python and others write them: outside of strings they become `null`.
fn without_nan(line: &str) -> Cow<'_, str> {
    if !(line.contains("NaN") || line.contains("Infinity")) {
        return line.into();
    }
    let mut in_string = false;
    let pieces = line.split_inclusive('"').map(|piece| {
        let is_text = in_string;
        // A quote after an odd number of backslashes does not end a string.
        let n_backslashes = piece.trim_end_matches('"').chars().rev().take_while(|&c| c == '\\').count();
        if piece.ends_with('"') && (!in_string || n_backslashes % 2 == 0) {
            in_string = !in_string;
        }
        if is_text {
            piece.to_owned()
        } else {
            piece.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null")
        }
    });
    pieces.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use heirloom_plugin::Direction;

    use super::*;

    fn parse(line: &str) -> Result<Measurement, Failure> {
        let accuracy = Objective { name: "acc".into(), direction: Direction::Maximise };
        let seconds = Objective { name: "s".into(), direction: Direction::Minimise };
        Measurement::parse(line, 3, &[accuracy, seconds])
    }

    #[test]
    fn objectives_are_turned_and_other_numbers_are_metrics() {
        let measurement =
            parse(r#"{"step": 2, "acc": 91.5, "s": 3, "params": 7e5, "note": "NaN", "ok": true}"#).unwrap();
        assert_eq!(measurement.step, Some(2.0));
        assert_eq!(measurement.objectives, [-91.5, 3.0]);
        assert_eq!(measurement.metrics, BTreeMap::from([("params".to_owned(), 7e5)]));
    }

    #[test]
    fn numbers_that_are_not_finite_are_divergence_not_malformed_lines() {
        for line in [
            r#"{"acc": NaN, "s": 1}"#,
            r#"{"note": "a \" NaN", "acc": -Infinity, "s": 1}"#,
            r#"{"acc": null, "s": 1}"#,
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Diverged, "{line}: {failure}");
            assert_eq!(failure.message, "`acc` is not finite in line 3");
        }
    }

    #[test]
    fn a_malformed_line_is_shown() {
        let check = |line: &str, expected: &str| {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Crashed);
            assert_eq!(failure.message, format!("line 3 of the program's output, `{line}`, {expected}"));
        };
        let hint = "is no JSON object; hint: print one object a line, and anything else to standard error";
        check("epoch 3/10", hint);
        check("[1]", hint);
        check(r#"{"acc": 1}"#, "has no `s`");
        check(r#"{"acc": "high", "s": 1}"#, "has `\"high\"` for `acc`, which is no number");
        check(r#"{"acc": 1, "s": 1, "step": "two"}"#, "has `\"two\"` for `step`, which is no number");
    }
}
