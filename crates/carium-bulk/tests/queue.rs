//! A queue from end to end, in one process: in a file, against a Carium in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium_bulk::rows::RowOptions;
use carium_bulk::{Bulk, Counts, WorkOptions};
use carium_mock::FakeCarium;

use self::support::{Place, furnish, letter, lines, patient, whole_row, write_letters};

/// Works until nothing waits, and gives the books.
async fn work(bulk: &Bulk, fake: &FakeCarium, place: &Place) -> Counts {
    let options = WorkOptions::new().until_settled();
    let folder = place.folder.path().to_owned();
    let working = bulk.work(options, |ledger| fake.client().onboarding(ledger).documents_in(folder)).await.unwrap();
    working.stopped().await.unwrap();
    bulk.status().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_in_and_patients_come_out() {
    let (place, fake) = (Place::new(), FakeCarium::new());
    furnish(&fake);
    write_letters(place.folder.path(), 0..20);
    let file = place.write("patients.ndjson", &lines((0..20).map(|number| whole_row(&fake, number))));
    let bulk = place.open(&fake).await;
    let submission = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((submission.rows(), submission.new), (20, 20));
    assert_eq!(bulk.status().await.unwrap().waiting, 20);

    let counts = work(&bulk, &fake, &place).await;

    assert_eq!((counts.done, counts.rows()), (20, 20));
    assert_eq!(fake.patients().len(), 20);
    assert_eq!(fake.appointments().len(), 20);
    let documents = fake.documents();
    assert_eq!(documents.len(), 20);
    for document in documents {
        let number = document.attributes.name.as_str().rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(fake.document_bytes(document.id).unwrap(), letter(number).as_bytes());
        assert_eq!(fake.invitations_to(&format!("zoe{number}@example.com")).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_submitted_again() {
    let (place, fake) = (Place::new(), FakeCarium::new());
    let rows = |range: std::ops::Range<usize>| lines(range.map(|number| patient(&fake, number)));
    let file = place.write("patients.ndjson", &rows(0..10));
    let bulk = place.open(&fake).await;
    bulk.submit(&file, RowOptions::new()).await.unwrap();
    work(&bulk, &fake, &place).await;

    let same = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((same.new, same.known, same.changed), (0, 10, 0));
    assert_eq!(work(&bulk, &fake, &place).await.done, 10);
    assert_eq!(fake.patients().len(), 10);

    let grown = rows(0..12);
    place.write("patients.ndjson", &grown);
    let grown = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((grown.new, grown.known, grown.changed), (2, 10, 0));
    assert_eq!(work(&bulk, &fake, &place).await.done, 12);

    // A row that says something else, a key that is there twice, and a row that is none.
    let mut odd = rows(0..12).replace("Zoë3\"", "Zoe3\"");
    odd.push_str(&patient(&fake, 5));
    odd.push_str("\n{\"first-name\": 1}\n");
    place.write("patients.ndjson", &odd);
    let odd = bulk.submit(&file, RowOptions::new()).await.unwrap();
    assert_eq!((odd.new, odd.known, odd.changed, odd.wrong), (0, 12, 1, 1));
    assert_eq!(odd.changed_lines, [4]);
    assert_eq!(work(&bulk, &fake, &place).await.done, 12);
    assert_eq!(fake.patients().len(), 12);
}
