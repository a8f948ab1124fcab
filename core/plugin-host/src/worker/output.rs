//! What a worker prints: passed on to the host's standard error as it comes, its end kept for reports.
//!
//! It goes through the host so that it can be kept, and so that a plugin cannot fill a disk by way of the host's log.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much of the end is kept.
const TAIL_BYTES: usize = 16_384;

/// How much of one worker's output is passed on.
const MAX_PASSED_BYTES: usize = 1 << 20;

/// How long the end of the output is waited for once the worker has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// A worker's output.
#[derive(Debug)]
pub(super) struct Output {
    tail: Arc<Mutex<VecDeque<u8>>>,
    end: Mutex<Receiver<()>>,
}

impl Output {
    /// The output of `plugin`'s worker, and where the worker has to write it.
    pub(super) fn new(plugin: &str) -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, end) = channel();
        let (kept, plugin) = (Arc::clone(&tail), plugin.to_owned());
        std::thread::Builder::new().name("worker-output".into()).spawn(move || {
            pass_on(reader, &kept, &plugin);
            // Its end is the message.
            drop(sender);
        })?;
        Ok((Self { tail, end: Mutex::new(end) }, writer))
    }

    /// The last lines; complete when the worker has ended.
    pub(super) fn tail(&self) -> String {
        let _ = self.end.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_OUTPUT);
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

fn pass_on(mut reader: PipeReader, tail: &Mutex<VecDeque<u8>>, plugin: &str) {
    let (mut buffer, mut n_passed) = ([0; 4_096], 0);
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.extend(&buffer[..n]);
            let surplus = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..surplus);
        }
        if n_passed < MAX_PASSED_BYTES {
            // Nobody who reads the host's errors is no reason to end.
            let _ = io::stderr().write_all(&buffer[..n]);
            n_passed += n;
            if n_passed >= MAX_PASSED_BYTES {
                tracing::warn!(
                    "plugin `{plugin}` has printed {MAX_PASSED_BYTES} bytes; the rest is left out"
                );
            }
        }
    }
}
