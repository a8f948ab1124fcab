//! `heirloom plugin key`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use heirloom_plugin_package::Statement;
use heirloom_plugin_package::index::FolderIndex;
use heirloom_plugin_package::minisign::{KeyId, SecretKey};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};

use super::project::{IndexOption, keys_folder, public_key, secret_key};
use super::publish::index_folder;

/// Keys: make one, see the trusted ones, pin, rotate, revoke
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a pair of keys: NAME.key, which stays yours alone, and NAME.pub
    #[command(
        after_help = "Examples:\n  heirloom plugin key new\n  heirloom plugin key new lab --out ~/secret"
    )]
    New {
        /// What its files are called
        #[arg(default_value = "author")]
        name: String,
        /// The folder for them [default: the user's own keys]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// List the keys that you trust, and with which plugins
    #[command(after_help = "Example:\n  heirloom plugin key list --json")]
    List,
    /// Trust a key with a plugin, whatever signed it before
    #[command(after_help = "Example:\n  heirloom plugin key pin author.pub --plugin my-plugin")]
    Pin {
        /// The public key
        #[arg(value_name = "FILE")]
        key: PathBuf,
        /// The plugin's id
        #[arg(long, value_name = "ID")]
        plugin: String,
    },
    /// Let your old key name your new one: users of an index follow
    #[command(
        after_help = "Example:\n  heirloom plugin key rotate --from old.key --to new.pub --index /srv/heirloom"
    )]
    Rotate {
        /// The old secret key
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The new public key
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        index: IndexOption,
    },
    /// Never trust a key again; with the secret key and an index, tell all of its users
    #[command(
        after_help = "Examples:\n  heirloom plugin key revoke E11B067B44E1B423 --reason \"stolen\"\n  heirloom plugin key revoke \
        old.key --reason \"laptop lost\" --index /srv/heirloom"
    )]
    Revoke {
        /// The key's id; or the secret key's file
        #[arg(value_name = "KEY")]
        key: String,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        index: IndexOption,
    },
}

impl Key {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        match &self.command {
            KeyCommand::New { name, out } => new(name, out.as_deref(), context)?,
            KeyCommand::List => list(context)?,
            KeyCommand::Pin { key, plugin } => {
                let key = public_key(key)?;
                context.home()?.change_trust(|trust| trust.pin(plugin, &key)).or_fail()?;
                let (id, said) =
                    (key.id(), format!("`{plugin}` must be signed by key {} from now on", key.id()));
                say(context, &said, json!({ "plugin": plugin, "key": id }))?;
            }
            KeyCommand::Rotate { from, to, index } => {
                let (from, to) = (secret_key(from)?, public_key(to)?);
                let statement = Statement::successor(&from, &to);
                FolderIndex::at(&index_folder(index)?).publish_statement(&statement).or_fail()?;
                let (from, to) = (from.public().id(), to.id());
                say(
                    context,
                    &format!("key {from} named {to} its successor"),
                    json!({ "from": from, "to": to }),
                )?;
            }
            KeyCommand::Revoke { key, reason, index } => revoke(key, reason, index, context)?,
        }
        Ok(Exit::Done)
    }
}

fn say(context: &Context, text: &str, json: serde_json::Value) -> miette::Result<()> {
    if context.json { output::json(&json) } else { output::line(text) }
}

fn new(name: &str, out: Option<&Path>, context: &Context) -> miette::Result<()> {
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => keys_folder()?,
    };
    let fail = |path: &Path, error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "; hint: choose another name; a key is never overwritten",
            _ => "",
        };
        Failure::new(format!("cannot write `{}`: {error}{remedy}", path.display()))
    };
    std::fs::create_dir_all(&folder).map_err(|error| fail(&folder, error))?;
    let (secret, public) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pub")));
    let key = SecretKey::generate().or_fail()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&secret)
        .and_then(|mut file| file.write_all(key.text().as_bytes()))
        .map_err(|error| fail(&secret, error))?;
    let text = key.public().text();
    std::fs::write(&public, text).map_err(|error| fail(&public, error))?;
    let id = key.public().id();
    if context.json {
        return output::json(
            &json!({ "key": id, "secret": secret, "public": public, "line": key.public().line() }),
        );
    }
    output::line(&format!("key {id}"))?;
    output::line(&format!("secret `{}`: keep it yours alone, and a copy in a safe place", secret.display()))?;
    output::line(&format!("public `{}`: {}", public.display(), key.public().line()))
}

fn list(context: &Context) -> miette::Result<()> {
    let trust = context.home()?.trust().or_fail()?;
    let plugins = |id: KeyId| -> Vec<&str> {
        trust.pinned().filter(|(_, key)| *key == id).map(|(plugin, _)| plugin).collect()
    };
    if context.json {
        let all: Vec<_> = trust
            .keys()
            .map(|(id, revoked)| json!({ "key": id, "plugins": plugins(id), "revoked": revoked }))
            .collect();
        return output::json(&json!({ "level": trust.level(), "keys": all }));
    }
    let mut table = Table::new(&["key", "plugins", "revoked"]);
    for (id, revoked) in trust.keys() {
        table.row([format!("{id} "), plugins(id).join(", "), revoked.unwrap_or_default().into()]);
    }
    table.print()?;
    output::line(&format!("\nbeside what is installed: {}", trust.level()))
}

fn revoke(key: &str, reason: &str, index: &IndexOption, context: &Context) -> miette::Result<()> {
    let home = context.home()?;
    if let Ok(id) = key.parse::<KeyId>() {
        home.change_trust(|trust| {
            trust.revoke(id, reason);
            Ok(())
        })
        .or_fail()?;
        let said = format!("key {id} is not trusted any more, here");
        return say(context, &said, json!({ "key": id, "published": false }));
    }
    let secret = secret_key(Path::new(key))?;
    let id = secret.public().id();
    FolderIndex::at(&index_folder(index)?)
        .publish_statement(&Statement::revoked(&secret, reason))
        .or_fail()?;
    home.change_trust(|trust| {
        trust.revoke(id, reason);
        Ok(())
    })
    .or_fail()?;
    say(
        context,
        &format!("key {id} is revoked, for all users of the index"),
        json!({ "key": id, "published": true }),
    )
}
