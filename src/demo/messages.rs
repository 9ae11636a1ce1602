//! The messages of `bookshop.proto`, written by hand with prost's derive: there is no code generator in this build.

use std::collections::HashMap;

use prost::{Enumeration, Message, Oneof};
use prost_types::{Duration, Timestamp};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Book {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) title: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) subtitle: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) authors: Vec<Author>,
    #[prost(enumeration = "Genre", tag = "5")]
    pub(crate) genre: i32,
    #[prost(message, optional, tag = "6")]
    pub(crate) price: Option<Money>,
    #[prost(message, optional, tag = "7")]
    pub(crate) published: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub(crate) reading_time: Option<Duration>,
    #[prost(map = "string, string", tag = "9")]
    pub(crate) labels: HashMap<String, String>,
    #[prost(oneof = "Format", tags = "10, 11, 12")]
    pub(crate) format: Option<Format>,
    #[prost(int32, tag = "13")]
    pub(crate) in_stock: i32,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Format {
    #[prost(message, tag = "10")]
    Paper(Paper),
    #[prost(message, tag = "11")]
    Ebook(Ebook),
    #[prost(message, tag = "12")]
    Audio(Audio),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Paper {
    #[prost(int32, tag = "1")]
    pub(crate) pages: i32,
    #[prost(enumeration = "Binding", tag = "2")]
    pub(crate) binding: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Binding {
    Unspecified = 0,
    Paperback = 1,
    Hardcover = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ebook {
    #[prost(string, tag = "1")]
    pub(crate) file_type: String,
    #[prost(int64, tag = "2")]
    pub(crate) size_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Audio {
    #[prost(message, optional, tag = "1")]
    pub(crate) length: Option<Duration>,
    #[prost(string, tag = "2")]
    pub(crate) narrator: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Author {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int32, optional, tag = "2")]
    pub(crate) born: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum Genre {
    Unspecified = 0,
    Novel = 1,
    Drama = 2,
    Poetry = 3,
    Science = 4,
    Fantasy = 5,
}

impl Genre {
    /// As the descriptor spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "GENRE_UNSPECIFIED",
            Self::Novel => "NOVEL",
            Self::Drama => "DRAMA",
            Self::Poetry => "POETRY",
            Self::Science => "SCIENCE",
            Self::Fantasy => "FANTASY",
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Money {
    #[prost(string, tag = "1")]
    pub(crate) currency: String,
    #[prost(int64, tag = "2")]
    pub(crate) units: i64,
    #[prost(int32, tag = "3")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListBooksRequest {
    #[prost(int32, tag = "1")]
    pub(crate) page_size: i32,
    #[prost(string, tag = "2")]
    pub(crate) page_token: String,
    #[prost(enumeration = "Genre", tag = "3")]
    pub(crate) genre: i32,
    #[prost(message, optional, tag = "4")]
    pub(crate) at_most: Option<Money>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListBooksResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) books: Vec<Book>,
    #[prost(string, tag = "2")]
    pub(crate) next_page_token: String,
    #[prost(int32, tag = "3")]
    pub(crate) total_size: i32,
}

/// `GetBookRequest` and `DeleteBookRequest`, which have the same fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BookId {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateBookRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) book: Option<Book>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetPriceRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) price: Option<Money>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SearchBooksRequest {
    #[prost(string, tag = "1")]
    pub(crate) query: String,
    #[prost(int32, tag = "2")]
    pub(crate) most: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SearchResult {
    #[prost(message, optional, tag = "1")]
    pub(crate) book: Option<Book>,
    #[prost(double, tag = "2")]
    pub(crate) score: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WatchPricesRequest {
    #[prost(string, repeated, tag = "1")]
    pub(crate) ids: Vec<String>,
    #[prost(int32, tag = "2")]
    pub(crate) most: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) repeat: Option<Duration>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PriceChange {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) price: Option<Money>,
    #[prost(enumeration = "Cause", tag = "3")]
    pub(crate) cause: i32,
    #[prost(message, optional, tag = "4")]
    pub(crate) time: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Cause {
    Unspecified = 0,
    Current = 1,
    Set = 2,
    Demand = 3,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportSummary {
    #[prost(int32, tag = "1")]
    pub(crate) imported: i32,
    #[prost(map = "string, int32", tag = "2")]
    pub(crate) by_genre: HashMap<String, i32>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) refused: Vec<Refused>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Refused {
    #[prost(int32, tag = "1")]
    pub(crate) index: i32,
    #[prost(string, tag = "2")]
    pub(crate) title: String,
    #[prost(string, tag = "3")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlaceOrderRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) items: Vec<Item>,
    #[prost(oneof = "Delivery", tags = "2, 3")]
    pub(crate) delivery: Option<Delivery>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) book_id: String,
    #[prost(int32, tag = "2")]
    pub(crate) quantity: i32,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Delivery {
    #[prost(bool, tag = "2")]
    Collect(bool),
    #[prost(string, tag = "3")]
    Address(String),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Order {
    #[prost(int64, tag = "1")]
    pub(crate) number: i64,
    #[prost(message, optional, tag = "2")]
    pub(crate) total: Option<Money>,
    #[prost(message, optional, tag = "3")]
    pub(crate) placed: Option<Timestamp>,
    #[prost(message, optional, tag = "4")]
    pub(crate) delivery_time: Option<Duration>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChatMessage {
    #[prost(enumeration = "Speaker", tag = "1")]
    pub(crate) speaker: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) time: Option<Timestamp>,
    #[prost(oneof = "Content", tags = "3, 4")]
    pub(crate) content: Option<Content>,
}

#[derive(Clone, PartialEq, Oneof)]
#[allow(clippy::large_enum_variant)] // prost boxes on request, and then every use says so.
pub(crate) enum Content {
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(message, tag = "4")]
    Book(Book),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Speaker {
    Unspecified = 0,
    Customer = 1,
    Bookseller = 2,
}
