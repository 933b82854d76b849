//! The form of an upload, part by part.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::call::Record;
use super::policy::{Fields, Length};
use super::refusal::Refusal;
use super::upload::Upload;

/// S3's limit on everything that is before the file.
const MOST_BEFORE_FILE: usize = 20 * 1024;

/// What a form may have besides its fields and its file: boundaries and the headers of its parts. The parser
/// keeps what it has not understood yet, and this bounds it.
const MOST_AROUND: u64 = 64 * 1024;

/// A form that is being read.
pub(super) struct Form {
    parts: Multipart<'static>,
    record: Record,
}

/// The part of the file. Its content has not been read yet.
pub(super) struct FilePart(Field<'static>);

impl Form {
    pub(super) fn open(
        headers: &HeaderMap,
        upload: Upload,
        most: u64,
        record: Record,
    ) -> Result<Self, Refusal> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary =
            multer::parse_boundary(media_type.unwrap_or_default()).map_err(|error| match error {
                multer::Error::NoBoundary => malformed(),
                _ => no_form(),
            })?;
        let most = most.saturating_add(MOST_BEFORE_FILE as u64).saturating_add(MOST_AROUND);
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(most));
        Ok(Self { parts: Multipart::with_constraints(upload, boundary, constraints), record })
    }

    /// Everything before the file, and the file if there is one.
    pub(super) async fn fields(&mut self) -> Result<(Fields, Option<FilePart>), Refusal> {
        let mut fields = Fields::default();
        let mut length = 0;
        while let Some((name, mut part)) = self.next().await? {
            if name.eq_ignore_ascii_case("file") {
                return Ok((fields, Some(FilePart(part))));
            }
            let mut value = BytesMut::new();
            length += name.len();
            while let Some(chunk) = part.chunk().await.map_err(|error| refuse(&error))? {
                if length + value.len() + chunk.len() > MOST_BEFORE_FILE {
                    return Err(fields_too_large());
                }
                value.extend_from_slice(&chunk);
            }
            length += value.len();
            let value = String::from_utf8(value.into()).map_err(|_| malformed())?;
            if name.eq_ignore_ascii_case("key") {
                self.record.note(|call| call.key = Some(value.clone()));
            }
            fields.push(name, value)?;
        }
        Ok((fields, None))
    }

    /// The file's name and content, which nothing may follow.
    pub(super) async fn file(
        &mut self,
        part: FilePart,
        allowed: Length,
    ) -> Result<(Option<String>, Bytes), Refusal> {
        let FilePart(mut part) = part;
        let file_name = part.file_name().map(str::to_owned);
        let mut content = BytesMut::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| refuse(&error))? {
            content.extend_from_slice(&chunk);
            if content.len() as u64 > allowed.most {
                return Err(allowed.too_large(content.len() as u64));
            }
        }
        // The parser does not go on to the next part while this one is held.
        drop(part);
        match self.next().await? {
            Some((name, _)) if name.eq_ignore_ascii_case("file") => return Err(one_file(2)),
            Some((name, _)) => {
                let message = format!("The file must be the last field, and '{name}' follows it.");
                return Err(Refusal::invalid_argument(message, &name));
            }
            None => {}
        }
        if (content.len() as u64) < allowed.least {
            return Err(allowed.too_small(content.len() as u64));
        }
        Ok((file_name, content.freeze()))
    }

    async fn next(&mut self) -> Result<Option<(String, Field<'static>)>, Refusal> {
        let Some(part) = self.parts.next_field().await.map_err(|error| refuse(&error))? else {
            return Ok(None);
        };
        let name = part.name().ok_or_else(malformed)?.to_owned();
        self.record.note(|call| call.fields.push(name.clone()));
        Ok(Some((name, part)))
    }
}

pub(super) fn one_file(there: usize) -> Refusal {
    Refusal::invalid_argument("POST requires exactly one file upload per request.", "file")
        .with("ArgumentValue", &there)
}

fn refuse(error: &multer::Error) -> Refusal {
    match error {
        multer::Error::StreamSizeExceeded { limit } => {
            Length { least: 0, most: *limit }.too_large(*limit + 1)
        }
        _ => malformed(),
    }
}

fn malformed() -> Refusal {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    Refusal::bad_request("MalformedPOSTRequest", message)
}

fn no_form() -> Refusal {
    let message = "At least one of the pre-conditions you specified did not hold";
    Refusal::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
}

fn fields_too_large() -> Refusal {
    let message = "Your POST request fields preceding the upload file were too large.";
    Refusal::bad_request("MaxPostPreDataLengthExceededError", message)
}
