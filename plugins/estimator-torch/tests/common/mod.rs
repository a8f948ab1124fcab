//! Small data sets, a space of perceptrons, requests, and a reporter that answers as a test wants.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use heirloom_estimator_torch::{Options, torch};
use heirloom_plugin::{
    ComponentError, Configuration, Context, CurvePoint, Estimator, EvaluationRequest, Failure, Fidelity,
    Json, Outcome, PluginOptions, Reporter, Seed, Space, SpaceSpec, TrialId, Value, Verdict, json, tracing,
};

/// A folder with files of one test.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Three classes in the plane, each a cloud around a corner, with a category that says nothing and missing
    /// values.
    pub(crate) fn clouds(&self, n: usize) -> PathBuf {
        let mut rng = Seed::from_number(5).rng();
        let mut text = String::from("x,y,colour,label\n");
        for row in 0..n {
            let class = row % 3;
            let (x, y) = [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0)][class];
            let x = if rng.below(20) == 0 { String::new() } else { (x + rng.normal()).to_string() };
            let colour = ["red", "green", "blue"][rng.below(3)];
            writeln!(text, "{x},{},{colour},{}", y + rng.normal(), ["a", "b", "c"][class]).unwrap();
        }
        self.write("clouds.csv", &text)
    }

    /// `z = 100 + 5 x - 3 y` with a little noise.
    pub(crate) fn plane(&self, n: usize) -> PathBuf {
        let mut rng = Seed::from_number(6).rng();
        let mut text = String::from("x,y,z\n");
        for _ in 0..n {
            let (x, y) = (rng.normal(), 10.0 * rng.normal());
            writeln!(text, "{x},{y},{}", 100.0 + 5.0 * x - 0.3 * y + 0.1 * rng.normal()).unwrap();
        }
        self.write("plane.csv", &text)
    }
}

/// Perceptrons of up to three layers, with a learning rate and a batch size to choose.
pub(crate) fn space() -> Arc<Space> {
    space_of(json!([
        {"name": "learning_rate", "type": "float", "low": 1e-4, "high": 0.1, "log": true},
        {"name": "batch_size", "type": "ordinal", "values": [16, 32, 64]},
    ]))
}

pub(crate) fn space_of(parameters: Json) -> Arc<Space> {
    let spec: SpaceSpec = serde_json::from_value(json!({
        "parameter": parameters,
        "architecture": {"kind": "shaped-mlp", "n_layers": [1, 3], "max_units": [8, 64]},
    }))
    .unwrap();
    Arc::new(Space::compile(spec).unwrap())
}

/// The options of this table, with defaults that make trainings small.
pub(crate) fn options(data: &Path, more: Json) -> Options {
    let mut table = json!({"data": data, "epochs": 4, "device": "cpu"});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Options::from_json(&table).unwrap()
}

pub(crate) fn estimator(options: Options) -> Result<Box<dyn Estimator>, ComponentError> {
    torch(options, Some(&space()), &Context::detached())
}

/// A two-layer perceptron with dropout and batch normalisation.
pub(crate) fn configuration(space: &Space) -> Configuration {
    named(space, &[("learning_rate", Value::Float(0.01)), ("batch_size", Value::Int(32))])
}

/// The same with these values.
pub(crate) fn named(space: &Space, more: &[(&str, Value)]) -> Configuration {
    let mut values = std::collections::BTreeMap::from(
        [
            ("n_layers", Value::Int(2)),
            ("shape", "funnel".into()),
            ("max_units", Value::Int(32)),
            ("activation", "relu".into()),
            ("batch_norm", Value::Bool(true)),
            ("dropout", Value::Float(0.2)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    values.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    space.from_named(&values).unwrap()
}

pub(crate) fn request(space: &Space, trial: u64, epochs: f64) -> EvaluationRequest {
    EvaluationRequest::new(TrialId(trial), configuration(space), Fidelity(vec![epochs]))
}

/// Answers `verdict` once `after` points were reported, and is cancelled once it was asked `asks` times.
pub(crate) struct Listener {
    verdict: Verdict,
    after: usize,
    asks_left: Mutex<Option<usize>>,
    pub(crate) points: Mutex<Vec<CurvePoint>>,
}

impl Listener {
    pub(crate) fn patient() -> Self {
        Self::verdict_after(Verdict::Continue, 0)
    }

    pub(crate) fn verdict_after(verdict: Verdict, after: usize) -> Self {
        Self { verdict, after, asks_left: Mutex::new(None), points: Mutex::new(Vec::new()) }
    }

    pub(crate) fn cancelled_after(asks: usize) -> Self {
        Self { asks_left: Mutex::new(Some(asks)), ..Self::patient() }
    }
}

impl Reporter for Listener {
    fn report(&self, _: TrialId, point: &CurvePoint) -> Verdict {
        let mut points = self.points.lock().unwrap();
        points.push(point.clone());
        if points.len() >= self.after { self.verdict } else { Verdict::Continue }
    }

    fn cancelled(&self) -> bool {
        match &mut *self.asks_left.lock().unwrap() {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

pub(crate) fn evaluate(
    estimator: &dyn Estimator,
    request: &EvaluationRequest,
    reporter: &dyn Reporter,
) -> Result<Outcome, Failure> {
    estimator.evaluate(std::slice::from_ref(request), reporter).remove(0)
}

/// What this thread is warned of while it does `work`.
pub(crate) fn warnings(work: impl FnOnce()) -> Vec<String> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(Warnings(Arc::clone(&heard)), work);
    std::mem::take(&mut *heard.lock().unwrap())
}

struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push(message.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// An array of a NumPy archive: its name, type, shape, and bytes (little-endian).
pub(crate) struct Array(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) Vec<usize>,
    pub(crate) Vec<u8>,
);

impl Files {
    /// A NumPy archive of these arrays.
    pub(crate) fn npz(&self, name: &str, arrays: &[Array]) -> PathBuf {
        let path = self.0.path().join(name);
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for Array(name, kind, shape, bytes) in arrays {
            let shape: String = shape.iter().map(|size| format!("{size}, ")).collect();
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
            archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(b"\x93NUMPY\x01\x00").unwrap();
            archive.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
            archive.write_all(header.as_bytes()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
        path
    }
}
