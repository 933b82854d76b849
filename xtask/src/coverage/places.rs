//! What was found of each operation in each column, by asking the code.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use quote::ToTokens as _;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{Item, Lit, Pat};

use super::calls::Calls;
use super::promises;
use super::reach::{Known, Reach};
use super::source::{self, Source};
use crate::rust;
use crate::spec::Spec;

const YES: &str = "yes";

/// What was found: for each column, the operations that are in it, and where.
pub(super) struct Places(Vec<BTreeMap<String, String>>);

impl Places {
    pub(super) fn read(root: &Path, spec: &Spec) -> Result<Self, String> {
        let known = |operation: &crate::spec::Operation<'_>| {
            let id = operation.id();
            Known { id: id.to_owned(), row: rust::calls::row_name(id).to_string() }
        };
        let operations: Vec<_> = spec.operations().iter().map(known).collect();
        let library = source::of_crate(root, "carium", "crates/carium/src", "")?;
        let suite = source::of_crate(root, "carium_mock", "crates/carium-mock/src", "contract-tests")?;
        let program = source::of_crate(root, "carium_cli", "crates/carium-cli/src", "")?;
        let sources: Vec<Source> = library.into_iter().chain(suite).chain(program).collect();
        let calls = Calls::of(&sources);
        let reach = &Reach::of(&calls, "carium", &operations);

        let fake = fake(root)?;
        let sandbox = sandbox(root, &operations, &fake)?;
        Ok(Self(vec![
            generated(root, &operations)?,
            traits(&calls, reach),
            fake,
            sandbox,
            suite_checks(root, &calls, reach)?,
            rows_named(root, "crates/carium-cli/src/generated/commands.rs", &operations)?,
            commands(&calls, reach),
        ]))
    }

    /// Where an operation is in each column.
    pub(super) fn of(&self, operation: &str) -> Vec<Option<String>> {
        self.0.iter().map(|column| column.get(operation).cloned()).collect()
    }
}

type Found = BTreeMap<String, String>;

/// Those with a method of the client and a row of the table.
fn generated(root: &Path, operations: &[Known]) -> Result<Found, String> {
    let client = source::parse(root, "crates/carium-api/src/generated/client.rs")?;
    let mut methods = BTreeSet::new();
    for item in &client.items {
        if let Item::Impl(item) = item {
            let functions = item.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(item) => Some(item.sig.ident.to_string()),
                _ => None,
            });
            methods.extend(functions);
        }
    }
    let table = source::parse(root, "crates/carium-api/src/generated/operations.rs")?;
    let rows: BTreeSet<_> = table
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Static(item) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect();
    let both = operations.iter().filter(|it| methods.contains(&it.id) && rows.contains(&it.row));
    Ok(both.map(|it| (it.id.clone(), YES.to_owned())).collect())
}

/// The method of a public trait of `carium` whose implementation there ends with the operation, by the shortest way.
fn traits(calls: &Calls<'_>, reach: &Reach) -> Found {
    let mut best = Shortest::default();
    for (id, function) in calls.functions.iter().enumerate() {
        let Some(of_trait) = function.of_trait else { continue };
        let is_domain =
            calls.names.declared(of_trait).is_public_trait && calls.names.crate_of_type(of_trait) == "carium";
        if is_domain && calls.file(id).0 == "carium" {
            best.add(reach.operations(id), &format!("{}::{}", calls.names.name(of_trait), function.name()));
        }
    }
    best.found()
}

/// The operations that the service has an arm for.
fn fake(root: &Path) -> Result<Found, String> {
    struct Arms(Found);
    impl<'ast> Visit<'ast> for Arms {
        fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
            let on = choice.expr.to_token_stream().to_string().replace(' ', "");
            if on.ends_with("operation.id") {
                choice.arms.iter().for_each(|arm| texts(&arm.pat, &mut self.0));
            }
            visit::visit_expr_match(self, choice);
        }
    }
    let service = source::parse(root, "crates/carium-mock/src/service.rs")?;
    let mut arms = Arms(Found::new());
    arms.visit_file(&service);
    Ok(arms.0)
}

fn texts(pattern: &Pat, found: &mut Found) {
    match pattern {
        Pat::Lit(literal) => {
            if let Lit::Str(text) = &literal.lit {
                found.insert(text.value(), YES.to_owned());
            }
        }
        Pat::Or(pattern) => pattern.cases.iter().for_each(|case| texts(case, found)),
        _ => {}
    }
}

/// The operations that have a way to the service over HTTP, and a contract that their requests are held against.
fn sandbox(root: &Path, operations: &[Known], fake: &Found) -> Result<Found, String> {
    let routed = rows_named(root, "crates/carium-mock/src/sandbox/route.rs", operations)?;
    let path = "crates/carium-mock/src/generated/spec.json";
    let contract: Value = serde_json::from_str(&source::text(root, path)?)
        .map_err(|error| format!("{path} is not JSON: {error}"))?;
    let has_contract = |id: &str| contract.get("operations").is_some_and(|it| it.get(id).is_some());
    Ok(routed.into_iter().filter(|(id, _)| has_contract(id) && fake.contains_key(id)).collect())
}

/// The operations whose rows a file names as `operations::ROW`; all, where it names `operations::ALL`.
fn rows_named(root: &Path, path: &str, operations: &[Known]) -> Result<Found, String> {
    struct Rows(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Rows {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            let mut parts = path.segments.iter().rev().map(|segment| segment.ident.to_string());
            if let (Some(last), Some(module)) = (parts.next(), parts.next())
                && module == "operations"
            {
                self.0.insert(last);
            }
            visit::visit_path(self, path);
        }
    }
    let file = source::parse(root, path)?;
    let mut rows = Rows(BTreeSet::new());
    rows.visit_file(&file);
    let is_named = |row: &String| rows.0.contains(row) || rows.0.contains("ALL");
    let named = operations.iter().filter(|it| is_named(&it.row));
    Ok(named.map(|it| (it.id.clone(), YES.to_owned())).collect())
}

/// How many checks of the table of promises end with each operation.
fn suite_checks(root: &Path, calls: &Calls<'_>, reach: &Reach) -> Result<Found, String> {
    let table = source::parse(root, "crates/carium-mock/src/contract_tests/table.rs")?;
    let mut promises = Vec::new();
    promises::of(table.to_token_stream(), &mut promises);
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (id, function) in calls.functions.iter().enumerate() {
        let (of_crate, path) = calls.file(id);
        let group = path.strip_prefix("contract_tests/").and_then(|it| it.strip_suffix(".rs"));
        let check = (group.unwrap_or_default().to_owned(), function.name());
        if of_crate == "carium_mock" && promises.contains(&check) {
            for operation in reach.operations(id).into_keys() {
                *counts.entry(operation).or_default() += 1;
            }
        }
    }
    let plural = |count: usize| if count == 1 { "1 check".to_owned() } else { format!("{count} checks") };
    Ok(counts.into_iter().map(|(operation, count)| (operation, plural(count))).collect())
}

/// The command that ends with the operation, by the shortest way.
fn commands(calls: &Calls<'_>, reach: &Reach) -> Found {
    let mut best = Shortest::default();
    for id in 0..calls.functions.len() {
        let (of_crate, path) = calls.file(id);
        let command = path.strip_prefix("commands/").and_then(|it| it.strip_suffix(".rs"));
        let Some(command) = command.filter(|it| of_crate == "carium_cli" && !is_raw(it)) else { continue };
        best.add(reach.operations(id), &command.replace('/', " "));
    }
    best.found()
}

fn is_raw(command: &str) -> bool {
    command == "api" || command.starts_with("api/")
}

/// The nearest place for each operation, the first of those that are as near.
#[derive(Default)]
struct Shortest(BTreeMap<String, (usize, String)>);

impl Shortest {
    fn add(&mut self, reached: BTreeMap<String, usize>, place: &str) {
        for (operation, distance) in reached {
            let candidate = (distance, place.to_owned());
            let best = self.0.entry(operation).or_insert_with(|| candidate.clone());
            if candidate < *best {
                *best = candidate;
            }
        }
    }

    fn found(self) -> Found {
        self.0.into_iter().map(|(operation, (_, place))| (operation, place)).collect()
    }
}
