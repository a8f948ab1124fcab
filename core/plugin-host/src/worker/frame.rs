//! Frames: a length (u32, little-endian), a verb (u8), a body.

use std::io::{self, Read, Write};

use heirloom_plugin_abi::Wire;

/// What a frame is for. The numbers are the protocol: they are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verb {
    /// Host: load the library and make the component ([`Create`](super::message::Create)).
    Create = 1,
    /// Host: `ask`; answered by columns of proposals.
    Ask = 2,
    /// Host: `tell`.
    Tell = 3,
    /// Host: `judge`; answered by a verdict's byte.
    Judge = 4,
    /// Host: `inform`; answered by 0 or 1.
    Inform = 5,
    /// Host: `recommend`; answered by nothing or eight bytes.
    Recommend = 6,
    /// Host: `save`; answered by 0, or by 1 and the state.
    Save = 7,
    /// Host: `restore`.
    Restore = 8,
    /// Host: `evaluate`; answered by columns of outcomes, perhaps after reports.
    Evaluate = 9,
    /// Host: `score`: a seed and a column of configurations; answered by a column of scores.
    Score = 10,
    /// Answer: it worked.
    Done = 32,
    /// Answer: it did not ([`WrittenError`](super::message::WrittenError)).
    Error = 33,
    /// Worker, within `Evaluate`: a point of a curve; answered by a verdict's byte.
    Report = 34,
    /// Worker, within `Evaluate`: answered by 0 or 1.
    Cancelled = 35,
    /// Worker, at any time: an event for the log ([`LogEvent`](super::message::LogEvent)). Not answered.
    Log = 36,
    /// Worker, within a call: configurations that may be none of the space
    /// ([`Candidates`](heirloom_plugin_abi::columns::Candidates)); answered by a byte for each, 0 or 1.
    Allowed = 37,
}

impl Verb {
    const ALL: [Self; 16] = [
        Self::Create,
        Self::Ask,
        Self::Tell,
        Self::Judge,
        Self::Inform,
        Self::Recommend,
        Self::Save,
        Self::Restore,
        Self::Evaluate,
        Self::Score,
        Self::Done,
        Self::Error,
        Self::Report,
        Self::Cancelled,
        Self::Log,
        Self::Allowed,
    ];
}

/// The largest body, bytes. A longer one is a mistake or a lie.
pub(super) const MAX_BODY: usize = 1 << 30;

/// Refuses a body that is too large.
fn check_length(length: usize) -> io::Result<()> {
    if length <= MAX_BODY {
        return Ok(());
    }
    let message = format!("a frame of {length} bytes, more than the {MAX_BODY} that are allowed");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

/// Fills in the header of a frame: `buffer` holds [`HEADER`] bytes of any content and then the body.
pub(super) fn seal(verb: Verb, buffer: &mut [u8]) -> io::Result<()> {
    let length = buffer.len() - HEADER;
    check_length(length)?;
    buffer[..4].copy_from_slice(&(length as u32).to_le_bytes());
    buffer[4] = verb as u8;
    Ok(())
}

/// Sends a frame, in one write where the socket takes it; `buffer` as [`seal`] takes it.
pub(super) fn send(mut stream: impl Write, verb: Verb, buffer: &mut [u8]) -> io::Result<()> {
    seal(verb, buffer)?;
    stream.write_all(buffer)
}

/// The bytes before a frame's body.
pub(super) const HEADER: usize = 5;

/// A buffer for [`send`], to which the body is appended.
pub(super) fn new_frame() -> Vec<u8> {
    vec![0; HEADER]
}

/// A buffer for [`send`] with columns as its body.
pub(super) fn frame_of(columns: &impl Wire) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + columns.n_bytes());
    frame.resize(HEADER, 0);
    columns.write(&mut frame);
    frame
}

/// Reads frames, many of them in one system call where they are small.
pub(super) struct FrameReader<R> {
    stream: R,
    buffer: Vec<u8>,
    /// The part of `buffer` that was received and not given out.
    received: std::ops::Range<usize>,
    last_body: std::ops::Range<usize>,
    /// Whether a frame that comes piece by piece is an error of kind `WouldBlock` after each.
    is_impatient: bool,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: vec![0; 1 << 14], received: 0..0, last_body: 0..0, is_impatient: false }
    }

    /// A reader whose caller can look at the clock however slowly a frame comes.
    pub(super) fn impatient(stream: R) -> Self {
        Self { is_impatient: true, ..Self::new(stream) }
    }

    pub(super) fn stream(&self) -> &R {
        &self.stream
    }

    /// The body of the frame that was received last.
    pub(super) fn last_body(&self) -> &[u8] {
        &self.buffer[self.last_body.clone()]
    }

    /// The verb of the next frame; its body is the [`last_body`](Self::last_body) until the next call. After an error of kind `WouldBlock` or `TimedOut` the call can be repeated: nothing is lost.
    pub(super) fn receive(&mut self) -> io::Result<Verb> {
        self.fill(HEADER)?;
        let header = &self.buffer[self.received.start..];
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let code = header[4];
        check_length(length)?;
        self.fill(HEADER + length)?;
        let body = self.received.start + HEADER;
        self.received.start = body + length;
        self.last_body = body..body + length;
        let verb = Verb::ALL.into_iter().find(|verb| *verb as u8 == code);
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, format!("verb {code} is unknown"));
        verb.ok_or_else(unknown)
    }

    /// Receives until `n` bytes are there.
    fn fill(&mut self, n: usize) -> io::Result<()> {
        if self.received.is_empty() {
            self.received = 0..0;
        }
        if self.received.start > 0 && self.received.start + n > self.buffer.len() {
            self.buffer.copy_within(self.received.clone(), 0);
            self.received = 0..self.received.len();
        }
        while self.received.len() < n {
            if self.received.end == self.buffer.len() {
                // Memory grows with what arrives, not with what a length promises.
                self.buffer.resize((2 * self.buffer.len()).min(n), 0);
            }
            match self.stream.read(&mut self.buffer[self.received.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n_read) => {
                    self.received.end += n_read;
                    if self.is_impatient && self.received.len() < n {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
