use serde_json::Value;

use super::each_map;

/// Descriptions become rustdoc, which reads more into them than OpenAPI's Markdown does: brackets are links
/// to items, a bare URL is a warning, and a block of code without a language is a test.
pub(super) fn lower(root: &mut Value) {
    each_map(root, &mut |map| {
        for word in ["description", "summary"] {
            if let Some(Value::String(text)) = map.get_mut(word) {
                *text = for_rustdoc(text);
            }
        }
    });
}

/// A description as rustdoc is to see it.
pub(crate) fn for_rustdoc(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return if fenced && line.trim() == "```" {
                line.replace("```", "```text")
            } else {
                line.to_owned()
            };
        }
        if fenced { line.to_owned() } else { prose(line) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands between backticks stays, and so does a link that is written out.
fn prose(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 1 { part.to_owned() } else { words(part) });
    parts.collect::<Vec<_>>().join("`")
}

fn words(part: &str) -> String {
    if part.contains("](") {
        return part.to_owned();
    }
    let escaped = part.replace('[', r"\[").replace(']', r"\]");
    let words = escaped.split(' ').map(|word| {
        let url = word.trim_end_matches(['.', ',', ')', ';']);
        if url.starts_with("https://") || url.starts_with("http://") {
            word.replacen(url, &format!("<{url}>"), 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::for_rustdoc;

    #[test]
    fn only_what_rustdoc_would_misread_changes() {
        for (text, expected) in [
            (
                "Plain, `filter[…]` and [a link](https://example.com).",
                "Plain, `filter[…]` and [a link](https://example.com).",
            ),
            ("By filter[x] or https://example.com.", r"By filter\[x\] or <https://example.com>."),
            ("```\ncode[0]\n```", "```text\ncode[0]\n```"),
        ] {
            assert_eq!(for_rustdoc(text), expected);
        }
    }
}
