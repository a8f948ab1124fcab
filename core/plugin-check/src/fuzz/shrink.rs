//! Makes a failing sequence as short and as simple as it can be while it still fails in the same way.

use super::sequence::Replay;
use crate::{CheckError, Status};

/// Sequences that are tried at most.
const MAX_TRIES: usize = 600;

/// The shortest failing sequence that was found, with what it shows.
pub(super) fn shrink(
    drawn: Replay,
    mut play: impl FnMut(&Replay) -> Result<Status, CheckError>,
) -> Result<Replay, CheckError> {
    let mut best = drawn;
    let first = play(&best)?;
    if !first.is_failure() {
        best.found = "it failed once and not again: it depends on more than its calls".into();
        return Ok(best);
    }
    best.found = first.message().into();
    let mut n_tries = 0;
    // A failure of another kind would be another fault.
    let mut still_fails = |candidate: &mut Replay| -> Result<bool, CheckError> {
        n_tries += 1;
        if n_tries > MAX_TRIES {
            return Ok(false);
        }
        let status = play(candidate)?;
        candidate.found = status.message().into();
        Ok(status.name() == first.name())
    };
    loop {
        let before = best.calls.clone();
        best = shorter(best, &mut still_fails)?;
        best = simpler(best, &mut still_fails)?;
        if best.calls == before {
            return Ok(best);
        }
    }
}

/// Leaves out calls: halves first, single ones last.
fn shorter(
    mut best: Replay,
    still_fails: &mut dyn FnMut(&mut Replay) -> Result<bool, CheckError>,
) -> Result<Replay, CheckError> {
    let mut length = best.calls.len().div_ceil(2);
    while length > 0 {
        let mut from = 0;
        while from < best.calls.len() {
            let mut candidate = best.clone();
            candidate.calls.drain(from..(from + length).min(best.calls.len()));
            if still_fails(&mut candidate)? {
                best = candidate;
            } else {
                from += length;
            }
        }
        length /= 2;
    }
    Ok(best)
}

/// Makes single calls simpler.
fn simpler(
    mut best: Replay,
    still_fails: &mut dyn FnMut(&mut Replay) -> Result<bool, CheckError>,
) -> Result<Replay, CheckError> {
    for place in 0..best.calls.len() {
        for call in best.calls[place].simpler() {
            let mut candidate = best.clone();
            candidate.calls[place] = call;
            if still_fails(&mut candidate)? {
                best = candidate;
                break;
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::super::sequence::{Call, Told};
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let calls = |text: &str| -> Vec<Call> { serde_json::from_str(text).unwrap() };
        let mut drawn = Replay::draw("p 1.0.0", "s", &serde_json::json!({}), 3);
        drawn.calls.insert(1, Call::Ask { n: 13 });
        drawn.calls.push(Call::Tell { place: 5, result: Told::Huge });
        // It fails when an ask for 5 or more comes before a huge result.
        let plays = |replay: &Replay| {
            let ask = replay.calls.iter().position(|call| matches!(call, Call::Ask { n: 5.. }));
            let fails = ask.is_some_and(|place| {
                replay.calls[place..].iter().any(|call| matches!(call, Call::Tell { result: Told::Huge, .. }))
            });
            Ok(if fails { Status::Failed("huge".into()) } else { Status::Success })
        };
        let shrunk = shrink(drawn, plays).unwrap();
        assert_eq!(shrunk.found, "huge");
        let expected = r#"[{"call": "ask", "n": 5}, {"call": "tell", "place": 0, "result": "huge"}]"#;
        assert_eq!(shrunk.calls, calls(expected));
    }

    #[test]
    fn a_failure_that_does_not_come_again_is_called_that() {
        let drawn = Replay::draw("p 1.0.0", "s", &serde_json::json!({}), 3);
        let shrunk = shrink(drawn.clone(), |_| Ok(Status::Success)).unwrap();
        assert_eq!(shrunk.calls, drawn.calls);
        assert!(shrunk.found.contains("it failed once and not again"), "{}", shrunk.found);
    }
}
