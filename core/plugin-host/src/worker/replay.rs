//! Repeats what ended a worker, from the replay file of a report.

use std::fs::File;
use std::io;
use std::path::Path;

use heirloom_model::{ComponentError, ComponentErrorKind, Failure, Verdict};
use heirloom_plugin_abi::columns::{Outcomes, Requests};
use heirloom_plugin_abi::{Kind, Wire as _, read_problem, read_space, verdict_code};

use crate::error::HostError;
use crate::health::Ended;
use crate::host::PluginHost;
use crate::identity::Identity;
use crate::local::Recipe;

use super::frame::{FrameReader, Verb, new_frame};
use super::launch::Launcher;
use super::message::{Create, read};
use super::process::Watch;
use super::scratch::Scratch;

impl PluginHost {
    /// Makes the calls of a replay file again, in a new worker of the plugin that this host finds, with its own limits.
    /// What an evaluation keeps of its trial goes into a folder that ends with the replay: the run's stays as it is.
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
        let mut launcher = Launcher::new(&recipe, &self.0, create.subject, space)?;
        (launcher.create.threads, launcher.create.folder) = (create.threads, create.folder);
        let no_folder = |error: io::Error| recipe.explain(ComponentError::failed(error.to_string()));
        let files = Scratch::new().map_err(no_folder)?;
        launcher.let_write(files.path());
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
            let mut frame = new_frame();
            match verb {
                Verb::Evaluate => with_files_in(files.path(), frames.last_body())
                    .map_err(|error| no_replay(error.message))?
                    .write(&mut frame),
                _ => frame.extend_from_slice(frames.last_body()),
            }
            let mut watch = Watch {
                limit: Some(launcher.call_limit),
                memory_bytes: None,
                answer: &mut answer,
                abandon: &mut || false,
            };
            match worker.call(verb, &mut frame, &mut watch) {
                Ok(Ok(answer)) => match failure(verb, answer) {
                    Ok(None) => {}
                    Ok(Some(Failure { kind, message, .. })) => {
                        return Ok(Ended::Failed { call, kind, message });
                    }
                    Err(error) => return Ok(Ended::Error { call, message: error.message }),
                },
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

/// The requests in `body`, with `folder` in the place of the run's.
fn with_files_in(folder: &Path, body: &[u8]) -> Result<Requests, ComponentError> {
    let mut requests = Requests::read_all(body)?.to_model()?;
    for request in requests.iter_mut().filter(|request| request.folder.is_some()) {
        request.folder = Some(folder.into());
    }
    Requests::from_model(&requests)
}

/// The first failure in the answer to a call, which only evaluations have.
fn failure(verb: Verb, answer: &[u8]) -> Result<Option<Failure>, ComponentError> {
    if verb != Verb::Evaluate {
        return Ok(None);
    }
    Ok(Outcomes::read_all(answer)?.to_model()?.into_iter().find_map(Result::err))
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
