//! Lifetime, connections and `Debug` output of the store.

use std::time::Duration;

use carium_mock::object_store::{Object, ObjectStore, PresignPost};
use carium_mock::{Fault, FaultResponse};
use tokio::net::TcpStream;

use crate::support::{connect, read_until_quiet, upload, wait_until};

#[tokio::test]
async fn store_stops_when_last_clone_is_dropped() {
    let store = ObjectStore::start().await.unwrap();
    let address = store.url().strip_prefix("http://").unwrap().to_owned();
    let mut open = connect(&store, "GET ").await;
    let other = store.clone();
    drop(store);
    assert_eq!(upload(&other, "content 1").send().await.status, 204);
    drop(other);
    assert_eq!(read_until_quiet(&mut open, usize::MAX).await, (Vec::new(), true));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn connection_serves_several_requests() {
    let store = ObjectStore::start().await.unwrap();
    let upload = upload(&store, "content 1");
    let request = [upload.head().into_bytes(), upload.body()].concat();
    let stream = connect(&store, [request.clone(), request].concat()).await;
    wait_until(|| store.calls().iter().filter(|call| call.status == Some(204)).count() == 2).await;
    drop(stream);
}

#[tokio::test]
async fn debug_output_contains_no_credentials_and_no_content() {
    let canary = "canary";
    let store = ObjectStore::start().await.unwrap();
    let upload = PresignPost::new(canary).field(canary, canary);
    let form = store.presign_post(upload.clone());
    let object = Object::new(canary).with_file_name(canary);
    store.put_object(canary, object.clone());
    let link = store.presign_get("a/1", Duration::from_secs(60));
    let _ = crate::support::send(crate::support::client().get(&link)).await;
    let response = FaultResponse::status(500).header(canary, canary).body(canary);
    let printed = [
        format!("{upload:?}"),
        format!("{form:?}"),
        format!("{object:?}"),
        format!("{store:?}"),
        format!("{:?}", Fault::on_upload().respond(response.clone())),
        format!("{:?}", Fault::on_upload().respond_early(response)),
        format!("{:?}", Fault::on_download().replace_file(canary)),
        format!("{:?}", store.calls()),
    ];
    let signature = link.rsplit_once('=').unwrap().1;
    for printed in printed {
        assert!(!printed.contains(canary) && !printed.contains(signature), "{printed}");
        assert!(!form.fields.iter().any(|(_, value)| printed.contains(value)), "{printed}");
    }
}
