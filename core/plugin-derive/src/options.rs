//! The schema of a struct of options, or of an enum of choices, from its fields, types and doc comments.
//!
//! The schema must be known without running the plugin, so it is put together here, as text; types of fields that
//! are defined elsewhere contribute theirs through their `SCHEMA` constant.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Expr, Fields, FieldsNamed, GenericArgument, Lit, Meta,
    PathArguments, Result, Type, UnOp,
};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "options have no generic parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => derive_struct(input, fields),
            fields => Err(Error::new_spanned(fields, "options have named fields")),
        },
        Data::Enum(data) => derive_enum(input, data),
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "options are a struct or an enum")),
    }
}

fn derive_struct(input: &DeriveInput, fields: &FieldsNamed) -> Result<TokenStream> {
    let mut schema = Schema::default();
    schema.text(&format!(r#""type":"object","description":{},"#, json(&doc(&input.attrs))));
    schema.text(r#""additionalProperties":false,"properties":{"#);
    let (mut required, mut shadow_fields) = (Vec::new(), Vec::new());
    for (index, field) in fields.named.iter().enumerate() {
        let ident = field.ident.as_ref().expect("the fields are named");
        let option = FieldOption::parse(&field.attrs)?;
        let name = option.rename.unwrap_or_else(|| ident.unraw().to_string());
        schema.text(&format!("{}{}:{{", if index > 0 { "," } else { "" }, json(&name)));
        let optional = inner_type(&field.ty, "Option");
        schema.of_type(optional.unwrap_or(&field.ty), &option.bounds);
        schema.text(&format!(r#","description":{}"#, json(&doc(&field.attrs))));
        match &option.default {
            Some(default) => schema.text(&format!(r#","default":{default}}}"#)),
            None => schema.text("}"),
        }
        if optional.is_none() && option.default.is_none() {
            required.push(json(&name));
        }
        let ty = &field.ty;
        let may_be_absent = optional.map(|_| quote!(#[serde(default)]));
        shadow_fields.push(quote!(#may_be_absent #[serde(rename = #name)] #ident: #ty));
        schema.names.push(name);
    }
    schema.text(&format!(r#"}},"required":[{}]"#, required.join(",")));

    let name = &input.ident;
    let default = required.is_empty().then(|| {
        quote! {
            impl ::core::default::Default for #name {
                fn default() -> Self {
                    private::default_options()
                }
            }
        }
    });
    let shadow = quote!(struct Shadow { #(#shadow_fields),* });
    Ok(implement(name, &schema, &quote!(#[serde(deny_unknown_fields)]), &shadow, default))
}

fn derive_enum(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let (mut names, mut docs, mut variants) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "a choice carries no fields; use a struct for further options",
            ));
        }
        let option = FieldOption::parse(&variant.attrs)?;
        let name = option.rename.unwrap_or_else(|| kebab_case(&variant.ident.unraw().to_string()));
        names.push(json(&name));
        docs.push(json(&doc(&variant.attrs)));
        let ident = &variant.ident;
        variants.push(quote!(#[serde(rename = #name)] #ident));
    }
    let mut schema = Schema::default();
    schema.text(&format!(r#""enum":[{}],"enumDescriptions":[{}]"#, names.join(","), docs.join(",")));
    let shadow = quote!(enum Shadow { #(#variants),* });
    Ok(implement(&input.ident, &schema, &TokenStream::new(), &shadow, None))
}

/// The three implementations; `shadow` is a copy of the type on which serde's own derive does its work.
fn implement(
    name: &syn::Ident,
    schema: &Schema,
    attributes: &TokenStream,
    shadow: &TokenStream,
    default: Option<TokenStream>,
) -> TokenStream {
    let Schema { parts, names } = schema;
    let remote = name.to_string();
    let serde = "::heirloom_plugin::__private::serde";
    let (shadow_name, private) = (format_ident!("Shadow"), quote!(::heirloom_plugin::__private));
    quote! {
        const _: () = {
            use #private as private;

            #[derive(private::serde::Deserialize)]
            #[serde(crate = #serde, remote = #remote)]
            #attributes
            #shadow

            impl<'de> private::serde::Deserialize<'de> for #name {
                fn deserialize<D: private::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    #shadow_name::deserialize(deserializer)
                }
            }

            impl ::heirloom_plugin::PluginOptions for #name {
                const SCHEMA: &'static str = {
                    const PARTS: &[&str] = &[#(#parts),*];
                    const TEXT: [u8; private::joined_length(PARTS)] = private::join(PARTS);
                    match ::core::str::from_utf8(&TEXT) {
                        Ok(text) => text,
                        Err(_) => panic!("texts join to a text"),
                    }
                };
                const NAMES: &'static [&'static str] = &[#(#names),*];
            }

            #default
        };
    }
}

/// A schema's text in parts: literals, and constants of other types.
#[derive(Default)]
struct Schema {
    parts: Vec<TokenStream>,
    /// What the options of a struct are called.
    names: Vec<String>,
}

impl Schema {
    fn text(&mut self, text: &str) {
        self.parts.push(quote!(#text));
    }

    /// The members of a type's schema. The bounds of a list or a map are those of the numbers in it.
    fn of_type(&mut self, ty: &Type, bounds: &str) {
        if let Some(items) = inner_type(ty, "Vec") {
            self.text(r#""type":"array","items":{"#);
            self.of_type(items, bounds);
            self.text("}");
        } else if let Some(values) = inner_type(ty, "BTreeMap").or_else(|| inner_type(ty, "HashMap")) {
            self.text(r#""type":"object","additionalProperties":{"#);
            self.of_type(values, bounds);
            self.text("}");
        } else if bounds.is_empty() {
            self.parts.push(quote!(<#ty as ::heirloom_plugin::PluginOptions>::SCHEMA));
        } else {
            self.parts.push(quote!(<#ty as ::heirloom_plugin::__private::Number>::SCHEMA_OF_NUMBER));
            self.text(bounds);
        }
    }
}

/// The last type argument of `ty`, where `ty` is a `wrapper`.
fn inner_type<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.last()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// What stands in `#[option(…)]`.
#[derive(Default)]
struct FieldOption {
    rename: Option<String>,
    /// JSON.
    default: Option<String>,
    /// Members of the schema, each with a comma before it.
    bounds: String,
}

impl FieldOption {
    fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut option = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("option")) {
            for meta in attribute.parse_args_with(Punctuated::<Meta, syn::Token![,]>::parse_terminated)? {
                let Meta::NameValue(pair) = &meta else {
                    return Err(Error::new_spanned(meta, "expected `name = value`"));
                };
                let value = literal(&pair.value)?;
                let key = pair.path.get_ident().map(ToString::to_string).unwrap_or_default();
                let bound = match key.as_str() {
                    "rename" => {
                        option.rename = Some(value.trim_matches('"').to_owned());
                        continue;
                    }
                    "default" => {
                        option.default = Some(value);
                        continue;
                    }
                    "low" => "minimum",
                    "high" => "maximum",
                    "above" => "exclusiveMinimum",
                    _ => {
                        let known = "expected `default`, `low`, `high`, `above` or `rename`";
                        return Err(Error::new_spanned(&pair.path, known));
                    }
                };
                option.bounds += &format!(",\"{bound}\":{value}");
            }
        }
        Ok(option)
    }
}

/// A literal, or a list of literals, as JSON.
fn literal(value: &Expr) -> Result<String> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Ok(json(&text.value())),
            Lit::Int(number) => Ok(number.base10_digits().to_owned()),
            Lit::Float(number) => number_json(&literal.lit, number.base10_parse()?),
            Lit::Bool(value) => Ok(value.value.to_string()),
            other => Err(Error::new_spanned(other, "expected a number, a text or a truth value")),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => Ok(format!("-{}", literal(&unary.expr)?)),
        Expr::Array(list) => {
            let items = list.elems.iter().map(literal).collect::<Result<Vec<_>>>()?;
            Ok(format!("[{}]", items.join(",")))
        }
        other => Err(Error::new_spanned(
            other,
            "expected a literal: the default must be known without running the plugin",
        )),
    }
}

fn number_json(token: &Lit, number: f64) -> Result<String> {
    // Rust's shortest form that reads back the same; it is JSON for every finite number.
    if number.is_finite() {
        Ok(format!("{number:?}"))
    } else {
        Err(Error::new_spanned(token, "is not finite"))
    }
}

/// The doc comment, its lines joined.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// A JSON string.
fn json(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if (control as u32) < 0x20 => quoted += &format!("\\u{:04x}", control as u32),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// `QuasiRandom` to `quasi-random`.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for (index, character) in name.chars().enumerate() {
        if character.is_uppercase() && index > 0 {
            kebab.push('-');
        }
        kebab.extend(character.to_lowercase());
    }
    kebab
}
