//! The bridge that carries a plugin's `tracing` events to the host.
//!
//! A library has its own copy of `tracing`, and with it its own subscriber. The host hands over a sink; the library
//! installs a subscriber that forwards to it.

use std::fmt::{Debug, Write as _};

use abi_stable::StableAbi;
use abi_stable::std_types::{RStr, RString};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Where a library's events go.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct LogSink {
    enabled: extern "C" fn(u8) -> bool,
    write: extern "C" fn(RStr<'_>, u8, RStr<'_>, RStr<'_>),
    /// Given back with every event: who the library is.
    plugin: RString,
}

impl LogSink {
    /// Hands an event over, where events of its level are wanted.
    pub(crate) fn send(&self, level: u8, origin: &str, message: &str) {
        if (self.enabled)(level) {
            (self.write)(self.plugin.as_rstr(), level, origin.into(), message.into());
        }
    }
}

/// What a host does with the events of its plugins. Levels run from 1 (error) to 5 (trace).
pub trait EventWriter {
    /// Whether events of the level are wanted now.
    fn enabled(level: u8) -> bool;

    /// Takes an event: the plugin, the level, where it comes from, the text.
    fn write(plugin: &str, level: u8, origin: &str, message: &str);
}

/// Hands events to this process's subscriber.
#[derive(Debug)]
pub struct ToTracing;

impl ToTracing {
    /// The level above which nobody in this process listens: 0 for none, 5 for all.
    pub fn max_level() -> u8 {
        LevelFilter::current().into_level().map_or(0, level_code)
    }
}

impl EventWriter for ToTracing {
    fn enabled(level: u8) -> bool {
        level <= Self::max_level()
    }

    fn write(plugin: &str, level: u8, origin: &str, message: &str) {
        match level {
            1 => tracing::error!(plugin, origin, "{message}"),
            2 => tracing::warn!(plugin, origin, "{message}"),
            3 => tracing::info!(plugin, origin, "{message}"),
            4 => tracing::debug!(plugin, origin, "{message}"),
            _ => tracing::trace!(plugin, origin, "{message}"),
        }
    }
}

impl LogSink {
    /// The host's side: a sink for the library that `plugin` names.
    pub fn new<W: EventWriter>(plugin: &str) -> Self {
        Self { enabled: enabled::<W>, write: write::<W>, plugin: plugin.into() }
    }

    /// The library's side: forwards all events of this copy of `tracing`.
    pub(crate) fn install(self) {
        // A second host in the process has installed its sink before; one is enough.
        let _ = tracing::subscriber::set_global_default(Bridge { sink: self });
    }
}

extern "C" fn enabled<W: EventWriter>(level: u8) -> bool {
    std::panic::catch_unwind(|| W::enabled(level)).unwrap_or(false)
}

extern "C" fn write<W: EventWriter>(plugin: RStr<'_>, level: u8, origin: RStr<'_>, message: RStr<'_>) {
    // A subscriber that panics must not take the plugin along.
    let _ = std::panic::catch_unwind(|| W::write(plugin.as_str(), level, origin.as_str(), message.as_str()));
}

fn level_code(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// A subscriber that knows no spans: an event carries its own fields, and the host adds the plugin.
struct Bridge {
    sink: LogSink,
}

impl Subscriber for Bridge {
    /// The host's wishes may change: they are asked for at every event.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && (self.sink.enabled)(level_code(*metadata.level()))
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let (level, target) = (level_code(*event.metadata().level()), event.metadata().target());
        let message = text.message + &text.fields;
        (self.sink.write)(self.sink.plugin.as_rstr(), level, target.into(), message.as_str().into());
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// An event's message and its other fields, as text.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a `String` cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
crate::layout::crossing! {
    LogSink { enabled, write, plugin }
}
