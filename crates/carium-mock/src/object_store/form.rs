//! Reads the multipart form of an upload.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::call_log::CallEntry;
use super::error::S3Error;
use super::policy::{FormFields, LengthRange};
use super::upload_body::UploadBody;

/// S3's limit on the names and values of all fields before the file.
const MAX_FIELD_BYTES: usize = 20 * 1024;

/// The allowance for boundaries and the headers of the parts. It limits what the multipart parser buffers.
const MAX_OVERHEAD_BYTES: u64 = 64 * 1024;

/// Reads a form part by part.
pub(super) struct FormReader {
    parts: Multipart<'static>,
    entry: CallEntry,
}

/// The file part, whose content has not been read yet.
pub(super) struct FileField(Field<'static>);

impl FormReader {
    pub(super) fn open(
        headers: &HeaderMap,
        body: UploadBody,
        max_file_bytes: u64,
        entry: CallEntry,
    ) -> Result<Self, S3Error> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary =
            multer::parse_boundary(media_type.unwrap_or_default()).map_err(|error| match error {
                multer::Error::NoBoundary => malformed(),
                _ => not_multipart(),
            })?;
        let max_bytes =
            max_file_bytes.saturating_add(MAX_FIELD_BYTES as u64).saturating_add(MAX_OVERHEAD_BYTES);
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(max_bytes));
        Ok(Self { parts: Multipart::with_constraints(body, boundary, constraints), entry })
    }

    /// Reads the fields before the file. Returns them with the file part, if there is one.
    pub(super) async fn read_fields(&mut self) -> Result<(FormFields, Option<FileField>), S3Error> {
        let mut fields = FormFields::default();
        let mut total = 0;
        while let Some((name, mut part)) = self.next_part().await? {
            if name.eq_ignore_ascii_case("file") {
                return Ok((fields, Some(FileField(part))));
            }
            let mut value = BytesMut::new();
            total += name.len();
            while let Some(chunk) = part.chunk().await.map_err(|error| parser_error(&error))? {
                if total + value.len() + chunk.len() > MAX_FIELD_BYTES {
                    return Err(fields_too_large());
                }
                value.extend_from_slice(&chunk);
            }
            total += value.len();
            let value = String::from_utf8(value.into()).map_err(|_| malformed())?;
            if name.eq_ignore_ascii_case("key") {
                self.entry.update(|call| call.key = Some(value.clone()));
            }
            fields.push(name, value)?;
        }
        Ok((fields, None))
    }

    /// Reads the file. Returns its name and content, or an error if another part follows.
    pub(super) async fn read_file(
        &mut self,
        part: FileField,
        allowed: LengthRange,
    ) -> Result<(Option<String>, Bytes), S3Error> {
        let FileField(mut part) = part;
        let file_name = part.file_name().map(str::to_owned);
        let mut content = BytesMut::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| parser_error(&error))? {
            content.extend_from_slice(&chunk);
            if content.len() as u64 > allowed.max {
                return Err(allowed.too_large(content.len() as u64));
            }
        }
        // The parser does not continue with the next part while this one exists.
        drop(part);
        match self.next_part().await? {
            Some((name, _)) if name.eq_ignore_ascii_case("file") => return Err(wrong_file_count(2)),
            Some((name, _)) => {
                let message = format!("The file must be the last field, and '{name}' follows it.");
                return Err(S3Error::invalid_argument(message, &name));
            }
            None => {}
        }
        if (content.len() as u64) < allowed.min {
            return Err(allowed.too_small(content.len() as u64));
        }
        Ok((file_name, content.freeze()))
    }

    async fn next_part(&mut self) -> Result<Option<(String, Field<'static>)>, S3Error> {
        let Some(part) = self.parts.next_field().await.map_err(|error| parser_error(&error))? else {
            return Ok(None);
        };
        let name = part.name().ok_or_else(malformed)?.to_owned();
        self.entry.update(|call| call.fields.push(name.clone()));
        Ok(Some((name, part)))
    }
}

pub(super) fn wrong_file_count(count: usize) -> S3Error {
    S3Error::invalid_argument("POST requires exactly one file upload per request.", "file")
        .with("ArgumentValue", &count)
}

fn parser_error(error: &multer::Error) -> S3Error {
    match error {
        multer::Error::StreamSizeExceeded { limit } => {
            LengthRange { min: 0, max: *limit }.too_large(*limit + 1)
        }
        _ => malformed(),
    }
}

fn malformed() -> S3Error {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    S3Error::bad_request("MalformedPOSTRequest", message)
}

fn not_multipart() -> S3Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    S3Error::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
}

fn fields_too_large() -> S3Error {
    let message = "Your POST request fields preceding the upload file were too large.";
    S3Error::bad_request("MaxPostPreDataLengthExceededError", message)
}
