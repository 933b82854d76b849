//! Which operations a function ends with.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use quote::ToTokens as _;

use super::calls::{Calls, FunctionId};
use super::source::identifiers;
use super::walk;

/// An operation, as the generated code knows it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Its id, which is the name of its method.
    pub(super) id: String,
    /// Its row of the table of operations.
    pub(super) row: String,
}

/// Who calls whom, and who calls an operation.
pub(super) struct Reach {
    called: Vec<Vec<FunctionId>>,
    operations: HashMap<FunctionId, BTreeSet<String>>,
}

impl Reach {
    /// A function of `of_crate` calls an operation where it names both the generated method and the row of the table.
    pub(super) fn of(calls: &Calls<'_>, of_crate: &str, known: &[Known]) -> Self {
        let mut operations = HashMap::new();
        for (id, function) in calls.functions.iter().enumerate() {
            let Some(body) = function.body.filter(|_| calls.file(id).0 == of_crate) else { continue };
            let words = identifiers(body.to_token_stream());
            let named = known.iter().filter(|it| words.contains(&it.id) && words.contains(&it.row));
            operations.insert(id, named.map(|it| it.id.clone()).collect());
        }
        let called = calls.functions.iter().map(|function| walk::called_by(calls, function)).collect();
        Self { called, operations }
    }

    /// The operations that a function ends with, each with the number of calls on the shortest way there.
    pub(super) fn operations(&self, root: FunctionId) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::from([root]);
        let mut queue = VecDeque::from([(root, 0)]);
        while let Some((id, distance)) = queue.pop_front() {
            for operation in self.operations.get(&id).into_iter().flatten() {
                found.entry(operation.clone()).or_insert(distance);
            }
            for next in self.called.get(id).into_iter().flatten() {
                if seen.insert(*next) {
                    queue.push_back((*next, distance + 1));
                }
            }
        }
        found
    }
}
