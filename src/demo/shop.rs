//! The shop: its books and what happens to them. In memory, and bounded.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

use descant_handlers::Status;
use prost::Message;
use prost_types::Timestamp;
use tokio::sync::broadcast;

use super::{
    details::{BadRequest, ErrorInfo, FieldViolation, PreconditionFailure, ResourceInfo, Violation},
    messages::{Book, Cause, Genre, Item, PriceChange, SearchResult},
    money::Cents,
    shelf,
};

/// How many books the shop has room for: anyone may add some.
const MOST_BOOKS: usize = 1000;
/// How large a book may be, encoded.
const MOST_BYTES: usize = 4 << 10;
/// How many price changes wait for a watcher that is slow. One that falls behind further is told all prices anew.
const BACKLOG: usize = 64;
const DOMAIN: &str = "bookshop.example";

/// Books by id. An id, once given, stays.
pub(super) struct Shop {
    books: Mutex<BTreeMap<String, Book>>,
    changes: broadcast::Sender<PriceChange>,
    orders: AtomicI64,
}

impl Shop {
    pub(super) fn new() -> Self {
        let books = shelf::books().into_iter().map(|book| (book.id.clone(), book)).collect();
        Self {
            books: Mutex::new(books),
            changes: broadcast::channel(BACKLOG).0,
            orders: AtomicI64::new(1),
        }
    }

    /// Held for the length of one change, never across an await.
    fn books(&self) -> MutexGuard<'_, BTreeMap<String, Book>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Book> {
        self.books().values().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Result<Book, Status> {
        self.books().get(id).cloned().ok_or_else(|| no_book(id))
    }

    pub(super) fn add(&self, mut book: Book) -> Result<Book, Status> {
        if book.id.is_empty() {
            book.id = slug(&book.title);
        }
        check(&book)?;
        let mut books = self.books();
        if books.contains_key(&book.id) {
            let what = format!("there is a book {:?} already", book.id);
            return Err(Status::already_exists(what).with_detail(&resource(&book.id, "choose another id")));
        }
        if books.len() >= MOST_BOOKS {
            let what = format!("the shop has room for {MOST_BOOKS} books; delete some first");
            return Err(Status::resource_exhausted(what).with_detail(&info("SHELVES_FULL", [])));
        }
        books.insert(book.id.clone(), book.clone());
        Ok(book)
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), Status> {
        self.books().remove(id).map(|_| ()).ok_or_else(|| no_book(id))
    }

    pub(super) fn set_price(&self, id: &str, price: Cents) -> Result<PriceChange, Status> {
        let mut books = self.books();
        let book = books.get_mut(id).ok_or_else(|| no_book(id))?;
        Ok(self.change(book, price, Cause::Set))
    }

    /// Takes the items out of stock, all or none. The number of the order, and what it costs.
    pub(super) fn order(&self, items: &[Item]) -> Result<(i64, Cents), Status> {
        let mut wanted: BTreeMap<&str, i32> = BTreeMap::new();
        for item in items {
            let sum = wanted.entry(&item.book_id).or_default();
            *sum = sum.saturating_add(item.quantity);
        }
        let mut books = self.books();
        let mut total = Cents::new(0);
        let mut short = Vec::new();
        for (id, quantity) in &wanted {
            let book = books.get(*id).ok_or_else(|| no_book(id))?;
            if book.in_stock < *quantity {
                short.push((id.to_string(), book.in_stock));
            }
            total = total.plus(cents(book).times(*quantity));
        }
        if !short.is_empty() {
            return Err(out_of_stock(&short));
        }
        for (id, quantity) in wanted {
            if let Some(book) = books.get_mut(id) {
                book.in_stock -= quantity;
                self.change(book, cents(book).raised(), Cause::Demand);
            }
        }
        Ok((self.orders.fetch_add(1, Ordering::Relaxed), total))
    }

    fn change(&self, book: &mut Book, price: Cents, cause: Cause) -> PriceChange {
        book.price = Some(price.money());
        let change = price_of(book, cause);
        // It fails if nobody watches, which is no failure.
        let _ = self.changes.send(change.clone());
        change
    }

    /// Changes from now on.
    pub(super) fn watch(&self) -> broadcast::Receiver<PriceChange> {
        self.changes.subscribe()
    }

    /// The books in which at least one of the words is found, and how many of them are; best first.
    pub(super) fn search(&self, words: &[String]) -> Vec<SearchResult> {
        let mut found = Vec::new();
        for book in self.books().values() {
            let text = text_of(book);
            let fitting = words.iter().filter(|word| text.contains(word.as_str())).count();
            if fitting > 0 {
                found.push((fitting, book.clone()));
            }
        }
        found.sort_by_key(|(fitting, _)| std::cmp::Reverse(*fitting));
        let result = |(fitting, book)| SearchResult {
            book: Some(book),
            score: ratio(fitting, words.len()),
        };
        found.into_iter().map(result).collect()
    }
}

/// The first words of a text, in lower case; of long ones their beginning.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .take(32)
        .map(|word| word.chars().take(64).flat_map(char::to_lowercase).collect())
        .collect()
}

#[allow(clippy::cast_precision_loss)] // A few dozen words.
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// What is searched, in lower case.
fn text_of(book: &Book) -> String {
    let authors = book.authors.iter().map(|author| author.name.as_str());
    let labels = book.labels.values().map(String::as_str);
    let parts = [
        book.title.as_str(),
        book.subtitle(),
        Genre::try_from(book.genre).map_or("", Genre::name),
    ];
    parts
        .into_iter()
        .chain(authors)
        .chain(labels)
        .collect::<Vec<_>>()
        .join("\n")
        .to_lowercase()
}

pub(super) fn price_of(book: &Book, cause: Cause) -> PriceChange {
    PriceChange {
        id: book.id.clone(),
        price: book.price.clone(),
        cause: cause.into(),
        time: Some(now()),
    }
}

#[allow(clippy::disallowed_methods, reason = "the hour for people, not for deadlines")]
pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The price of a book in the shop, which was checked when it came.
pub(super) fn cents(book: &Book) -> Cents {
    Cents::price(book.price.as_ref()).unwrap_or(Cents::new(0))
}

/// `The Art of War` becomes `the-art-of-war`.
fn slug(title: &str) -> String {
    words(title).join("-").chars().filter(char::is_ascii).collect()
}

/// Everything that is wrong with a book, at once.
fn check(book: &Book) -> Result<(), Status> {
    let fits = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-');
    let mut wrong = Vec::new();
    let mut field = |is_wrong: bool, field: &str, what: &str| {
        if is_wrong {
            wrong.push((field.to_owned(), what.to_owned()));
        }
    };
    field(book.title.trim().is_empty(), "book.title", "is needed");
    field(
        !book.title.is_empty() && book.id.is_empty(),
        "book.id",
        "cannot be made from this title",
    );
    field(
        !book.id.chars().all(fits),
        "book.id",
        "has other characters than a to z, 0 to 9 and -",
    );
    field(book.id.len() > 64, "book.id", "is longer than 64 characters");
    field(book.authors.is_empty(), "book.authors", "somebody must have written it");
    field(Genre::try_from(book.genre).is_err(), "book.genre", "is no Genre");
    field(book.in_stock < 0, "book.in_stock", "is negative");
    field(book.encoded_len() > MOST_BYTES, "book", "is larger than 4 KiB");
    if let Err(what) = Cents::price(book.price.as_ref()) {
        field(true, "book.price", &what);
    }
    invalid(wrong)
}

/// `INVALID_ARGUMENT` with a violation for each field, if there are any.
pub(super) fn invalid(wrong: Vec<(String, String)>) -> Result<(), Status> {
    match wrong.len() {
        0 => Ok(()),
        _ => Err(violations(wrong)),
    }
}

/// `INVALID_ARGUMENT` for one field.
pub(super) fn wrong(field: &str, what: impl Into<String>) -> Status {
    violations(vec![(field.to_owned(), what.into())])
}

fn violations(wrong: Vec<(String, String)>) -> Status {
    let first = wrong
        .first()
        .map(|(field, what)| format!("{field}: {what}"))
        .unwrap_or_default();
    let more = match wrong.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let violation = |(field, description)| FieldViolation { field, description };
    Status::invalid_argument(first + &more).with_detail(&BadRequest {
        field_violations: wrong.into_iter().map(violation).collect(),
    })
}

fn no_book(id: &str) -> Status {
    // A caller's text comes back cut: it may be long.
    let id: String = id.chars().take(64).collect();
    let status = Status::not_found(format!("there is no book {id:?}; ListBooks names those that there are"));
    status
        .with_detail(&resource(&id, ""))
        .with_detail(&info("NO_SUCH_BOOK", [("id", id.clone())]))
}

fn out_of_stock(short: &[(String, i32)]) -> Status {
    let violation = |(id, left): &(String, i32)| Violation {
        kind: "STOCK".into(),
        subject: format!("books/{id}"),
        description: format!("only {left} left"),
    };
    let names: Vec<_> = short.iter().map(|(id, left)| format!("{id} ({left} left)")).collect();
    Status::failed_precondition(format!("not enough in stock: {}", names.join(", ")))
        .with_detail(&PreconditionFailure {
            violations: short.iter().map(violation).collect(),
        })
        .with_detail(&info("OUT_OF_STOCK", short.first().map(|(id, _)| ("id", id.clone()))))
}

fn info(reason: &str, metadata: impl IntoIterator<Item = (&'static str, String)>) -> ErrorInfo {
    ErrorInfo {
        reason: reason.into(),
        domain: DOMAIN.into(),
        metadata: metadata
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn resource(id: &str, description: &str) -> ResourceInfo {
    ResourceInfo {
        resource_type: "bookshop.v1.Book".into(),
        resource_name: format!("books/{id}"),
        description: description.into(),
    }
}
