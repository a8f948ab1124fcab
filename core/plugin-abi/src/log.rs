//! The bridge that carries a plugin's `tracing` events to the host.
//!
//! A library has its own copy of `tracing`, and with it its own subscriber. The host hands over a sink; the library
//! installs a subscriber that forwards to it.

use std::fmt::{Debug, Write as _};

use abi_stable::StableAbi;
use abi_stable::std_types::{RStr, RString};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Where a library's events go.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct LogSink {
    write: extern "C" fn(RStr<'_>, u8, RStr<'_>, RStr<'_>),
    /// Given back with every event: who the library is.
    plugin: RString,
    max_level: u8,
}

impl LogSink {
    /// The host's side: a sink into the host's own subscriber, for the library that `plugin` names.
    pub fn to_tracing(plugin: &str) -> Self {
        let max_level = LevelFilter::current().into_level().map_or(0, level_code);
        Self { write: write_to_tracing, plugin: plugin.into(), max_level }
    }

    /// The library's side: forwards all events of this copy of `tracing`.
    pub(crate) fn install(self) {
        // A second host in the process has installed its sink before; one is enough.
        let _ = tracing::subscriber::set_global_default(Bridge { sink: self });
    }
}

extern "C" fn write_to_tracing(plugin: RStr<'_>, level: u8, target: RStr<'_>, message: RStr<'_>) {
    let (plugin, origin, message) = (plugin.as_str(), target.as_str(), message.as_str());
    // A subscriber that panics must not take the plugin along.
    let _ = std::panic::catch_unwind(|| match level {
        1 => tracing::error!(plugin, origin, "{message}"),
        2 => tracing::warn!(plugin, origin, "{message}"),
        3 => tracing::info!(plugin, origin, "{message}"),
        4 => tracing::debug!(plugin, origin, "{message}"),
        _ => tracing::trace!(plugin, origin, "{message}"),
    });
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
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level_code(*metadata.level()) <= self.sink.max_level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.sink.max_level {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
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
