//! What may stand in a run file: one table of keys, from which come the checks of names, types and ranges, the
//! suggestions in messages, and the reference in the README.

use heirloom_model::SpaceSpec;

/// A table of the run file.
#[derive(Debug)]
pub(crate) struct Table {
    /// What it is for.
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
    /// Whether further keys belong to a plugin, which checks them itself.
    pub(crate) open: bool,
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    pub(crate) doc: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Presence {
    Required,
    /// May be left out; says what holds then.
    Otherwise(&'static str),
}

/// What a key's value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    /// A file or folder, relative to the run file's folder.
    Path,
    Bool,
    /// A whole number of at least this.
    Whole(i64),
    /// A whole number from 1 to this.
    UpTo(i64),
    /// A number above this, finite.
    Above(f64),
    /// A number above 0 and at most 1.
    Share,
    OneOf(&'static [&'static str]),
    Texts,
    /// Checked where it is used.
    Any,
    Table(&'static Table),
    Tables(&'static Table),
}

use Kind::{Above, Any, Bool, OneOf, Path, Share, Text, Texts, UpTo, Whole};
use Presence::{Otherwise, Required};

const fn key(name: &'static str, kind: Kind, presence: Presence, doc: &'static str) -> Key {
    Key { name, kind, presence, doc }
}

pub(crate) const DIRECTIONS: &[&str] = &["minimise", "maximise"];
pub(crate) const ISOLATIONS: &[&str] = &["none", "process"];
pub(crate) const TARGET_KINDS: &[&str] = &["auto", "classification", "regression"];
pub(crate) const WARM_START_MODES: &[&str] = &["off", "seed", "inform", "replace"];

/// The run file.
pub(crate) const RUN_FILE: Table = Table {
    doc: "",
    open: false,
    keys: &[
        key("name", Text, Otherwise("the task's name"), "what the run is called in lists"),
        key("seed", Whole(0), Otherwise("0"), "the number from which all randomness of the run follows"),
        key("task", Kind::Table(&TASK), Required, ""),
        key("space", Kind::Table(&SPACE), Otherwise("the estimator's own space"), ""),
        key("objective", Kind::Table(&OBJECTIVE), Otherwise("the estimator's first objective"), ""),
        key("strategy", Kind::Table(&COMPONENT_STRATEGY), Required, ""),
        key("estimator", Kind::Table(&COMPONENT_ESTIMATOR), Required, ""),
        key("proxy", Kind::Tables(&PROXY), Otherwise("none"), ""),
        key("vote", Kind::Table(&VOTE), Otherwise("each proxy filters alone"), ""),
        key("budget", Kind::Table(&BUDGET), Required, ""),
        key("limits", Kind::Table(&LIMITS), Otherwise("none"), ""),
        key("run", Kind::Table(&RUN), Otherwise("the defaults below"), ""),
        key("isolation", Kind::Table(&ISOLATION), Otherwise("the defaults below"), ""),
        key("warm_start", Kind::Table(&WARM_START), Otherwise("the defaults below"), ""),
        key("archive", Kind::Table(&ARCHIVE), Otherwise("the user's archive"), ""),
    ],
};

const TASK: Table = Table {
    doc: "What the run is about: the unit by which the archive compares runs.",
    open: false,
    keys: &[
        key(
            "name",
            Text,
            Required,
            "the task's key in the archive; the same name, or the same `data`, means the same task",
        ),
        key("data", Path, Otherwise("no meta-features"), "the data set, to be fingerprinted and described"),
        key(
            "target",
            Text,
            Otherwise("the last column that is not ignored"),
            "the column to predict; needs `data`",
        ),
        key(
            "kind",
            OneOf(TARGET_KINDS),
            Otherwise("\"auto\""),
            "what is predicted: classes, numbers, or as the values look; needs `data`",
        ),
        key("categorical", Texts, Otherwise("none"), "numeric columns that hold categories; needs `data`"),
        key(
            "ignore",
            Texts,
            Otherwise("none"),
            "columns that are no features, such as row numbers; needs `data`. What stands here describes the data to the \
             archive: an estimator that reads it has keys of its own, and should be told the same",
        ),
    ],
};

pub(crate) const SPACE: Table = Table {
    doc: "The search space, in one of three ways: `preset`, `file`, or described here. Left out where the estimator \
          knows its own space, as a recorded table does.",
    open: false,
    keys: &[
        key("preset", OneOf(&SpaceSpec::PRESETS), Otherwise("none"), "a space by name"),
        key("file", Path, Otherwise("none"), "a TOML file that holds what would stand here"),
        key("name", Text, Otherwise("the preset's, the file's, \"\""), "a name for people"),
        key("parameter", Kind::Tables(&PARAMETER), Otherwise("none"), "the hyperparameters"),
        key(
            "forbidden",
            Any,
            Otherwise("none"),
            "combinations that must not be proposed, as in `when`; those of a `preset` or `file` stay forbidden",
        ),
        key("architecture", Any, Otherwise("none"), "a family of architectures: `kind` and its own keys"),
    ],
};

/// A space's own file: [`SPACE`] without the ways to point elsewhere.
pub(crate) const SPACE_FILE: Table = Table {
    doc: "",
    open: false,
    keys: &[
        key("name", Text, Otherwise("\"\""), ""),
        key("parameter", Kind::Tables(&PARAMETER), Otherwise("none"), ""),
        key("forbidden", Any, Otherwise("none"), ""),
        key("architecture", Any, Otherwise("none"), ""),
    ],
};

pub(crate) const PARAMETER_TYPES: &[&str] = &["float", "int", "categorical", "ordinal", "constant"];

/// All keys of a parameter; [`keys_of_type`] says which of them belong to which type.
pub(crate) const PARAMETER: Table = Table {
    doc: "A hyperparameter.",
    open: false,
    keys: &[
        key("name", Text, Required, "its name"),
        key("type", OneOf(PARAMETER_TYPES), Required, "its type"),
        key("low", Any, Otherwise("required for `float`, `int`"), "the smallest value"),
        key("high", Any, Otherwise("required for `float`, `int`"), "the largest value"),
        key("log", Bool, Otherwise("false"), "whether ratios count, not differences; `float`, `int`"),
        key("step", Above(0.0), Otherwise("any; 1 for `int`"), "the distance between values; `float`, `int`"),
        key("choices", Any, Otherwise("required for `categorical`"), "values without order"),
        key("values", Any, Otherwise("required for `ordinal`"), "values in order"),
        key("value", Any, Otherwise("required for `constant`"), "the one value"),
        key(
            "default",
            Any,
            Otherwise("the middle of the range, the first choice"),
            "where nothing else is said",
        ),
        key(
            "prior",
            Any,
            Otherwise("uniform"),
            "`{ around = 0.1, confidence = \"high\" }` (`low`, `medium`, `high`) or `{ weights = […] }`",
        ),
        key(
            "when",
            Any,
            Otherwise("always"),
            "`{ parameter = \"p\", is = v }`, or `one_of = […]`, `at_least = n`, `at_most = n`; `{ all = […] }`, `{ any = […] }`",
        ),
        key("aliases", Texts, Otherwise("none"), "names it had in other spaces"),
    ],
};

/// The keys that parameters of a type have beside `name`, `type`, `default`, `prior`, `when` and `aliases`, the
/// required ones first; and how many those are.
pub(crate) fn keys_of_type(parameter_type: &str) -> (&'static [&'static str], usize) {
    match parameter_type {
        "float" | "int" => (&["low", "high", "log", "step"], 2),
        "categorical" => (&["choices"], 1),
        "ordinal" => (&["values"], 1),
        "constant" => (&["value"], 1),
        _ => (&[], 0),
    }
}

const OBJECTIVE: Table = Table {
    doc: "What is optimised.",
    open: false,
    keys: &[
        key("name", Text, Required, "one of the estimator's objectives"),
        key("direction", OneOf(DIRECTIONS), Otherwise("the estimator's"), "whether small or large is good"),
    ],
};

const COMPONENT_STRATEGY: Table = Table {
    doc: "What proposes configurations. Further keys are the plugin's own: see `heirloom plugin info NAME`.",
    open: true,
    keys: &[key("name", Text, Required, "the strategy")],
};

const COMPONENT_ESTIMATOR: Table = Table {
    doc: "What measures configurations. Further keys are the plugin's own.",
    open: true,
    keys: &[key("name", Text, Required, "the estimator")],
};

const PROXY: Table = Table {
    doc: "A score from before any training, which filters proposals. Further keys are the plugin's own.",
    open: true,
    keys: &[
        key("name", Text, Required, "the proxy"),
        key(
            "keep",
            Share,
            Otherwise("1.0"),
            "the share of proposals that pass, of all proxies together at least 0.001; 1 records scores and drops nothing",
        ),
    ],
};

const VOTE: Table = Table {
    doc: "What all `[[proxy]]` tables say together: the weighted mean of the places that a configuration's scores have \
          among those of random configurations. It filters what each proxy alone let pass.",
    open: false,
    keys: &[
        key(
            "weights",
            Any,
            Otherwise("1 for each"),
            "`\"archive\"`: by how each proxy ranked past tasks like this one; or numbers by the proxies' names, `{ synflow = 1.0, snip = -0.5 }`, 1 where it is not said, below 0 to turn a score round",
        ),
        key(
            "references",
            Whole(2),
            Otherwise("32"),
            "among how many random configurations a score is placed",
        ),
        key(
            "keep",
            Share,
            Otherwise("1.0"),
            "the share of proposals that pass; 1 records votes and drops nothing",
        ),
    ],
};

const BUDGET: Table = Table {
    doc: "What the run may spend: at least one of the three; the run ends with the first that is used up. \
          Without `trials`, 100 trials in a row that fail and cost nothing end it too.",
    open: false,
    keys: &[
        key("trials", Whole(1), Otherwise("unlimited"), "how many trials"),
        key("seconds", Above(0.0), Otherwise("unlimited"), "how many seconds on the clock"),
        key(
            "cost_seconds",
            Above(0.0),
            Otherwise("unlimited"),
            "how many seconds of evaluation (simulated ones on a recorded table)",
        ),
    ],
};

const LIMITS: Table = Table {
    doc: "What one trial may use; beyond it the trial fails and the run goes on.",
    open: false,
    keys: &[
        key("seconds", Above(0.0), Otherwise("unlimited"), "seconds on the clock"),
        key(
            "memory_mb",
            Whole(1),
            Otherwise("unlimited"),
            "megabytes (10⁶ bytes) of memory; needs `isolation = \"process\"` or an estimator that starts programs",
        ),
    ],
};

const RUN: Table = Table {
    doc: "How the run is carried out. Nothing here changes what is searched.",
    open: false,
    keys: &[
        key(
            "workers",
            UpTo(MAX_WORKERS),
            Otherwise("1"),
            "how many trials are evaluated at the same time; one, where the estimator takes one at a time \
             (`isolation = \"process\"` lifts that)",
        ),
        key(
            "isolation",
            OneOf(ISOLATIONS),
            Otherwise("\"none\""),
            "where plugins run: in this process, or each in its own, so that a crash costs one trial",
        ),
    ],
};

/// The most trials at the same time. Each has a thread of this process: more than the largest machines have cores for
/// is a slip of the pen.
pub const MAX_WORKERS: i64 = 4096;

const ISOLATION: Table = Table {
    doc: "What an isolated plugin may use (`run.isolation = \"process\"`); beyond it its worker process is ended, \
          which costs the call it was at. What it may do is in its own `capabilities`.",
    open: false,
    keys: &[
        key(
            "memory_mb",
            Whole(1),
            Otherwise("four fifths of the machine's"),
            "megabytes (10⁶ bytes) of memory of a worker with all that it starts",
        ),
        key(
            "cpu_seconds",
            Above(0.0),
            Otherwise("unlimited"),
            "seconds of processor time of one call, over all its threads",
        ),
        key(
            "call_seconds",
            Above(0.0),
            Otherwise("600"),
            "seconds on the clock of a call that has no limit of its own (evaluations have `limits.seconds`)",
        ),
        key("open_files", Whole(16), Otherwise("1024"), "files and sockets that are open at the same time"),
        key(
            "processes",
            Whole(1),
            Otherwise("256"),
            "processes at the same time, where the plugin may start any",
        ),
        key(
            "scratch_mb",
            Whole(1),
            Otherwise("10000"),
            "megabytes in a worker's scratch folder, and of any one file that it writes",
        ),
        key(
            "environment",
            Texts,
            Otherwise("none"),
            "names of further variables that plugins see, such as a proxy's",
        ),
        key("readable", Texts, Otherwise("none"), "further folders and files that plugins may read"),
    ],
};

const WARM_START: Table = Table {
    doc: "What the archive's past runs may do for this one.",
    open: false,
    keys: &[
        key(
            "mode",
            OneOf(WARM_START_MODES),
            Otherwise("\"seed\""),
            "`seed`: some of the first configurations; `inform`: what the strategy believes; `replace`: the whole initial design; `off`: nothing",
        ),
        key(
            "initial",
            Whole(1),
            Otherwise("10"),
            "trials of the initial design: in `replace` all of them come from past tasks, else past tasks fade after so many",
        ),
        key("exclude_tasks", Texts, Otherwise("none"), "past tasks that must not be used"),
    ],
};

const ARCHIVE: Table = Table {
    doc: "Where runs are kept.",
    open: false,
    keys: &[key(
        "path",
        Path,
        Otherwise("`$HEIRLOOM_ARCHIVE`, else the user's data folder"),
        "the archive's file",
    )],
};

/// The run file's reference, in Markdown.
pub fn reference() -> String {
    let mut text = String::new();
    describe(&mut text, "", &RUN_FILE);
    text
}

fn describe(text: &mut String, header: &str, table: &Table) {
    if !header.is_empty() {
        text.push_str(&format!("\n### `{header}`\n\n{}\n", table.doc));
    }
    text.push_str("\n| key | value | left out | meaning |\n|---|---|---|---|\n");
    let is_table = |key: &&Key| matches!(key.kind, Kind::Table(_) | Kind::Tables(_));
    for key in table.keys.iter().filter(|key| !is_table(key)) {
        let otherwise = match key.presence {
            Required => "required",
            Otherwise(otherwise) => otherwise,
        };
        text.push_str(&format!("| `{}` | {} | {otherwise} | {} |\n", key.name, key.kind.describe(), key.doc));
    }
    for key in table.keys {
        let path = match header.trim_matches(['[', ']']) {
            "" => key.name.to_owned(),
            parent => format!("{parent}.{}", key.name),
        };
        match key.kind {
            Kind::Table(table) => describe(text, &format!("[{path}]"), table),
            Kind::Tables(table) => describe(text, &format!("[[{path}]]"), table),
            _ => {}
        }
    }
}

impl Kind {
    /// What is allowed, in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Text => "a text".into(),
            Path => "a path".into(),
            Bool => "`true` or `false`".into(),
            Whole(low) => format!("a whole number from {low}"),
            UpTo(high) => format!("a whole number from 1 to {high}"),
            Above(low) => format!("a number above {low}"),
            Share => "a number above 0 and at most 1".into(),
            OneOf(names) => names.iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(" or "),
            Texts => "a list of texts".into(),
            Any => "see right".into(),
            Kind::Table(_) => "a table".into(),
            Kind::Tables(_) => "a list of tables".into(),
        }
    }
}
