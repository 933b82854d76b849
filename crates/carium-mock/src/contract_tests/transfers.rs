//! What [`Transfers`](carium::Transfers) promises, with [`Documents`](carium::Documents) that presigns.

use std::io;

use bytes::Bytes;
use carium::documents::{
    ByteRange, Content, DocumentQuery, DocumentReferenceId, DownloadResponse, FilePart, NewDocument,
    UploadForm,
};
use carium::{ErrorKind, Secret};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};

use super::DocumentsFixture;
use super::documents::{built, created, filed, letter, part};
use super::finding::{Outcome, REFUSALS, done, holds, refused, same};
use super::lists::all;

type Subject<'a> = &'a dyn DocumentsFixture;

/// How a store refuses what it was shown: S3 does in several ways.
const NOT_TAKEN: [ErrorKind; 4] =
    [ErrorKind::Forbidden, ErrorKind::Expired, ErrorKind::Rejected, ErrorKind::NotFound];
/// Longer than what travels in one piece, and than any usual buffer.
const LONG: usize = 700_000;
const MANY: usize = 8;

fn document(subject: Subject<'_>) -> Outcome<NewDocument> {
    built(letter(subject, subject.two_individuals()[0]))
}

/// Bytes that differ wherever they are cut.
fn long_content() -> Bytes {
    let mut bytes = Vec::with_capacity(LONG);
    bytes.extend((0..LONG as u64).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[5]));
    bytes.into()
}

async fn url(subject: Subject<'_>, id: DocumentReferenceId) -> Outcome<Secret> {
    done("asking where a document can be read", subject.documents().download_info(id).await)
}

/// The body, up to a byte more than is expected.
async fn body(at: &str, mut incoming: DownloadResponse, most: usize) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(block) = incoming.body.next().await {
        bytes.extend_from_slice(&done(format!("reading {at}"), block)?);
        if bytes.len() > most {
            break;
        }
    }
    Ok(bytes)
}

fn are_these(at: &str, came: &[u8], expected: &[u8]) -> Outcome {
    let told = format!(
        "{} bytes, {}",
        came.len(),
        match came.iter().zip(expected).position(|(a, b)| a != b) {
            Some(at) => format!("others from byte {at} on"),
            None => "the same as far as both go".to_owned(),
        }
    );
    holds(came == expected, at, format!("{} bytes, exactly", expected.len()), told)
}

/// A document is downloaded as exactly these bytes.
pub(super) async fn is_downloaded(
    subject: Subject<'_>,
    at: &str,
    id: DocumentReferenceId,
    expected: &[u8],
) -> Outcome {
    let url = url(subject, id).await?;
    let incoming = done(format!("downloading {at}"), subject.transfers().get(&url, None).await)?;
    same(format!("where {at} begins"), &incoming.start, &0)?;
    if let Some(total) = incoming.total {
        same(format!("how long {at} is said to be"), &total, &(expected.len() as u64))?;
    }
    are_these(at, &body(at, incoming, expected.len()).await?, expected)
}

pub(super) async fn what_goes_up_comes_down(subject: Subject<'_>) -> Outcome {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let like_a_form =
        b"--boundary\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--boundary--\r\n";
    let contents: [(&str, &[u8]); 6] = [
        ("an empty file", b""),
        ("a file of one byte", b"\0"),
        ("a file of every byte", &every_byte),
        ("a file that looks like a form", like_a_form),
        ("a file that begins with a line's end", b"\r\n\r\n"),
        ("a file that is JSON", br#"{"data":null}"#),
    ];
    for (at, content) in contents {
        let id = filed(subject, document(subject)?, content.to_vec()).await?;
        is_downloaded(subject, at, id, content).await?;
    }
    Ok(())
}

/// A file in blocks of so many bytes.
fn in_blocks(document: &NewDocument, content: &Bytes, length: u64, block: usize) -> FilePart {
    let blocks: Vec<_> = content.chunks(block).map(|block| Ok(content.slice_ref(block))).collect();
    let blocks = Content::Stream(stream::iter(blocks).boxed());
    FilePart::new(document.file_name(), document.media_type(), length, blocks)
}

pub(super) async fn a_file_in_blocks_comes_down_whole(subject: Subject<'_>) -> Outcome {
    let content = long_content();
    for block in [65_536, 100_003, LONG] {
        let document = document(subject)?;
        let file = in_blocks(&document, &content, content.len() as u64, block);
        let (id, form) = created(subject, document).await?;
        done("uploading a file in blocks", subject.transfers().post(&form, file).await)?;
        done("processing a file in blocks", subject.documents().process(id).await)?;
        is_downloaded(subject, "a file that was sent in blocks", id, &content).await?;
    }
    Ok(())
}

pub(super) async fn a_file_may_have_any_name(subject: Subject<'_>) -> Outcome {
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
    let [patient, _] = subject.two_individuals();
    for name in names {
        let document = built(letter(subject, patient).file_name(name))?;
        same("the name of a file that is announced", &document.file_name().len(), &name.len())?;
        let id = filed(subject, document, name.as_bytes().to_vec()).await?;
        is_downloaded(subject, "a file with a name in any letters", id, name.as_bytes()).await?;
        let query = DocumentQuery::default().patient(patient);
        let listed = all("the documents", subject.documents().list(query)).await?;
        let found = listed.into_iter().find(|each| each.id == id).and_then(|found| found.file_name);
        let at = "the name of a file in the list";
        let expected = format!("the one that was given: {}", name.escape_unicode());
        holds(found.as_deref() == Some(name), at, expected, "another, or none")?;
    }
    Ok(())
}

pub(super) async fn each_document_has_its_own_file(subject: Subject<'_>) -> Outcome {
    let mut wanted = Vec::new();
    for number in 0..MANY {
        wanted.push((document(subject)?, format!("the letter of number {number}")));
    }
    let files = wanted.iter().map(|(document, content)| filed(subject, document.clone(), content.clone()));
    let filed = join_all(files).await;
    for (id, (_, content)) in filed.into_iter().zip(&wanted) {
        is_downloaded(subject, "one of many files", id?, content.as_bytes()).await?;
    }
    Ok(())
}

pub(super) async fn posting_again_changes_nothing(subject: Subject<'_>) -> Outcome {
    let document = document(subject)?;
    let file = || part(&document, "a letter");
    let (id, form) = created(subject, document.clone()).await?;
    for _ in 0..2 {
        done("posting a file with a form that is valid", subject.transfers().post(&form, file()).await)?;
    }
    done("processing a file that was posted twice", subject.documents().process(id).await)?;
    is_downloaded(subject, "a file that was posted twice", id, b"a letter").await
}

/// What is left of a text when one letter of it is another, of the same sort.
fn other(text: &str, place: usize) -> String {
    let other = |letter: char| match letter {
        '9' => '8',
        '0'..='8' => char::from_u32(letter as u32 + 1).unwrap_or('0'),
        'b' => 'c',
        _ => 'b',
    };
    text.chars().enumerate().map(|(at, letter)| if at == place { other(letter) } else { letter }).collect()
}

/// Forms that differ from this one in one field, each with what was done to it. Empty fields cannot be changed so.
fn changed(form: &UploadForm) -> Vec<(String, UploadForm)> {
    let fields: Vec<_> = form.fields().iter().collect();
    let with = |at: usize, value: Option<String>| {
        let fields = fields.iter().enumerate().filter_map(|(index, (name, old))| {
            let value = if index == at { value.clone() } else { Some(old.clone()) };
            value.map(|value| (*name, value))
        });
        UploadForm::new(form.url().clone(), fields.collect())
    };
    let mut forms = Vec::new();
    for (at, (name, value)) in fields.iter().enumerate() {
        let last = value.chars().count().saturating_sub(1);
        if !value.is_empty() {
            forms.push((
                format!("a form whose field `{name}` was changed"),
                with(at, Some(other(value, last))),
            ));
            forms.push((format!("a form without its field `{name}`"), with(at, None)));
        }
    }
    forms
}

pub(super) async fn a_form_that_was_changed_is_refused(subject: Subject<'_>) -> Outcome {
    let document = document(subject)?;
    let (id, form) = created(subject, document.clone()).await?;
    for (at, form) in changed(&form) {
        let result = subject.transfers().post(&form, part(&document, "a letter")).await;
        refused(&format!("posting {at}"), result, &NOT_TAKEN)?;
        has_no_file(subject, id).await?;
    }
    // The form itself is as good as before.
    done(
        "posting the form as it was given",
        subject.transfers().post(&form, part(&document, "a letter")).await,
    )?;
    done("processing it", subject.documents().process(id).await)
}

async fn has_no_file(subject: Subject<'_>, id: DocumentReferenceId) -> Outcome {
    let result = subject.documents().process(id).await;
    refused("processing a document whose upload failed", result, &REFUSALS).map(drop)
}

pub(super) async fn a_source_that_fails_leaves_nothing(subject: Subject<'_>) -> Outcome {
    let content = long_content();
    for length in [10_u64, LONG as u64] {
        let document = document(subject)?;
        let (id, form) = created(subject, document.clone()).await?;
        let some = content.slice(..usize::try_from(length / 2).unwrap_or(0));
        let blocks = stream::iter([Ok(some), Err(io::Error::from(io::ErrorKind::PermissionDenied))]);
        let content = Content::Stream(blocks.boxed());
        let file = FilePart::new(document.file_name(), document.media_type(), length, content);
        let result = subject.transfers().post(&form, file).await;
        refused("posting a file that cannot be read to its end", result, &[ErrorKind::Io])?;
        has_no_file(subject, id).await?;
    }
    Ok(())
}

pub(super) async fn a_file_of_another_length_leaves_nothing(subject: Subject<'_>) -> Outcome {
    let content = long_content();
    for length in [LONG as u64 - 1, LONG as u64 + 1] {
        let document = document(subject)?;
        let (id, form) = created(subject, document.clone()).await?;
        let file = in_blocks(&document, &content, length, 65_536);
        let result = subject.transfers().post(&form, file).await;
        refused("posting a file that is not as long as was said", result, &[ErrorKind::Io])?;
        has_no_file(subject, id).await?;
    }
    Ok(())
}

pub(super) async fn a_url_that_was_changed_leads_nowhere(subject: Subject<'_>) -> Outcome {
    let id = filed(subject, document(subject)?, "a letter").await?;
    let url = url(subject, id).await?;
    let letters = url.expose().chars().count();
    let without_query = url.expose().split('?').next().unwrap_or_default().to_owned();
    // The end of a URL that is presigned is its signature, or what the signature is of.
    let mut changed = vec![other(url.expose(), letters.saturating_sub(1))];
    if without_query != *url.expose() {
        changed.push(other(url.expose(), without_query.chars().count().saturating_sub(1)));
        changed.push(without_query);
    }
    for changed in changed {
        let result = subject.transfers().get(&Secret::from(changed), None).await;
        refused("reading from a URL that was changed", result, &NOT_TAKEN)?;
    }
    is_downloaded(subject, "the file at the URL as it was given", id, b"a letter").await
}

/// A range of a file: exactly its bytes, or the whole where ranges are not gone by.
async fn range_is(subject: Subject<'_>, url: &Secret, range: ByteRange, content: &[u8]) -> Outcome {
    let at = format!("the range of {} to {:?}", range.from, range.until);
    let until = range.until.map_or(content.len() as u64, |until| until.min(content.len() as u64));
    let from = range.from;
    let incoming = done(format!("downloading {at}"), subject.transfers().get(url, Some(range)).await)?;
    if let Some(total) = incoming.total {
        same(format!("how long the file is said to be, with {at}"), &total, &(content.len() as u64))?;
    }
    if incoming.start == 0 && from > 0 && !subject.honours_ranges() {
        return are_these(&at, &body(&at, incoming, content.len()).await?, content);
    }
    same(format!("where {at} begins"), &incoming.start, &from)?;
    let index = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(content.len());
    let expected = &content[index(from)..index(until)];
    let expected = if subject.honours_ranges() { expected } else { &content[index(from)..] };
    are_these(&at, &body(&at, incoming, content.len()).await?, expected)
}

pub(super) async fn a_range_has_exactly_its_bytes(subject: Subject<'_>) -> Outcome {
    let content = long_content();
    let id = filed(subject, document(subject)?, content.clone()).await?;
    let url = url(subject, id).await?;
    let long = LONG as u64;
    for (from, until) in [
        (0, None),
        (0, Some(1)),
        (1, Some(2)),
        (1, None),
        (65_535, Some(65_537)),
        (100, Some(400_000)),
        (long - 1, None),
        (long - 1, Some(long)),
        (0, Some(long)),
        (long - 10, Some(long + 10)),
    ] {
        let range = ByteRange::starting_at(from);
        let range = until.map_or(range.clone(), |until| range.until(until));
        range_is(subject, &url, range, &content).await?;
    }
    Ok(())
}

pub(super) async fn a_range_of_nothing_is_refused(subject: Subject<'_>) -> Outcome {
    let id = filed(subject, document(subject)?, b"hello world".to_vec()).await?;
    let url = url(subject, id).await?;
    for range in [
        ByteRange::starting_at(0).until(0),
        ByteRange::starting_at(4).until(4),
        ByteRange::starting_at(5).until(4),
    ] {
        let asked = subject.transfers().get(&url, Some(range)).await;
        refused("asking for a range of nothing", asked, &[ErrorKind::InvalidInput])?;
    }
    Ok(())
}

pub(super) async fn a_range_past_the_end_is_refused(subject: Subject<'_>) -> Outcome {
    let content: &[u8] = b"0123456789";
    let id = filed(subject, document(subject)?, content).await?;
    let url = url(subject, id).await?;
    for range in
        [ByteRange::starting_at(11), ByteRange::starting_at(11).until(12), ByteRange::starting_at(1_000_000)]
    {
        let result = subject.transfers().get(&url, Some(range.clone())).await;
        if subject.honours_ranges() {
            refused("reading a range past the end", result, &[ErrorKind::Rejected])?;
        } else if let Ok(incoming) = result {
            let at = "a file of which a range past the end was asked for";
            are_these(at, &body(at, incoming, content.len()).await?, content)?;
        }
    }
    Ok(())
}

pub(super) async fn a_range_of_another_version_is_the_whole(subject: Subject<'_>) -> Outcome {
    let content: &[u8] = b"0123456789";
    let id = filed(subject, document(subject)?, content).await?;
    let url = url(subject, id).await?;
    let first = done("downloading a file", subject.transfers().get(&url, None).await)?;
    // A store that gives no versions cannot be asked for one.
    let Some(version) = first.version else { return Ok(()) };
    range_is(subject, &url, ByteRange::starting_at(4).until(6).if_version(version), content).await?;
    let another = ByteRange::starting_at(4).until(6).if_version("\"another\"");
    let at = "a file of which a range of another version was asked for";
    let incoming = done(format!("downloading {at}"), subject.transfers().get(&url, Some(another)).await)?;
    same(format!("where {at} begins"), &incoming.start, &0)?;
    are_these(at, &body(at, incoming, content.len()).await?, content)
}
