//! The table of promises: the checks of the contract suite, by group.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The checks, each with its group, as the table is written: `group, Subject, [check: "promise", …]`.
pub(super) fn of(tokens: TokenStream, found: &mut Vec<(String, String)>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (nth, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let group_name = match nth.checked_sub(4).and_then(|at| tokens.get(at)) {
            Some(TokenTree::Ident(name)) if group.delimiter() == Delimiter::Bracket => Some(name.to_string()),
            _ => None,
        };
        let inside: Vec<_> = group.stream().into_iter().collect();
        for row in inside.windows(3) {
            if let ([TokenTree::Ident(check), TokenTree::Punct(colon), TokenTree::Literal(_)], Some(group)) =
                (row, &group_name)
                && colon.as_char() == ':'
            {
                found.push((group.clone(), check.to_string()));
            }
        }
        of(group.stream(), found);
    }
}
