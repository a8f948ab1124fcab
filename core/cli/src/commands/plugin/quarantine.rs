//! `heirloom plugin quarantine`

use clap::Args;
use heirloom_plugin_host::{release, remembered};
use serde_json::json;

use crate::catalogue::crash_folder;
use crate::context::Context;
use crate::failure::{Failure, OrFail};
use crate::output::{self, Table};

#[derive(Debug, Args)]
#[command(
    after_help = "A plugin goes into quarantine when the worker processes of one of its components die three times in a \
    row, or when its strategy has ended three runs. Where that held a strategy of another plugin, the two are listed as \
    one, joined by `+`, and each is still used without the other. Limits of a run file that end a worker do not count. \
    Another version or a new build is free of it.\n\n\
    Examples:\n  heirloom plugin quarantine\n  heirloom plugin quarantine --release my-plugin-0.1.0"
)]
pub(super) struct Quarantine {
    /// Use a plugin again: its id and version, as they are listed
    #[arg(long, value_name = "ID-VERSION")]
    release: Option<String>,
}

impl Quarantine {
    pub(super) fn run(&self, context: &Context) -> miette::Result<()> {
        let folder = crash_folder()
            .ok_or_else(|| Failure::new("there is no place for a user's data; hint: set `HOME`"))?;
        let known = remembered(&folder);
        if let Some(plugin) = &self.release {
            let names: Vec<_> = known.iter().map(|known| known.plugin.as_str()).collect();
            let is_known = names.contains(&plugin.as_str());
            if !is_known || !release(&folder, plugin).or_fail()? {
                let remedy = match is_known {
                    true => "it has reports only, and is used; `heirloom plugin quarantine` lists all".into(),
                    false => heirloom_model::suggest::remedy(plugin, "there are", &names),
                };
                let message = format!("nothing is held against a plugin `{plugin}`; hint: {remedy}");
                return Err(Failure::usage(message).into());
            }
            return match context.json {
                true => output::json(&json!({ "released": plugin })),
                false => output::line(&format!("plugin `{plugin}` is used again")),
            };
        }
        if context.json {
            return output::json(&known);
        }
        let mut table = Table::new(&["plugin", "quarantine", "runs ended", "reports", "why"]);
        for known in known {
            let (state, why) = match known.quarantined {
                Some(state) => ("yes", state.reason),
                None => ("no", String::new()),
            };
            let counts = [known.ended_runs.to_string(), known.reports.len().to_string()];
            table.row([known.plugin, state.into()].into_iter().chain(counts).chain([why]));
        }
        table.print()
    }
}
