//! `#[derive(Module)]` of the crate `mlp`, where it is documented.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, GenericArgument, GenericParam, Generics, Ident, PathArguments, Result,
    Type, TypeParamBound, WherePredicate,
};

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

/// What a struct says of itself as a whole.
#[derive(Default)]
struct Settings {
    /// The type of its numbers.
    number: Option<Type>,
    /// Whether it has a method `output_shape` of its own.
    output_shape: bool,
    /// Whether it has a method `check_inputs` of its own.
    check_inputs: bool,
    /// Whether it has a method `check_training` of its own.
    check_training: bool,
    /// Whether it is `Configured`, and so gives its configuration.
    config: bool,
}

fn settings(attributes: &[Attribute]) -> Result<Settings> {
    let mut settings = Settings::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            match () {
                () if meta.path.is_ident("number") => settings.number = Some(meta.value()?.parse()?),
                () if meta.path.is_ident("output_shape") => settings.output_shape = true,
                () if meta.path.is_ident("check_inputs") => settings.check_inputs = true,
                () if meta.path.is_ident("check_training") => settings.check_training = true,
                () if meta.path.is_ident("config") => settings.config = true,
                () => {
                    let known = "`#[module(number = f32)]`, `#[module(output_shape)]`, `#[module(check_inputs)]`, \
                                 `#[module(check_training)]` or `#[module(config)]` is needed";
                    return Err(meta.error(known));
                }
            }
            Ok(())
        })?;
    }
    Ok(settings)
}

/// Whether one of the bounds is that of numbers.
fn is_float<'a>(mut bounds: impl Iterator<Item = &'a TypeParamBound>) -> bool {
    bounds.any(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return false };
        bound.path.segments.last().is_some_and(|last| last.ident == "Float")
    })
}

/// The type of the numbers: the type parameter that is a `Float`, or `f64`.
fn number(generics: &Generics) -> Result<Type> {
    let of_where = |name: &Ident| {
        let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        predicates
            .filter_map(|predicate| match predicate {
                WherePredicate::Type(of) if is_parameter(&of.bounded_ty, name) => Some(&of.bounds),
                _ => None,
            })
            .any(|bounds| is_float(bounds.iter()))
    };
    let mut numbers = generics.type_params().filter(|param| is_float(param.bounds.iter()) || of_where(&param.ident));
    match (numbers.next(), numbers.next()) {
        (None, _) => Ok(syn::parse_quote!(f64)),
        (Some(one), None) => {
            let name = &one.ident;
            Ok(syn::parse_quote!(#name))
        }
        (Some(_), Some(second)) => Err(Error::new(
            second.span(),
            "a Module is over one type of number; say which with `#[module(number = …)]` on the struct",
        )),
    }
}

/// Whether a type is the type parameter `name`.
fn is_parameter(of: &Type, name: &Ident) -> bool {
    matches!(of, Type::Path(path) if path.path.is_ident(name))
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
    let settings = settings(&input.attrs)?;
    let number = match settings.number {
        Some(number) => number,
        None => number(&input.generics)?,
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

    // A layer whose type is a parameter is a Module.
    let mut generics = input.generics.clone();
    for param in input.generics.type_params() {
        let name = &param.ident;
        let mut is_layer = false;
        for field in &fields {
            is_layer |= role(&field.attrs)? != Role::Skipped && is_parameter(innermost(&field.ty), name);
        }
        if is_layer {
            generics.make_where_clause().predicates.push(syn::parse_quote!(#name: ::mlp::Module<#number>));
        }
    }

    let config = match settings.config {
        true => quote! {
            fn config(&self) -> ::core::result::Result<::mlp::Config, ::mlp::Error> {
                ::mlp::Config::of::<#number, Self>(self)
            }
        },
        false => quote! {},
    };

    let name = &input.ident;
    let (implemented, of, bounds) = generics.split_for_impl();
    let life = lifetime(&input.generics);
    let output_shape = match settings.output_shape {
        true => quote! {
            fn output_shape(
                &self,
                input: &::autograd::Shape,
            ) -> ::core::result::Result<::core::option::Option<::autograd::Shape>, ::mlp::Error> {
                Self::output_shape(self, input)
            }
        },
        false => quote! {},
    };
    let check_inputs = match settings.check_inputs {
        true => quote! {
            fn check_inputs(
                &self,
                inputs: &::autograd::Tensor<#number>,
            ) -> ::core::result::Result<(), ::mlp::Error> {
                Self::check_inputs(self, inputs)
            }
        },
        false => quote! {},
    };
    let check_training = match settings.check_training {
        true => quote! {
            fn check_training(&self, input: &::autograd::Shape) -> ::core::result::Result<(), ::mlp::Error> {
                Self::check_training(self, input)
            }
        },
        false => quote! {},
    };
    // Found instead of a method that is missing, so that the one above does not call itself.
    let guard = |promised: bool, named: Ident, method: Ident| match promised {
        true => quote! {
            #[allow(dead_code)]
            trait #named {
                fn #method(&self) {}
            }
            #[automatically_derived]
            impl #implemented #named for #name #of #bounds {}
        },
        false => quote! {},
    };
    let shape_guard = guard(
        settings.output_shape,
        quote::format_ident!("ThisStructNeedsAMethodOutputShape"),
        quote::format_ident!("output_shape"),
    );
    let inputs_guard = guard(
        settings.check_inputs,
        quote::format_ident!("ThisStructNeedsAMethodCheckInputs"),
        quote::format_ident!("check_inputs"),
    );
    let training_guard = guard(
        settings.check_training,
        quote::format_ident!("ThisStructNeedsAMethodCheckTraining"),
        quote::format_ident!("check_training"),
    );
    Ok(quote! {
        const _: () = {
            /// Found instead of a formula that is missing, so that `forward` does not call itself.
            #[allow(dead_code)]
            trait ThisStructNeedsAMethodForward {
                fn forward(&self) {}
            }
            #[automatically_derived]
            impl #implemented ThisStructNeedsAMethodForward for #name #of #bounds {}
            #shape_guard
            #inputs_guard
            #training_guard

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
                #output_shape
                #check_inputs
                #check_training

                #config
            }
        };
    })
}

/// The type within options and lists.
fn innermost(of: &Type) -> &Type {
    match reached(of) {
        Reached::Optional(inner) | Reached::Many(inner) => innermost(inner),
        Reached::Param | Reached::Data | Reached::Module => of,
    }
}

/// Whether a type holds modules.
fn holds_layers(of: &Type) -> bool {
    matches!(reached(innermost(of)), Reached::Module)
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
fn lifetime(generics: &Generics) -> syn::Lifetime {
    let taken = |name: &str| {
        generics.params.iter().any(|param| matches!(param, GenericParam::Lifetime(life) if life.lifetime.ident == name))
    };
    let name = if taken("t") { "'tape" } else { "'t" };
    syn::Lifetime::new(name, proc_macro2::Span::call_site())
}
