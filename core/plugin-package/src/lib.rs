#![doc = include_str!("../README.md")]

mod base64;

mod hash;
pub use hash::{Hash, NoHash};

mod entry_path;
pub use entry_path::{EntryPath, PathProblem};

mod tar;
pub use tar::TarProblem;

pub mod limits;

pub mod minisign;

mod hash_list;
pub use hash_list::{HASHES, HashList, HashListProblem, Listed, SIGNATURE};

pub mod manifest;

mod description;
pub use description::{
    DESCRIPTION, DescribedComponent, Description, FORMAT, MANIFEST, Payload, SOURCE, TrustedComment,
    file_name,
};

mod error;
pub use error::{PackageError, Result};

mod found;

pub mod docs;

mod read;
pub use read::{Package, SealedPackage, TrustedPackage};

mod pack;
pub use pack::{Draft, sign};

mod payload;

mod statement;
pub use statement::Statement;

mod trust;
pub use trust::{Trust, TrustLevel};

pub mod index;

mod lock;
pub use lock::{LOCK, Lock, LockedPayload, LockedPlugin};

mod home;
pub use home::{Home, Installed};

mod install;
pub use install::{Added, Grants};
