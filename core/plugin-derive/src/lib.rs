#![doc = include_str!("../README.md")]

mod options;

use proc_macro::TokenStream;

/// Derives what a component's options need: their JSON schema, `serde::Deserialize`, and, for a struct whose every
/// option may be left out, `Default`. See the SDK's guide.
#[proc_macro_derive(PluginOptions, attributes(option))]
pub fn plugin_options(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    options::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
