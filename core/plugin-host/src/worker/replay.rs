//! Repeats what ended a worker, from the replay file of a report.

use std::fs::File;
use std::io;
use std::path::Path;

use heirloom_model::{ComponentError, ComponentErrorKind, Verdict};
use heirloom_plugin_abi::{Kind, Wire as _, read_problem, read_space, verdict_code};

use crate::error::HostError;
use crate::health::Ended;
use crate::host::PluginHost;
use crate::identity::Identity;
use crate::local::Recipe;

use super::frame::{FrameReader, HEADER, Verb};
use super::launch::Launcher;
use super::message::{Create, read};
use super::process::Watch;

impl PluginHost {
    /// Makes the calls of a replay file again, in a new worker of the plugin that this host finds, with its own limits.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is none, and a plugin that is not there or does not start.
    pub fn replay(&self, file: &Path) -> Result<Ended, HostError> {
        let bad = |reason: String| HostError::Read { path: file.into(), reason };
        let stream = File::open(file).map_err(|error| bad(error.to_string()))?;
        let mut frames = FrameReader::new(stream);
        let no_replay = |error: String| bad(format!("it is no replay file: {error}"));
        match frames.receive() {
            Ok(Verb::Create) => {}
            Ok(verb) => return Err(no_replay(format!("it begins with {verb:?}"))),
            Err(error) => return Err(no_replay(error.to_string())),
        }
        let create: Create = read(frames.last_body()).map_err(|error| no_replay(error.message))?;
        let plugin = self.find(create.kind, &create.name)?;
        let identity = Identity::new(plugin, create.kind, &create.name);
        let options = serde_json::from_str(&create.options).map_err(|error| no_replay(error.to_string()))?;
        let context = heirloom_plugin_abi::Context::detached();
        let recipe = Recipe { plugin, identity: &identity, options: &options, context: &context };
        let space = match create.kind {
            Kind::Estimator => read_space(&create.subject).ok().flatten(),
            _ => read_problem(&create.subject).ok().map(|problem| problem.space),
        };
        let launcher = Launcher::new(&recipe, &self.0, create.subject, space)?;
        let (mut worker, _) = launcher.start().map_err(|error| recipe.explain(error))?;
        let mut call = 0;
        loop {
            let verb = match frames.receive() {
                Ok(verb) => verb,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(Ended::Answered { calls: call });
                }
                Err(error) => return Err(no_replay(error.to_string())),
            };
            call += 1;
            let mut frame = vec![0; HEADER];
            frame.extend_from_slice(frames.last_body());
            let mut watch = Watch {
                limit: Some(launcher.call_limit),
                memory_bytes: None,
                answer: &mut answer,
                abandon: &mut || false,
            };
            match worker.call(verb, &mut frame, &mut watch) {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if error.kind == ComponentErrorKind::Panicked => {
                    worker.kill();
                    return Ok(Ended::Died { call, message: error.message, printed: worker.printed() });
                }
                Ok(Err(error)) => return Ok(Ended::Error { call, message: error.message }),
                Err(fault) => {
                    return Ok(Ended::Died { call, message: fault.message, printed: worker.printed() });
                }
            }
        }
    }
}

/// A run that goes on whatever is reported.
fn answer(verb: Verb, _: &[u8], frame: &mut Vec<u8>) -> Result<(), ComponentError> {
    match verb {
        Verb::Report => verdict_code(Verdict::Continue).write(frame),
        Verb::Cancelled => 0_u8.write(frame),
        verb => return Err(ComponentError::failed(format!("unexpected frame {verb:?}"))),
    }
    Ok(())
}
