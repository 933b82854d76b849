//! What the vendor leaves open, done in the other way.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal};
use super::asked::Asked;

/// One thing that the contract leaves open and that a client has to bear either way.
///
/// Without any, the service answers in the way that the vendor's pages suggest: a creation with 201, deletions
/// and the like with 204 and nothing else, links relative to the origin with a last one that is `null`, the URL of a
/// download in `download-url`. None of them is against the spec, or the spec says that it may be.
///
/// ```
/// use carium_mock::{FakeCarium, Quirk};
///
/// let fake = FakeCarium::new();
/// for quirk in Quirk::ALL {
///     fake.set_quirks([quirk]);
///     // … and the code under test does what it does without it.
/// }
/// fake.set_quirks([]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Links between pages are absolute.
    AbsoluteLinks,
    /// The last page has no `links.next`, rather than one that is `null`.
    LastLinkOmitted,
    /// A refusal has a status and no body.
    ErrorsWithoutDetails,
    /// Deletions, invitations and `process-upload` answer 200 with a body.
    ExtraBodies,
    /// A creation answers 200.
    CreateReturns200,
    /// The URL of a download stands in `download-info.download-url`.
    DownloadInfoNested,
    /// The URL of a download stands in `url`.
    DownloadInfoPlain,
    /// A username that is taken answers 422 rather than 409.
    DuplicateReturns422,
    /// `process-upload` of a document that is processed answers 409, and says that it is done.
    ReprocessReturns409,
    /// Answers have attributes and members that the spec does not know.
    UnknownAttributes,
    /// A patient who was just created is answered with a gender and a locale that the spec does not know, and every
    /// resource with a `type` of that kind.
    UnknownEnumValues,
    /// The fields of an upload form hold a number and a boolean beside texts.
    TypedFormFields,
}

impl Quirk {
    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::AbsoluteLinks,
        Self::LastLinkOmitted,
        Self::ErrorsWithoutDetails,
        Self::ExtraBodies,
        Self::CreateReturns200,
        Self::DownloadInfoNested,
        Self::DownloadInfoPlain,
        Self::DuplicateReturns422,
        Self::ReprocessReturns409,
        Self::UnknownAttributes,
        Self::UnknownEnumValues,
        Self::TypedFormFields,
    ];
}

/// The quirks of a service: none, as a rule.
#[derive(Default)]
pub(crate) struct Quirks(BTreeSet<Quirk>);

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().collect())
    }
}

impl Quirks {
    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// A yes, in the other ways.
    pub(crate) fn of_answer(&self, asked: &Asked<'_>, mut answer: Answer) -> Answer {
        if self.0.is_empty() {
            return answer;
        }
        if self.has(Quirk::CreateReturns200) && answer.status == StatusCode::CREATED {
            answer.status = StatusCode::OK;
        }
        match &mut answer.body {
            Some(body) => self.of_body(asked, body),
            None if self.has(Quirk::ExtraBodies) => {
                answer = Answer { status: StatusCode::OK, is_beyond_the_spec: true, body: None };
                answer.body = Some(json!({"meta": {"done": true}}));
            }
            None => {}
        }
        answer
    }

    /// A no, in the other ways.
    pub(crate) fn of_refusal(&self, mut refusal: Refusal) -> Refusal {
        if self.has(Quirk::DuplicateReturns422) && refusal.code == "duplicate" {
            refusal.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        refusal.is_bare = self.has(Quirk::ErrorsWithoutDetails);
        refusal
    }

    fn of_body(&self, asked: &Asked<'_>, body: &mut Value) {
        self.of_links(asked, body);
        if let Some(attributes) = body.pointer_mut("/data/attributes").and_then(Value::as_object_mut) {
            self.of_download(attributes);
            self.of_form(attributes);
        }
        let created_patient = asked.operation.id == "create_patient";
        let resources = match body.get_mut("data") {
            Some(Value::Array(items)) => items.iter_mut().collect(),
            Some(item) => vec![item],
            None => Vec::new(),
        };
        for resource in resources {
            if self.has(Quirk::UnknownEnumValues) {
                resource["type"] = "things-of-tomorrow".into();
                if created_patient {
                    resource["attributes"]["gender"] = "x-tomorrow".into();
                    resource["attributes"]["locale"] = "xx_XX".into();
                }
            }
            if self.has(Quirk::UnknownAttributes) {
                resource["attributes"]["x-tomorrow"] = json!({"nested": [1, null, "text"]});
                resource["relationships"] = json!({"x-tomorrow": {"data": null}});
            }
        }
        if self.has(Quirk::UnknownAttributes) {
            body["meta"] = json!({"x-tomorrow": true});
        }
    }

    fn of_links(&self, asked: &Asked<'_>, body: &mut Value) {
        let Some(links) = body.get_mut("links").and_then(Value::as_object_mut) else { return };
        if self.has(Quirk::LastLinkOmitted) {
            links.retain(|_, link| !link.is_null());
        }
        if let Some(origin) = asked.origin().filter(|_| self.has(Quirk::AbsoluteLinks)) {
            for link in links.values_mut() {
                if let Some(relative) = link.as_str() {
                    *link = format!("{origin}{relative}").into();
                }
            }
        }
    }

    fn of_download(&self, attributes: &mut Map<String, Value>) {
        let is_elsewhere = self.has(Quirk::DownloadInfoNested) || self.has(Quirk::DownloadInfoPlain);
        let Some(url) = is_elsewhere.then(|| attributes.shift_remove("download-url")).flatten() else {
            return;
        };
        if self.has(Quirk::DownloadInfoNested) {
            attributes.insert("download-info".to_owned(), json!({"download-url": url}));
        } else {
            attributes.insert("url".to_owned(), url);
        }
    }

    fn of_form(&self, attributes: &mut Map<String, Value>) {
        if !self.has(Quirk::TypedFormFields) {
            return;
        }
        let fields = attributes.get_mut("upload-info").and_then(|info| info.get_mut("upload-data"));
        if let Some(fields) = fields.and_then(Value::as_object_mut) {
            // A store takes these two whatever was signed: S3 knows the beginning of their names.
            fields.insert("x-ignore-number".to_owned(), json!(7));
            fields.insert("x-ignore-flag".to_owned(), json!(true));
        }
    }
}
