//! `heirloom plugin new`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use heirloom_plugin_host::{HostOptions, PluginHost};
use heirloom_plugin_template::{Kind, Language, PluginName, Sdk, Template, TemplateError};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Make a new plugin: a folder that builds, passes its tests and can be searched with
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin new tree-search --kind strategy\n  heirloom plugin new my-training --kind \
    estimator --lang python --path plugins/my-training\n  heirloom plugin new my-score --kind proxy --sdk 0.1.0\n\nNothing is \
    fetched: the files are part of this program."
)]
pub(crate) struct New {
    /// The plugin's name: its id, its component's name in run files, its crate
    name: String,

    /// What the plugin does
    #[arg(long)]
    kind: NewKind,

    /// What it is written in
    #[arg(long, default_value = "rust")]
    lang: NewLanguage,

    /// Where it finds what it depends on: a checkout's folder, a version, or a git repository's address [default:
    /// $HEIRLOOM_SDK, else the checkout that this program lies in, else this program's version]
    #[arg(long, value_name = "PATH|VERSION|URL")]
    sdk: Option<String>,

    /// The folder to make [default: the name, here]
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NewKind {
    /// Proposes configurations
    Strategy,
    /// Measures configurations
    Estimator,
    /// Scores configurations without training
    Proxy,
    /// Learns across tasks: not yet
    Learner,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NewLanguage {
    /// A crate
    Rust,
    /// C or C++
    C,
    /// A folder with a module, run by the user's Python
    Python,
}

impl New {
    pub(super) fn run(&self, context: &Context) -> miette::Result<()> {
        let template = Template {
            name: PluginName::new(&self.name).map_err(usage)?,
            kind: self.kind()?,
            language: match self.lang {
                NewLanguage::Rust => Language::Rust,
                NewLanguage::C => Language::C,
                NewLanguage::Python => Language::Python,
            },
            sdk: self.sdk()?,
        };
        refuse_known(&template)?;
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(template.name.as_str()));
        let files = template.write(&folder).map_err(|error| match error {
            TemplateError::Write { .. } => Failure::new(error),
            other => Failure::usage(other),
        })?;
        let next = next_steps(&template, &folder);
        if context.json {
            return output::json(&json!({
                "name": template.name.as_str(),
                "kind": template.kind,
                "language": template.language,
                "folder": folder,
                "files": files,
                "sdk": template.sdk.to_string(),
                "library": template.library(),
                "next": next,
            }));
        }
        let made = format!(
            "made `{}`, {} {} in {}",
            folder.display(),
            article(template.kind),
            template.kind,
            template.language_title()
        );
        // What is written in C has the whole interface in its folder.
        output::line(&match template.language {
            Language::C => made,
            Language::Rust | Language::Python => format!("{made}, against {}", template.sdk),
        })?;
        output::line("\nnext:")?;
        next.iter().try_for_each(|step| output::line(&format!("  {step}")))
    }

    fn kind(&self) -> miette::Result<Kind> {
        match self.kind {
            NewKind::Strategy => Ok(Kind::Strategy),
            NewKind::Estimator => Ok(Kind::Estimator),
            NewKind::Proxy => Ok(Kind::Proxy),
            NewKind::Learner => Err(usage(
                "this version has no learners: there is no `learner/1` to write one against; hint: `--kind strategy`, \
                 `estimator` or `proxy`; a strategy learns from past tasks through `inform`",
            )),
        }
    }

    fn sdk(&self) -> miette::Result<Sdk> {
        let named = self.sdk.clone().or_else(|| std::env::var("HEIRLOOM_SDK").ok());
        if let Some(text) = named {
            return Sdk::parse(&text).map_err(usage);
        }
        let around = std::env::current_exe().ok().and_then(|program| Sdk::around(&program));
        Ok(around.unwrap_or_else(|| Sdk::Version(env!("CARGO_PKG_VERSION").into())))
    }
}

/// Refuses the name of a component that comes with this program: two of one name cannot be told apart in a run file.
fn refuse_known(template: &Template) -> miette::Result<()> {
    let host = PluginHost::open(&PluginHost::search_paths_beside_program(), HostOptions::default());
    let (kind, name) = (template.kind, template.name.as_str());
    match host.find(kind, name) {
        Err(_) => Ok(()),
        Ok(plugin) => Err(usage(format!(
            "there is {} {kind} `{name}` already, of plugin `{}`, which comes with this program; hint: choose another \
             name",
            article(kind),
            plugin.id()
        ))),
    }
}

fn article(kind: Kind) -> &'static str {
    if kind == Kind::Estimator { "an" } else { "a" }
}

/// What to type next.
fn next_steps(template: &Template, folder: &Path) -> Vec<String> {
    match template.language {
        Language::Rust => vec![
            format!("cd {}", folder.display()),
            "cargo test".into(),
            "cargo build --release".into(),
            "heirloom --plugins target/release search search/run.toml".into(),
        ],
        Language::C => vec![
            format!("cd {}", folder.display()),
            "make test".into(),
            "heirloom --plugins . search search/run.toml".into(),
        ],
        Language::Python => vec![
            format!("cd {}", folder.display()),
            template.python_tests(),
            "heirloom --plugins . search search/run.toml".into(),
        ],
    }
}

fn usage(error: impl std::fmt::Display) -> miette::Report {
    Failure::usage(error).into()
}
