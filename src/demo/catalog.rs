//! `bookshop.v1.Catalog`: all but two of its methods take one request and give one answer.

use std::{collections::HashSet, sync::Arc, time::Duration};

use descant_handlers::{
    Handler, Status,
    typed::{self, Context, Incoming, Methods, Sender, generate},
};
use futures_core::Stream;
use tokio::{sync::broadcast::error::RecvError, time};

use super::{
    messages::{
        Book, BookId, Cause, CreateBookRequest, Genre, ImportSummary, ListBooksRequest, ListBooksResponse, PriceChange,
        Refused, SearchBooksRequest, SearchResult, SetPriceRequest, WatchPricesRequest,
    },
    money::Cents,
    shop::{Shop, cents, invalid, price_of, words, wrong},
};

const PAGE: usize = 20;
const MOST_A_PAGE: usize = 100;
/// Prices are not repeated more often.
const SHORTEST_REPEAT: Duration = Duration::from_millis(100);
/// How many refused books an import reports one by one.
const MOST_REFUSED: usize = 100;

pub(super) fn handler(shop: &Arc<Shop>) -> impl Handler {
    let with = |shop: &Arc<Shop>| Arc::clone(shop);
    let (list, get, create, delete) = (with(shop), with(shop), with(shop), with(shop));
    let (set_price, search, watch, import) = (with(shop), with(shop), with(shop), with(shop));
    Methods::new()
        .on("ListBooks", unary(move |request| list_books(&list, &request)))
        .on("GetBook", unary(move |request: BookId| get.get(&request.id)))
        .on(
            "CreateBook",
            unary(move |request: CreateBookRequest| create.add(request.book.unwrap_or_default())),
        )
        .on("DeleteBook", unary(move |request: BookId| delete.remove(&request.id)))
        .on("SetPrice", unary(move |request| change_price(&set_price, &request)))
        .on(
            "SearchBooks",
            typed::server_streaming(move |request: SearchBooksRequest, _: Context| {
                let shop = Arc::clone(&search);
                async move { search_books(&shop, &request) }
            }),
        )
        .on(
            "WatchPrices",
            typed::server_streaming(move |request: WatchPricesRequest, _: Context| {
                let shop = Arc::clone(&watch);
                async move {
                    let repeat = repeat(&request)?;
                    Ok(generate(|sender| watch_prices(shop, request, repeat, sender)))
                }
            }),
        )
        .on(
            "ImportBooks",
            typed::client_streaming(move |books: Incoming<Book>, _: Context| {
                let shop = Arc::clone(&import);
                async move { import_books(&shop, books).await }
            }),
        )
}

/// A handler from a function that does not wait for anything.
pub(super) fn unary<M, R>(answer: impl Fn(M) -> Result<R, Status> + Send + Sync + 'static) -> impl Handler
where
    M: prost::Message + Default + 'static,
    R: prost::Message + Default + 'static,
{
    typed::unary(move |request: M, _: Context| std::future::ready(answer(request)))
}

fn list_books(shop: &Shop, request: &ListBooksRequest) -> Result<ListBooksResponse, Status> {
    let mut wrong = Vec::new();
    let size = match usize::try_from(request.page_size) {
        Ok(0) => PAGE,
        Ok(size) => size.min(MOST_A_PAGE),
        Err(_) => {
            wrong.push(("page_size".into(), "is negative".into()));
            PAGE
        }
    };
    let at_most = request
        .at_most
        .as_ref()
        .map(|money| Cents::price(Some(money)))
        .transpose();
    let at_most = at_most.unwrap_or_else(|what| {
        wrong.push(("at_most".into(), what));
        None
    });
    if Genre::try_from(request.genre).is_err() {
        wrong.push(("genre".into(), "is no Genre".into()));
    }
    invalid(wrong)?;
    let fits = |book: &Book| {
        (request.genre == Genre::Unspecified as i32 || book.genre == request.genre)
            && at_most.is_none_or(|most| cents(book) <= most)
    };
    let mut books: Vec<_> = shop.all().into_iter().filter(fits).collect();
    let total_size = i32::try_from(books.len()).unwrap_or(i32::MAX);
    // A page token is the id that the page begins behind, so that pages stay right while books come and go.
    let start = books.partition_point(|book| book.id <= request.page_token);
    books.drain(..start);
    let more = books.len() > size;
    books.truncate(size);
    let last = books.last().filter(|_| more).map(|book| book.id.clone());
    Ok(ListBooksResponse {
        books,
        next_page_token: last.unwrap_or_default(),
        total_size,
    })
}

fn change_price(shop: &Shop, request: &SetPriceRequest) -> Result<PriceChange, Status> {
    let price = Cents::price(request.price.as_ref()).map_err(|what| wrong("price", what))?;
    shop.set_price(&request.id, price)
}

fn search_books(
    shop: &Shop,
    request: &SearchBooksRequest,
) -> Result<impl Stream<Item = Result<SearchResult, Status>> + use<>, Status> {
    let words = words(&request.query);
    if words.is_empty() {
        return Err(wrong("query", "has no word in it"));
    }
    let mut found = shop.search(&words);
    if let Some(most) = usize::try_from(request.most).ok().filter(|most| *most > 0) {
        found.truncate(most);
    }
    Ok(generate(|sender| async move {
        for result in found {
            sender.send(result).await?;
        }
        Ok(())
    }))
}

/// How often prices are to be repeated; not at all if that is left out.
fn repeat(request: &WatchPricesRequest) -> Result<Option<Duration>, Status> {
    let repeat = request.repeat.map(Duration::try_from).transpose();
    let repeat = repeat.map_err(|_| wrong("repeat", "is negative"))?;
    Ok(repeat.map(|repeat| repeat.max(SHORTEST_REPEAT)))
}

async fn watch_prices(
    shop: Arc<Shop>,
    request: WatchPricesRequest,
    repeat: Option<Duration>,
    sender: Sender<PriceChange>,
) -> Result<(), Status> {
    let mut changes = shop.watch();
    // A set: a caller may name the same book a hundred thousand times.
    let watched: HashSet<_> = request.ids.into_iter().collect();
    for id in &watched {
        shop.get(id)?;
    }
    let is_watched = |id: &String| watched.is_empty() || watched.contains(id);
    let current = || {
        shop.all()
            .into_iter()
            .filter(|book| is_watched(&book.id))
            .map(|book| price_of(&book, Cause::Current))
    };
    let mut left = usize::try_from(request.most)
        .ok()
        .filter(|most| *most > 0)
        .unwrap_or(usize::MAX);
    let mut due: Vec<_> = current().collect();
    loop {
        for change in due.drain(..).take(left) {
            sender.send(change).await?;
            left -= 1;
        }
        if left == 0 {
            return Ok(());
        }
        due = tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => Some(change).filter(|change| is_watched(&change.id)).into_iter().collect(),
                // Too slow for so many changes: what is true now counts.
                Err(RecvError::Lagged(_)) => current().collect(),
                Err(RecvError::Closed) => return Ok(()),
            },
            () = quiet(repeat) => current().collect(),
        };
    }
}

/// Ends after `repeat`, or never.
async fn quiet(repeat: Option<Duration>) {
    match repeat {
        Some(repeat) => time::sleep(repeat).await,
        None => std::future::pending().await,
    }
}

async fn import_books(shop: &Shop, mut books: Incoming<Book>) -> Result<ImportSummary, Status> {
    let mut summary = ImportSummary::default();
    let mut index = 0;
    while let Some(book) = books.next().await {
        let book = book?;
        let (title, genre) = (book.title.clone(), book.genre());
        match shop.add(book) {
            Ok(_) => {
                summary.imported += 1;
                *summary.by_genre.entry(genre.name().into()).or_default() += 1;
            }
            Err(status) if summary.refused.len() < MOST_REFUSED => summary.refused.push(Refused {
                index,
                title,
                reason: status.message().into(),
            }),
            Err(_) => {
                return Err(Status::resource_exhausted(
                    "too many of the books were refused to go on",
                ));
            }
        }
        index += 1;
    }
    Ok(summary)
}
