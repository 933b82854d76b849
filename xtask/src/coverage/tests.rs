//! Calls that are followed, and calls that cannot be told, in files that are made up here.

use super::calls::Calls;
use super::reach::{Known, Reach};
use super::source::Source;

const ROOMS: &str = "
    use std::sync::Arc;
    use carium_api::{Client, operations};

    pub trait Rooms { async fn open(&self) -> Result<(), Error>; async fn lock(&self); }
    pub trait House: Rooms {}
    pub struct Error;
    struct Api { client: Client }
    impl Rooms for Api {
        async fn open(&self) -> Result<(), Error> {
            outcome(&operations::OPEN_ROOM, self.client.open_room().send().await)
        }
        async fn lock(&self) { macro_of!(self, LOCK_ROOM, lock_room) }
    }
    pub struct Carium { rooms: Arc<dyn Rooms> }
    impl Carium {
        pub fn rooms(&self) -> &Arc<dyn Rooms> { &self.rooms }
        pub fn visit(&self) -> Visit { Visit { rooms: Arc::clone(&self.rooms) } }
    }
    pub struct Visit { rooms: Arc<dyn Rooms> }
    impl Future for Visit {
        fn poll(self: Pin<&mut Self>) -> Poll<()> { self.rooms.open() }
    }
    // It speaks of an operation, and calls nothing.
    pub fn about() -> &'static Operation { &operations::OPEN_ROOM }
";

const PROGRAM: &str = "
    mod doors;
    mod windows;

    use carium::{Carium, Error, House, Rooms};
    use windows::made;

    type Subject<'a> = &'a dyn House;

    struct Connection { client: Carium }
    async fn connect() -> Result<Connection, Error> { todo!() }
    async fn unless<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> { work.await }
    fn with(then: impl FnOnce(&Carium)) {}

    async fn by_a_field() { let c = connect().await?; c.client.rooms().open().await }
    async fn by_what_is_given_back() { let c = unless(connect()).await?; c.client.rooms().lock().await }
    fn by_an_alias(house: Subject<'_>) { house.open() }
    fn by_a_closure() { with(|client| client.rooms().open()) }
    fn by_a_tuple(client: &Carium) { let (rooms, n) = (client.rooms(), 1); rooms.lock() }
    fn by_a_choice(rooms: Option<&dyn Rooms>) { if let Some(rooms) = rooms { rooms.open() } }
    async fn by_a_list(a: &dyn Rooms, b: &dyn Rooms) { tokio::join!(a.open(), b.lock()); }
    async fn by_a_future(client: &Carium) { client.visit().await }
    fn by_an_import(rooms: &dyn Rooms) { made(rooms) }
    fn by_a_path(rooms: &dyn Rooms) { doors::made(rooms) }
    async fn by_another() { by_a_field().await }

    fn of_something_else(door: Door) { door.open() }
    fn of_what_is_bound_anew(rooms: &dyn Rooms) { let rooms = door(); rooms.open() }
    fn of_a_name_alone() { let open = lock; open() }
";

/// Two functions with one name.
const DOORS: &str = "use carium::Rooms; pub fn made(rooms: &dyn Rooms) { rooms.open() }";
const WINDOWS: &str = "use carium::Rooms; pub fn made(rooms: &dyn Rooms) { rooms.lock() }";

fn reached(function: &str) -> Vec<String> {
    let source = |of_crate, path: &str, text| Source {
        of_crate,
        path: path.to_owned(),
        file: syn::parse_file(text).unwrap(),
    };
    let sources = [
        source("carium", "lib.rs", ROOMS),
        source("carium_cli", "doors.rs", DOORS),
        source("carium_cli", "main.rs", PROGRAM),
        source("carium_cli", "windows.rs", WINDOWS),
    ];
    let calls = Calls::of(&sources);
    let known = ["open_room", "lock_room"].map(|id| Known { id: id.to_owned(), row: id.to_uppercase() });
    let reach = Reach::of(&calls, "carium", &known);
    let id = calls.functions.iter().position(|it| it.name() == function);
    reach.operations(id.unwrap_or_else(|| panic!("there is no {function}"))).into_keys().collect()
}

#[test]
fn calls_are_followed_where_it_can_be_told_what_they_are_made_on() {
    for (function, expected) in [
        ("by_a_field", &["open_room"][..]),
        ("by_what_is_given_back", &["lock_room"]),
        ("by_an_alias", &["open_room"]),
        ("by_a_closure", &["open_room"]),
        ("by_a_tuple", &["lock_room"]),
        ("by_a_choice", &["open_room"]),
        ("by_a_list", &["lock_room", "open_room"]),
        ("by_a_future", &["open_room"]),
        ("by_an_import", &["lock_room"]),
        ("by_a_path", &["open_room"]),
        ("by_another", &["open_room"]),
    ] {
        assert_eq!(reached(function), expected, "{function}");
    }
}

#[test]
fn calls_lead_nowhere_where_it_cannot() {
    for function in ["of_something_else", "of_what_is_bound_anew", "of_a_name_alone", "about"] {
        assert_eq!(reached(function), [] as [&str; 0], "{function}");
    }
}
