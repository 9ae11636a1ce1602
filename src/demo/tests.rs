//! The shop, called without a network.

use std::{path::Path, sync::Arc};

use descant_handlers::{Call, Code, Handler, Message, Messages, Status};
use prost::Message as _;

use super::{
    catalog, desk,
    details::{BadRequest, PreconditionFailure},
    messages::{
        Author, Book, BookId, Cause, ChatMessage, Content, CreateBookRequest, Genre, ImportSummary, Item,
        ListBooksRequest, ListBooksResponse, Order, PlaceOrderRequest, PriceChange, SearchBooksRequest, SearchResult,
        SetPriceRequest, WatchPricesRequest,
    },
    money::Cents,
    schema,
    shop::Shop,
};

/// After a change of `bookshop.proto`, run this test with `UPDATE_SHIPPED=1`.
#[test]
fn the_compiled_set_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("src/demo");
    let mut compiler = protox::Compiler::new([&folder, &root.join("descriptors/protos")]).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file("bookshop.proto").unwrap();
    let built = compiler.encode_file_descriptor_set();
    if std::env::var_os("UPDATE_SHIPPED").is_some() {
        std::fs::write(folder.join("bookshop.binpb"), &built).unwrap();
    }
    let same = std::fs::read(folder.join("bookshop.binpb")).unwrap() == built;
    assert!(
        same,
        "bookshop.binpb is older than bookshop.proto: run this test with UPDATE_SHIPPED=1"
    );
}

#[test]
fn nothing_is_found_in_the_schema() {
    let schema = schema().unwrap();
    assert_eq!(schema.findings(), []);
    assert_eq!(schema.method_count(), 10);
}

#[test]
fn the_shelf_fits_the_descriptors() {
    let book = schema().unwrap().message("bookshop.v1.Book").unwrap();
    for sold in super::shelf::books() {
        assert!(sold.published.is_some(), "{}", sold.id);
        let tree = Message::from_prost(&sold).into_tree(&book).unwrap();
        assert_eq!(tree.unknown_fields().count(), 0);
        assert_eq!(tree.encode_to_vec().len(), sold.encoded_len());
    }
}

/// A shop with nothing sold yet.
struct Open {
    catalog: Box<dyn Handler>,
    desk: Box<dyn Handler>,
}

impl Open {
    fn new() -> Self {
        let shop = Arc::new(Shop::new());
        Self {
            catalog: Box::new(catalog::handler(&shop)),
            desk: Box::new(desk::handler(&shop)),
        }
    }

    async fn call(&self, path: &str, requests: Vec<Message>) -> Result<Messages, Status> {
        let method = schema().unwrap().method(path).unwrap();
        let requests = Messages::generate(|sender| async move {
            for request in requests {
                sender.send(request).await?;
            }
            Ok(())
        });
        let handler = if path.contains("Desk") {
            &self.desk
        } else {
            &self.catalog
        };
        Ok(handler.call(Call::new(method, requests)).await?.messages)
    }

    async fn all<R: prost::Message + Default>(&self, path: &str, requests: Vec<Message>) -> Result<Vec<R>, Status> {
        let mut replies = self.call(path, requests).await?;
        let mut all = Vec::new();
        while let Some(reply) = replies.next().await {
            all.push(reply?.decode::<R>()?);
        }
        Ok(all)
    }

    async fn one<R: prost::Message + Default>(&self, path: &str, request: &impl prost::Message) -> Result<R, Status> {
        let replies = self.all(path, vec![Message::from_prost(request)]).await?;
        assert_eq!(replies.len(), 1);
        Ok(replies.into_iter().next().unwrap())
    }
}

fn id(id: &str) -> BookId {
    BookId { id: id.into() }
}

fn new_book(title: &str) -> Book {
    Book {
        title: title.into(),
        authors: vec![Author::default()],
        genre: Genre::Novel.into(),
        price: Some(Cents::new(500).money()),
        ..Book::default()
    }
}

fn order(book: &str, quantity: i32) -> PlaceOrderRequest {
    PlaceOrderRequest {
        items: vec![Item {
            book_id: book.into(),
            quantity,
        }],
        delivery: None,
    }
}

/// The detail of this type.
fn detail<M: prost::Name + Default>(status: &Status) -> M {
    status.details().iter().find_map(|any| any.to_msg::<M>().ok()).unwrap()
}

#[tokio::test]
async fn pages_follow_each_other() {
    let shop = Open::new();
    let mut request = ListBooksRequest {
        page_size: 3,
        ..ListBooksRequest::default()
    };
    let mut ids = Vec::new();
    loop {
        let page: ListBooksResponse = shop.one("/bookshop.v1.Catalog/ListBooks", &request).await.unwrap();
        assert_eq!(page.total_size, 8);
        ids.extend(page.books.into_iter().map(|book| book.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(ids.len(), 8);
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn books_come_and_go() {
    let shop = Open::new();
    let request = CreateBookRequest {
        book: Some(new_book("Bouvard et Pécuchet")),
    };
    let created: Book = shop.one("/bookshop.v1.Catalog/CreateBook", &request).await.unwrap();
    assert_eq!(created.id, "bouvard-et-pcuchet");
    let again = shop
        .one::<Book>("/bookshop.v1.Catalog/CreateBook", &request)
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    shop.one::<()>("/bookshop.v1.Catalog/DeleteBook", &id(&created.id))
        .await
        .unwrap();
    let gone = shop
        .one::<Book>("/bookshop.v1.Catalog/GetBook", &id(&created.id))
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn everything_that_is_wrong_is_named() {
    let shop = Open::new();
    let request = CreateBookRequest { book: None };
    let status = shop
        .one::<Book>("/bookshop.v1.Catalog/CreateBook", &request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "book.title: is needed (and 2 more)");
    let fields: Vec<_> = detail::<BadRequest>(&status)
        .field_violations
        .into_iter()
        .map(|wrong| wrong.field)
        .collect();
    assert_eq!(fields, ["book.title", "book.authors", "book.price"]);
}

#[tokio::test]
async fn orders_take_from_the_stock_and_raise_the_price() {
    let shop = Open::new();
    let placed: Order = shop
        .one("/bookshop.v1.Desk/PlaceOrder", &order("hamlet", 2))
        .await
        .unwrap();
    assert_eq!(placed.total, Some(Cents::new(1300).money()));
    let book: Book = shop.one("/bookshop.v1.Catalog/GetBook", &id("hamlet")).await.unwrap();
    assert_eq!((book.in_stock, book.price), (7, Some(Cents::new(663).money())));
    let status = shop
        .one::<Order>("/bookshop.v1.Desk/PlaceOrder", &order("hamlet", 8))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(
        detail::<PreconditionFailure>(&status).violations[0].description,
        "only 7 left"
    );
}

#[tokio::test]
async fn the_best_find_comes_first() {
    let request = SearchBooksRequest {
        query: "war and the art".into(),
        most: 2,
    };
    let found: Vec<SearchResult> = Open::new()
        .all("/bookshop.v1.Catalog/SearchBooks", vec![Message::from_prost(&request)])
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].book.as_ref().unwrap().id, "the-art-of-war");
    assert!(found[0].score > found[1].score);
}

#[tokio::test]
async fn watchers_are_told_of_changes() {
    let shop = Open::new();
    let watch = WatchPricesRequest {
        ids: vec!["emma".into()],
        most: 3,
        repeat: None,
    };
    let requests = vec![Message::from_prost(&watch)];
    let mut changes = shop.call("/bookshop.v1.Catalog/WatchPrices", requests).await.unwrap();
    let mut causes = Vec::new();
    while let Some(change) = changes.next().await {
        let change: PriceChange = change.unwrap().decode().unwrap();
        causes.push(change.cause());
        let set = SetPriceRequest {
            id: "emma".into(),
            price: Some(Cents::new(1000).money()),
        };
        match causes.len() {
            1 => drop(
                shop.one::<PriceChange>("/bookshop.v1.Catalog/SetPrice", &set)
                    .await
                    .unwrap(),
            ),
            2 => drop(
                shop.one::<Order>("/bookshop.v1.Desk/PlaceOrder", &order("emma", 1))
                    .await
                    .unwrap(),
            ),
            _ => {}
        }
    }
    assert_eq!(causes, [Cause::Current, Cause::Set, Cause::Demand]);
}

#[tokio::test]
async fn imports_are_summed_up() {
    let books = [new_book("One"), new_book("Two"), new_book("One"), Book::default()];
    let books = books.iter().map(Message::from_prost).collect();
    let summary: Vec<ImportSummary> = Open::new()
        .all("/bookshop.v1.Catalog/ImportBooks", books)
        .await
        .unwrap();
    assert_eq!(summary[0].imported, 2);
    assert_eq!(summary[0].by_genre["NOVEL"], 2);
    let refused: Vec<_> = summary[0].refused.iter().map(|book| book.index).collect();
    assert_eq!(refused, [2, 3]);
}

#[tokio::test]
async fn the_bookseller_knows_the_catalogue() {
    let say = |text: &str| {
        Message::from_prost(&ChatMessage {
            content: Some(Content::Text(text.into())),
            ..ChatMessage::default()
        })
    };
    let talk = vec![say("Do you have anything by Shakespeare?"), say("And about gardening?")];
    let said: Vec<ChatMessage> = Open::new().all("/bookshop.v1.Desk/Chat", talk).await.unwrap();
    let [
        Some(Content::Text(first)),
        Some(Content::Book(book)),
        Some(Content::Text(last)),
    ] = [0, 1, 2].map(|index: usize| said[index].content.clone())
    else {
        panic!("{said:#?}");
    };
    assert_eq!(first, "\"Hamlet\" by William Shakespeare: 6.50 EUR, 9 of them left.");
    assert_eq!(book.id, "hamlet");
    assert_eq!(last, "Nothing about gardening here, I am afraid.");
}
