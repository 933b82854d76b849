//! Test cases for [`Transfers`](carium::Transfers), with requests that [`Documents`](carium::Documents) presigned.

use std::io;

use bytes::Bytes;
use carium::documents::{
    ByteRange, Content, DocumentQuery, DocumentReferenceId, FilePart, NewDocument, UploadForm,
};
use carium::{ErrorKind, Secret};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};

use super::assertions::{
    CaseResult, REJECTION_KINDS, ensure, ensure_eq, ensure_ok, ensure_rejected, read_all,
};
use super::fixture::DocumentsFixture;
use super::steps::{
    any_document, build_document, check_bytes, check_download, create_document, document_builder,
    download_url, read_body, single_chunk_part, store_document,
};

/// The kinds of error with which a store may reject a request. S3 uses several.
const STORE_REJECTION_KINDS: [ErrorKind; 4] =
    [ErrorKind::Forbidden, ErrorKind::Expired, ErrorKind::Rejected, ErrorKind::NotFound];
/// Length of a large file, which exceeds the size of a single write and of usual buffers.
const LARGE_FILE_LENGTH: usize = 700_000;
const CONCURRENT_UPLOADS: usize = 8;

/// Returns bytes without a short period, so that missing, duplicate or reordered chunks are detected.
fn large_content() -> Bytes {
    let mut bytes = Vec::with_capacity(LARGE_FILE_LENGTH);
    bytes.extend(
        (0..LARGE_FILE_LENGTH as u64).map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[5]),
    );
    bytes.into()
}

pub(super) async fn downloads_uploaded_bytes(fixture: &dyn DocumentsFixture) -> CaseResult {
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let form_boundary =
        b"--boundary\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--boundary--\r\n";
    let contents: [(&str, &[u8]); 6] = [
        ("an empty file", b""),
        ("a file of one byte", b"\0"),
        ("a file of every byte value", &all_bytes),
        ("a file that looks like a form", form_boundary),
        ("a file that starts with line breaks", b"\r\n\r\n"),
        ("a file of JSON", br#"{"data":null}"#),
    ];
    for (description, content) in contents {
        let id = store_document(fixture, any_document(fixture), content.to_vec()).await?;
        check_download(fixture, description, id, content).await?;
    }
    Ok(())
}

/// Returns a file as a stream of chunks of this size, with this declared length.
fn chunked_part(document: &NewDocument, content: &Bytes, length: u64, chunk_size: usize) -> FilePart {
    let chunks: Vec<_> = content.chunks(chunk_size).map(|chunk| Ok(content.slice_ref(chunk))).collect();
    let chunks = Content::Stream(stream::iter(chunks).boxed());
    FilePart::new(document.file_name(), document.media_type(), length, chunks)
}

pub(super) async fn streams_large_files_in_chunks(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content = large_content();
    for chunk_size in [65_536, 100_003, LARGE_FILE_LENGTH] {
        let document = build_document(any_document(fixture))?;
        let file = chunked_part(&document, &content, content.len() as u64, chunk_size);
        let (id, form) = create_document(fixture, document).await?;
        ensure_ok("uploading a file in chunks", fixture.transfers().post(&form, file).await)?;
        ensure_ok("processing a file that was uploaded in chunks", fixture.documents().process(id).await)?;
        check_download(fixture, "a file that was uploaded in chunks", id, &content).await?;
    }
    Ok(())
}

pub(super) async fn accepts_any_file_name(fixture: &dyn DocumentsFixture) -> CaseResult {
    let names = [
        "letter.pdf",
        "without extension",
        "Überweisung Müller.pdf",
        "紹介状.pdf",
        "إحالة.pdf",
        "👩‍⚕️.png",
        "say \"hi\"; filename=other.txt",
        "a%20b+c&d=e.pdf",
        ".hidden",
    ];
    let [patient, _] = fixture.two_individuals();
    for name in names {
        let document = document_builder(fixture, patient).file_name(name);
        let length = build_document(document.clone())?.file_name().len();
        ensure_eq("the length of a document's file name", &length, &name.len())?;
        let id = store_document(fixture, document, name.as_bytes().to_vec()).await?;
        check_download(fixture, "a file with an unusual name", id, name.as_bytes()).await?;
        let query = DocumentQuery::default().patient(patient);
        let listed = read_all("the documents", fixture.documents().list(query)).await?;
        let document = listed.into_iter().find(|document| document.id == id);
        let file_name = document.and_then(|document| document.file_name);
        let checked = "the file name of a document in the list";
        let expected = name.escape_unicode().to_string();
        ensure(file_name.as_deref() == Some(name), checked, expected, "a different name, or none")?;
    }
    Ok(())
}

pub(super) async fn concurrent_uploads_keep_their_files(fixture: &dyn DocumentsFixture) -> CaseResult {
    let contents: Vec<_> = (0..CONCURRENT_UPLOADS).map(|number| format!("letter {number}")).collect();
    let uploads =
        contents.iter().map(|content| store_document(fixture, any_document(fixture), content.clone()));
    let ids = join_all(uploads).await;
    for (id, content) in ids.into_iter().zip(&contents) {
        check_download(fixture, "a file that was uploaded concurrently", id?, content.as_bytes()).await?;
    }
    Ok(())
}

pub(super) async fn repeated_post_changes_nothing(fixture: &dyn DocumentsFixture) -> CaseResult {
    let document = build_document(any_document(fixture))?;
    let file = || single_chunk_part(&document, "a letter");
    let (id, form) = create_document(fixture, document.clone()).await?;
    for _ in 0..2 {
        ensure_ok("posting a file with a valid form", fixture.transfers().post(&form, file()).await)?;
    }
    ensure_ok("processing a file that was posted twice", fixture.documents().process(id).await)?;
    check_download(fixture, "a file that was posted twice", id, b"a letter").await
}

/// Replaces the character at this index with a different one. A digit stays a digit.
fn replace_char(text: &str, index: usize) -> String {
    let replacement = |character: char| match character {
        '9' => '8',
        '0'..='8' => char::from_u32(character as u32 + 1).unwrap_or('0'),
        'b' => 'c',
        _ => 'b',
    };
    let characters = text.chars().enumerate();
    characters.map(|(at, character)| if at == index { replacement(character) } else { character }).collect()
}

/// Returns copies of a form that each have one field changed or removed, with a description. Skips empty fields.
fn modified_forms(form: &UploadForm) -> Vec<(String, UploadForm)> {
    let fields: Vec<_> = form.fields().iter().collect();
    let with_value = |index: usize, new_value: Option<String>| {
        let fields = fields.iter().enumerate().filter_map(|(at, (name, value))| {
            let value = if at == index { new_value.clone() } else { Some(value.clone()) };
            value.map(|value| (*name, value))
        });
        UploadForm::new(form.url().clone(), fields.collect())
    };
    let mut forms = Vec::new();
    for (index, (name, value)) in fields.iter().enumerate() {
        let last = value.chars().count().saturating_sub(1);
        if !value.is_empty() {
            let changed = with_value(index, Some(replace_char(value, last)));
            forms.push((format!("a form with a changed field `{name}`"), changed));
            forms.push((format!("a form without the field `{name}`"), with_value(index, None)));
        }
    }
    forms
}

pub(super) async fn rejects_modified_form(fixture: &dyn DocumentsFixture) -> CaseResult {
    let document = build_document(any_document(fixture))?;
    let (id, form) = create_document(fixture, document.clone()).await?;
    for (description, form) in modified_forms(&form) {
        let result = fixture.transfers().post(&form, single_chunk_part(&document, "a letter")).await;
        ensure_rejected(&format!("posting {description}"), result, &STORE_REJECTION_KINDS)?;
        check_has_no_file(fixture, id).await?;
    }
    // The original form is still valid.
    let result = fixture.transfers().post(&form, single_chunk_part(&document, "a letter")).await;
    ensure_ok("posting the original form", result)?;
    ensure_ok("processing the document", fixture.documents().process(id).await)
}

async fn check_has_no_file(fixture: &dyn DocumentsFixture, id: DocumentReferenceId) -> CaseResult {
    let result = fixture.documents().process(id).await;
    ensure_rejected("processing a document whose upload failed", result, &REJECTION_KINDS).map(drop)
}

pub(super) async fn failing_source_stores_nothing(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content = large_content();
    for length in [10_u64, LARGE_FILE_LENGTH as u64] {
        let document = build_document(any_document(fixture))?;
        let (id, form) = create_document(fixture, document.clone()).await?;
        let first_half = content.slice(..usize::try_from(length / 2).unwrap_or(0));
        let chunks = stream::iter([Ok(first_half), Err(io::Error::from(io::ErrorKind::PermissionDenied))]);
        let content = Content::Stream(chunks.boxed());
        let file = FilePart::new(document.file_name(), document.media_type(), length, content);
        let result = fixture.transfers().post(&form, file).await;
        ensure_rejected("posting a file whose source fails", result, &[ErrorKind::Io])?;
        check_has_no_file(fixture, id).await?;
    }
    Ok(())
}

pub(super) async fn wrong_length_stores_nothing(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content = large_content();
    for length in [LARGE_FILE_LENGTH as u64 - 1, LARGE_FILE_LENGTH as u64 + 1] {
        let document = build_document(any_document(fixture))?;
        let (id, form) = create_document(fixture, document.clone()).await?;
        let file = chunked_part(&document, &content, length, 65_536);
        let result = fixture.transfers().post(&form, file).await;
        ensure_rejected("posting a file with a wrong declared length", result, &[ErrorKind::Io])?;
        check_has_no_file(fixture, id).await?;
    }
    Ok(())
}

pub(super) async fn rejects_modified_url(fixture: &dyn DocumentsFixture) -> CaseResult {
    let id = store_document(fixture, any_document(fixture), "a letter").await?;
    let url = download_url(fixture, id).await?;
    let length = url.expose().chars().count();
    let without_query = url.expose().split('?').next().unwrap_or_default().to_owned();
    // The end of a presigned URL is the signature or a signed parameter.
    let mut modified_urls = vec![replace_char(url.expose(), length.saturating_sub(1))];
    if without_query != *url.expose() {
        modified_urls.push(replace_char(url.expose(), without_query.chars().count().saturating_sub(1)));
        modified_urls.push(without_query);
    }
    for modified_url in modified_urls {
        let result = fixture.transfers().get(&Secret::from(modified_url), None).await;
        ensure_rejected("downloading from a modified URL", result, &STORE_REJECTION_KINDS)?;
    }
    check_download(fixture, "the file at the original URL", id, b"a letter").await
}

/// Checks that a range request returns exactly the bytes of the range, or the whole file if the store does not
/// support ranges.
async fn check_range(
    fixture: &dyn DocumentsFixture,
    url: &Secret,
    range: ByteRange,
    content: &[u8],
) -> CaseResult {
    let checked = match range.until {
        Some(until) => format!("the range from {} until {until}", range.from),
        None => format!("the range from {}", range.from),
    };
    let until = range.until.map_or(content.len() as u64, |until| until.min(content.len() as u64));
    let from = range.from;
    let response =
        ensure_ok(format!("downloading {checked}"), fixture.transfers().get(url, Some(range)).await)?;
    if let Some(total) = response.total {
        let checked = format!("the declared length of the file in the response to {checked}");
        ensure_eq(checked, &total, &(content.len() as u64))?;
    }
    if response.start == 0 && from > 0 && !fixture.supports_ranges() {
        return check_bytes(&checked, &read_body(&checked, response, content.len()).await?, content);
    }
    ensure_eq(format!("the start offset of {checked}"), &response.start, &from)?;
    let index = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
    let expected = &content[index(from)..index(until)];
    let expected = if fixture.supports_ranges() { expected } else { &content[index(from)..] };
    check_bytes(&checked, &read_body(&checked, response, content.len()).await?, expected)
}

pub(super) async fn range_returns_exact_bytes(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content = large_content();
    let id = store_document(fixture, any_document(fixture), content.clone()).await?;
    let url = download_url(fixture, id).await?;
    let length = LARGE_FILE_LENGTH as u64;
    for (from, until) in [
        (0, None),
        (0, Some(1)),
        (1, Some(2)),
        (1, None),
        (65_535, Some(65_537)),
        (100, Some(400_000)),
        (length - 1, None),
        (length - 1, Some(length)),
        (0, Some(length)),
        (length - 10, Some(length + 10)),
    ] {
        let range = ByteRange::starting_at(from);
        let range = until.map_or(range.clone(), |until| range.until(until));
        check_range(fixture, &url, range, &content).await?;
    }
    Ok(())
}

pub(super) async fn rejects_empty_range(fixture: &dyn DocumentsFixture) -> CaseResult {
    let id = store_document(fixture, any_document(fixture), b"hello world".to_vec()).await?;
    let url = download_url(fixture, id).await?;
    for range in [
        ByteRange::starting_at(0).until(0),
        ByteRange::starting_at(4).until(4),
        ByteRange::starting_at(5).until(4),
    ] {
        let result = fixture.transfers().get(&url, Some(range)).await;
        ensure_rejected("requesting an empty range", result, &[ErrorKind::InvalidInput])?;
    }
    Ok(())
}

pub(super) async fn rejects_range_past_end(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content: &[u8] = b"0123456789";
    let id = store_document(fixture, any_document(fixture), content).await?;
    let url = download_url(fixture, id).await?;
    for range in
        [ByteRange::starting_at(11), ByteRange::starting_at(11).until(12), ByteRange::starting_at(1_000_000)]
    {
        let result = fixture.transfers().get(&url, Some(range.clone())).await;
        if fixture.supports_ranges() {
            ensure_rejected("requesting a range past the end", result, &[ErrorKind::Rejected])?;
        } else if let Ok(response) = result {
            let checked = "the response to a range past the end";
            check_bytes(checked, &read_body(checked, response, content.len()).await?, content)?;
        }
    }
    Ok(())
}

pub(super) async fn range_of_other_version_returns_whole_file(fixture: &dyn DocumentsFixture) -> CaseResult {
    let content: &[u8] = b"0123456789";
    let id = store_document(fixture, any_document(fixture), content).await?;
    let url = download_url(fixture, id).await?;
    let first = ensure_ok("downloading a file", fixture.transfers().get(&url, None).await)?;
    // A store without versions cannot compare them.
    let Some(version) = first.version else { return Ok(()) };
    check_range(fixture, &url, ByteRange::starting_at(4).until(6).if_version(version), content).await?;
    let other_version = ByteRange::starting_at(4).until(6).if_version("\"another\"");
    let checked = "the response to a range of another version";
    let response = ensure_ok(checked, fixture.transfers().get(&url, Some(other_version)).await)?;
    ensure_eq(format!("the start offset of {checked}"), &response.start, &0)?;
    check_bytes(checked, &read_body(checked, response, content.len()).await?, content)
}
