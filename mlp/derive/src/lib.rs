//! `#[derive(Module)]` of the crate `mlp`, where it is documented.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, GenericArgument, GenericParam, PathArguments, Result, Type};

/// See `mlp::Module`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Parameters, or modules that have some.
    Trained,
    Buffer,
    Skipped,
}

fn role(attributes: &[Attribute]) -> Result<Role> {
    let mut role = Role::Trained;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            role = match () {
                () if meta.path.is_ident("buffer") => Role::Buffer,
                () if meta.path.is_ident("skip") => Role::Skipped,
                () => return Err(meta.error("`#[module(buffer)]` or `#[module(skip)]` is needed")),
            };
            Ok(())
        })?;
    }
    Ok(role)
}

/// Whether the struct is `Configured`, and so gives its configuration.
fn configured(attributes: &[Attribute]) -> Result<bool> {
    let mut configured = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            configured |= meta.path.is_ident("config");
            if configured { Ok(()) } else { Err(meta.error("`#[module(config)]` is what a struct may have")) }
        })?;
    }
    Ok(configured)
}

/// How the values of a type are reached.
enum Reached<'a> {
    Param,
    /// None or one, or any number under their positions.
    Optional(&'a Type),
    Many(&'a Type),
    /// Plain data, in which nothing is trained.
    Data,
    Module,
}

/// The types of plain data that a model holds beside its parts.
const DATA: &str = "bool char f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize String PhantomData";

fn reached(of: &Type) -> Reached<'_> {
    match of {
        Type::Array(array) => Reached::Many(&array.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Reached::Module };
            let name = last.ident.to_string();
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.first(),
                _ => None,
            };
            match (name.as_str(), inner) {
                ("Param", _) => Reached::Param,
                ("Option", Some(GenericArgument::Type(inner))) => Reached::Optional(inner),
                ("Vec", Some(GenericArgument::Type(inner))) => Reached::Many(inner),
                (name, _) if DATA.split(' ').any(|data| data == name) => Reached::Data,
                _ => Reached::Module,
            }
        }
        _ => Reached::Module,
    }
}

/// What is collected from a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collected {
    Parameters,
    Buffers,
    Rows,
    StateDict,
}

/// Statements that collect from `value`, a reference, under the name `name`.
fn collect(
    what: Collected,
    role: Role,
    of: &Type,
    value: &TokenStream,
    name: &TokenStream,
    number: &Type,
) -> TokenStream {
    match reached(of) {
        Reached::Data => quote! {},
        Reached::Param => {
            let wanted = match what {
                Collected::Parameters => role == Role::Trained,
                Collected::Buffers => role == Role::Buffer,
                Collected::Rows => false,
                Collected::StateDict => true,
            };
            if wanted {
                quote! { all = all.with(#name, #value); }
            } else {
                quote! {}
            }
        }
        Reached::Optional(inner) => {
            let within = collect(what, role, inner, &quote!(part), name, number);
            quote! { if let ::core::option::Option::Some(part) = #value { #within } }
        }
        Reached::Many(inner) => {
            let at = quote! { ::std::format!("{}.{}", #name, position) };
            let within = collect(what, role, inner, &quote!(part), &quote!(::std::clone::Clone::clone(&name)), number);
            quote! {
                for (position, part) in (#value).iter().enumerate() {
                    let name: ::std::string::String = #at;
                    #within
                }
            }
        }
        Reached::Module => match what {
            Collected::Parameters => quote! {
                all = all.with_all(::core::convert::AsRef::<str>::as_ref(&#name), &::mlp::Module::<#number>::parameters(#value));
            },
            Collected::Buffers => quote! {
                all = all.with_all(::core::convert::AsRef::<str>::as_ref(&#name), &::mlp::Module::<#number>::buffers(#value));
            },
            Collected::StateDict => quote! {
                all = all.with_part(::core::convert::AsRef::<str>::as_ref(&#name), #value)?;
            },
            Collected::Rows => quote! {
                for mut row in ::mlp::Module::<#number>::describe(#value) {
                    row.layer = ::std::format!("{} {}", #name, row.layer);
                    all.push(row);
                }
            },
        },
    }
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(
            input.span(),
            "a Module is derived for a struct, whose fields are its parameters and layers",
        ));
    };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().collect::<Vec<_>>(),
        Fields::Unnamed(fields) => fields.unnamed.iter().collect(),
        Fields::Unit => vec![],
    };
    let types: Vec<_> = input.generics.type_params().collect();
    let number: Type = match &types[..] {
        [] => syn::parse_quote!(f64),
        [one] => {
            let name = &one.ident;
            syn::parse_quote!(#name)
        }
        [_, second, ..] => {
            return Err(Error::new(second.span(), "a Module has one type parameter at most: that of its numbers"));
        }
    };
    let all_of = |what: Collected| -> Result<TokenStream> {
        let mut statements = quote! {};
        for (position, field) in fields.iter().enumerate() {
            let role = role(&field.attrs)?;
            if role == Role::Skipped {
                continue;
            }
            let (access, name) = match &field.ident {
                Some(name) => (quote!(#name), name.to_string()),
                None => {
                    let index = syn::Index::from(position);
                    (quote!(#index), position.to_string())
                }
            };
            statements.extend(collect(what, role, &field.ty, &quote!(&self.#access), &quote!(#name), &number));
        }
        Ok(statements)
    };
    let [parameters, buffers] = [all_of(Collected::Parameters)?, all_of(Collected::Buffers)?];
    let state_dict = all_of(Collected::StateDict)?;
    let mut layers = false;
    for field in &fields {
        layers |= role(&field.attrs)? != Role::Skipped && holds_layers(&field.ty);
    }
    // Without layers, the row of the default: the names and shapes of all parameters.
    let describe = match layers {
        true => described(&all_of(Collected::Rows)?, &input.ident.to_string(), &number),
        false => quote! {},
    };

    let config = match configured(&input.attrs)? {
        true => quote! {
            fn config(&self) -> ::core::result::Result<::mlp::Config, ::mlp::Error> {
                ::mlp::Config::of::<#number, Self>(self)
            }
        },
        false => quote! {},
    };

    let name = &input.ident;
    let (implemented, of, bounds) = input.generics.split_for_impl();
    let life = lifetime(&input.generics);
    Ok(quote! {
        const _: () = {
            /// Found instead of a formula that is missing, so that `forward` does not call itself.
            #[allow(dead_code)]
            trait ThisStructNeedsAMethodForward {
                fn forward(&self) {}
            }
            #[automatically_derived]
            impl #implemented ThisStructNeedsAMethodForward for #name #of #bounds {}

            #[automatically_derived]
            #[allow(unused_mut, unused_variables)]
            impl #implemented ::mlp::Module<#number> for #name #of #bounds {
                #[track_caller]
                fn forward<#life>(&self, x: ::autograd::Var<#life, #number>) -> ::autograd::Var<#life, #number> {
                    // The method of the struct itself: an inherent one comes before that of a trait.
                    Self::forward(self, x)
                }

                fn parameters(&self) -> ::autograd::Parameters<#number> {
                    let mut all = ::autograd::Parameters::new();
                    #parameters
                    all
                }

                fn buffers(&self) -> ::autograd::Parameters<#number> {
                    let mut all = ::autograd::Parameters::new();
                    #buffers
                    all
                }

                fn state_dict(&self) -> ::core::result::Result<::mlp::io::torch::StateDict<#number>, ::mlp::Error> {
                    let mut all = ::mlp::io::torch::StateDict::<#number>::new();
                    #state_dict
                    ::core::result::Result::Ok(all)
                }

                #describe

                #config
            }
        };
    })
}

/// Whether a type holds modules.
fn holds_layers(of: &Type) -> bool {
    match reached(of) {
        Reached::Module => true,
        Reached::Optional(inner) | Reached::Many(inner) => holds_layers(inner),
        Reached::Param | Reached::Data => false,
    }
}

/// The rows of the layers, behind one for the parameters that stand in the struct itself.
fn described(rows: &TokenStream, name: &str, number: &Type) -> TokenStream {
    quote! {
        fn describe(&self) -> ::std::vec::Vec<::mlp::LayerRow> {
            let mut all: ::std::vec::Vec<::mlp::LayerRow> = ::std::vec::Vec::new();
            #rows
            let own = ::mlp::Module::<#number>::parameters(self).numel() - all.iter().map(|row| row.parameters).sum::<usize>();
            if own > 0 {
                let row = ::mlp::LayerRow {
                    layer: #name.into(),
                    shape: ::std::string::String::new(),
                    activation: ::std::string::String::new(),
                    parameters: own,
                };
                all.insert(0, row);
            }
            all
        }
    }
}

/// A lifetime that the struct does not name.
fn lifetime(generics: &syn::Generics) -> syn::Lifetime {
    let taken = |name: &str| {
        generics.params.iter().any(|param| matches!(param, GenericParam::Lifetime(life) if life.lifetime.ident == name))
    };
    let name = if taken("t") { "'tape" } else { "'t" };
    syn::Lifetime::new(name, proc_macro2::Span::call_site())
}
