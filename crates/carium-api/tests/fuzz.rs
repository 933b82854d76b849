//! Any bytes as the response of any operation give a value or an error, without a panic, an endless loop or unbounded memory.
//!
//! CONTRIBUTING.md says how to run more cases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "generated/calls.rs"]
#[rustfmt::skip]
mod calls;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use carium_api::{Client, DateTime, Error, Operation, ResponseValue, Transport, TransportError, types};
use http::{Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().unwrap());

/// The examples of the spec: operation, status and body.
static EXAMPLES: LazyLock<Vec<(String, u16, String)>> = LazyLock::new(|| {
    let examples: Vec<Value> = serde_json::from_str(include_str!("generated/examples.json")).unwrap();
    let example = |example: &Value| {
        let status = u16::try_from(example["status"].as_u64()?).ok()?;
        Some((example["operation"].as_str()?.to_owned(), status, example["body"].to_string()))
    };
    let examples: Vec<_> = examples.iter().filter_map(example).collect();
    assert!(examples.len() > 15, "{}", examples.len());
    examples
});

/// The result of a call: its value as JSON, or its error. Both are formatted.
type Outcome = Result<(), ()>;

fn outcome<T: Serialize + std::fmt::Debug>(
    result: Result<ResponseValue<T>, Error<types::ErrorDocument>>,
) -> Outcome {
    match result {
        Ok(value) => {
            let text = format!("{value:?} {:#?}", *value);
            assert!(!text.is_empty());
            serde_json::to_vec(&*value).map(drop).map_err(drop)
        }
        Err(error) => {
            let mut text = format!("{error} {error:?}");
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                text.push_str(&error.to_string());
                source = error.source();
            }
            assert!(text.len() < 200_000, "an error of {} bytes", text.len());
            Err(())
        }
    }
}

fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// Responds to every request in the same way.
struct Canned(u16, Bytes);

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, _: &Operation, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let response = Response::builder().status(self.0).header("content-type", "application/vnd.api+json");
        Ok(response.body(self.1.clone()).unwrap())
    }
}

fn respond(operation: &str, status: u16, body: impl Into<Bytes>) -> Outcome {
    let base_url = "https://api.example.com".parse().unwrap();
    let client = Client::with_shared_transport(base_url, Arc::new(Canned(status, body.into())));
    RUNTIME.block_on(calls::call(&client, operation))
}

/// A change of a body.
#[derive(Clone, Debug)]
enum Edit {
    Byte(Index, u8),
    Insert(Index, &'static str),
    /// Replaces a value by another one.
    Value(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Edit {
    fn apply(&self, body: &mut Vec<u8>) {
        let at = |index: &Index| index.index(body.len() + 1);
        match self {
            Self::Byte(index, byte) => {
                let at = at(index);
                body.splice(at..(at + 1).min(body.len()), [*byte]);
            }
            Self::Insert(index, text) => {
                let at = at(index);
                body.splice(at..at, text.bytes());
            }
            Self::Value(index, text) => {
                let colons: Vec<_> = (0..body.len()).filter(|at| body[*at] == b':').collect();
                if !colons.is_empty() {
                    let start = colons[index.index(colons.len())] + 1;
                    let length = body[start..].iter().take_while(|byte| !b",}]".contains(byte)).count();
                    body.splice(start..start + length, text.bytes());
                }
            }
            Self::Remove(index, length) => {
                let at = at(index);
                body.drain(at..(at + length).min(body.len()));
            }
            Self::Repeat(index, length) => {
                let at = at(index);
                let copy = body[at..(at + length).min(body.len())].to_vec();
                body.splice(at..at, copy);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let token = || {
        prop::sample::select(vec![
            "null",
            "true",
            "0",
            "-1",
            "1e400",
            "NaN",
            "01",
            "9999999999999999999999",
            "\"\"",
            "\"x\"",
            "\"\\ud800\"",
            "\"2022-13-45T99:99:99Z\"",
            "[]",
            "{}",
            "[[]]",
            "[{}]",
            "{\"id\":1}",
            "{\"data\":null}",
            ",",
            ":",
            "\"",
            "{",
            "}",
            "[",
            "]",
            "\u{feff}",
            "\0",
            "\\",
            "\"data\":[],",
            "\"errors\":[{}],",
        ])
    };
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(index, byte)| Edit::Byte(index, byte)),
        1 => (any::<Index>(), token()).prop_map(|(index, text)| Edit::Insert(index, text)),
        4 => (any::<Index>(), token()).prop_map(|(index, text)| Edit::Value(index, text)),
        1 => (any::<Index>(), 1_usize..40).prop_map(|(index, length)| Edit::Remove(index, length)),
        1 => (any::<Index>(), 1_usize..400).prop_map(|(index, length)| Edit::Repeat(index, length)),
    ]
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn any_bytes_as_a_response_do_not_panic(
            bytes in vec(any::<u8>(), 0..300),
            tokens in vec(edit(), 0..40),
            status in prop_oneof![Just(200_u16), 100_u16..600],
        ) {
            let mut text = Vec::new();
            for token in &tokens {
                token.apply(&mut text);
            }
            for (operation, ..) in EXAMPLES.iter() {
                let _ = respond(operation, status, bytes.clone());
                let _ = respond(operation, status, text.clone());
            }
        }

        #[test]
        fn changed_examples_do_not_panic(example in any::<Index>(), edits in vec(edit(), 0..8), other in any::<Index>()) {
            let (operation, status, body) = example.get(&EXAMPLES);
            let mut bytes = body.clone().into_bytes();
            for edit in &edits {
                edit.apply(&mut bytes);
            }
            let result = respond(operation, *status, bytes.clone());
            prop_assert!(!edits.is_empty() || result.is_ok() == (*status < 300), "the example itself is read");
            // As the response of another operation, and as an error.
            let (operation, status, _) = other.get(&EXAMPLES);
            let _ = respond(operation, *status, bytes.clone());
            let _ = respond(operation, 422, bytes);
        }

        #[test]
        fn any_text_as_a_time_is_refused_or_round_trips(
            text in prop_oneof![any::<String>(), "[0-9]{0,5}-[0-9]{0,3}-[0-9]{0,3}[T ][0-9:.]{0,12}[Z+-]?[0-9:]{0,6}"],
        ) {
            if let Ok(time) = text.parse::<DateTime>() {
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }
    }

    #[test]
    fn large_and_deep_bodies_do_not_panic() {
        let size = 200_000;
        for unit in [
            "[",
            "{\"data\":",
            "\"\\ud800\",",
            "NaN ",
            "{\"data\":[",
            "\"",
            "\\",
            "\"a\" ",
            "{\"errors\":[{\"meta\":",
        ] {
            let body = unit.repeat(size / unit.len());
            for (operation, ..) in EXAMPLES.iter().step_by(5) {
                for status in [200, 422] {
                    let _ = respond(operation, status, body.clone());
                }
            }
        }
        let list = format!(
            "{{\"data\": [{}null]}}",
            "{\"id\": NaN, \"attributes\": {\"name\": \"\\ud800\"}},".repeat(4_000)
        );
        let _ = respond("list_practitioners", 200, list);
    }
}
